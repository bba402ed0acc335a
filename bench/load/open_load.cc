#include "load/open_load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <deque>
#include <optional>
#include <string_view>

#include "base/prng.h"
#include "cli/bench_figures.h"
#include "load/keyed_command.h"
#include "load/socket.h"
#include "load/wire.h"

namespace holdfast::load {
namespace {

constexpr Duration kRedialAfter = milliseconds(5);

struct Asked {
  Instant due;
  Instant sent;
};

struct Line {
  Line(Poller& poller, std::uint32_t tag) : socket(poller, tag), home(tag) {}

  Socket socket;
  const std::size_t home;     // its own server, once taken modulo their number
  std::size_t server = home;  // the one that it is connected to, likewise
  bool leaves = false;  // goes home as soon as nothing is unanswered; is asked nothing till then
  std::deque<Asked> asked;  // unanswered, oldest first
  Instant heard;            // the last answer, or when it was connected
  Instant redial_at;        // while it is not connected
};

// What is said on stdin.
class Marks {
 public:
  Marks() { ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK); }

  enum class Word : std::uint8_t { nothing, spread, stop };
  Word read();
  void acknowledged(const Asked& asked, Instant time);

 private:
  std::string input_;
  std::optional<Instant> mark_;
};

// Of several words in one read the last counts, and "stop" always.
Marks::Word Marks::read() {
  char bytes[256];
  const auto count = ::read(STDIN_FILENO, bytes, sizeof bytes);
  if (count < 0 && errno == EAGAIN) return Word::nothing;
  if (count <= 0) return Word::stop;
  input_.append(bytes, static_cast<std::size_t>(count));
  Word word = Word::nothing;
  for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
    const std::string_view line = std::string_view(input_).substr(0, end);
    if (line == "stop") return Word::stop;
    if (line == "spread") word = Word::spread;
    if (line.starts_with("mark ")) {
      mark_.emplace();
      std::from_chars(line.data() + 5, line.data() + line.size(), mark_->ns);
    }
    input_.erase(0, end + 1);
  }
  return word;
}

void Marks::acknowledged(const Asked& asked, Instant time) {
  if (!mark_ || asked.sent <= *mark_) return;
  fmt::print(R"({{"mark": {}, "ms": {:.3f}}})"
             "\n",
             mark_->ns, static_cast<double>((time - *mark_).ns) / 1e6);
  std::fflush(stdout);
  mark_.reset();
}

class OpenLoad {
 public:
  explicit OpenLoad(const OpenPlan& plan);
  std::string run();

 private:
  void turn();
  bool over(Instant time) const;
  void ask_what_is_due(Instant time);
  Line* line_for(std::uint64_t number);
  void read(Line& line);
  void tend(Instant time);
  void dial(Line& line, Instant time);
  void spread();
  void hang_up(Line& line, Instant time);
  void begin_counting();
  Instant due(std::uint64_t number) const;
  std::string report() const;

  const OpenPlan& plan_;
  Poller poller_;
  Prng prng_;
  std::vector<KeyedCommand> commands_;
  std::deque<Line> lines_;
  Marks marks_;
  Instant began_;
  Instant counted_from_;
  Instant ends_ = Instant::never();  // what is due from here on is not asked any more
  Instant tend_at_;
  std::uint64_t next_ = 0;  // number of the next command

  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t lost_ = 0;
  std::string first_refusal_;
  Duration late_;
  cli::Latencies latencies_;
};

OpenLoad::OpenLoad(const OpenPlan& plan)
    : plan_(plan),
      prng_(plan.seed),
      commands_(plan.reads ? std::vector{KeyedCommand::get()} : sets_of(plan.value_sizes)) {
  for (std::uint32_t i = 0; i < plan.connections; ++i) dial(lines_.emplace_back(poller_, i), now());
}

std::string OpenLoad::run() {
  began_ = now();
  counted_from_ = began_ + plan_.warm_up;
  if (!plan_.marks) ends_ = counted_from_ + plan_.length;
  bool warm = plan_.warm_up > Duration{};
  while (true) {
    const Instant time = now();
    if (over(time)) break;
    if (warm && time >= counted_from_) {
      warm = false;
      begin_counting();
    }
    if (plan_.marks) {
      const auto word = marks_.read();
      if (word == Marks::Word::stop) break;
      if (word == Marks::Word::spread) spread();
    }
    turn();
  }
  for (const auto& line : lines_) lost_ += line.asked.size();
  return report();
}

// What was due and is not answered yet is waited for: else a standstill at the end would be nobody's.
bool OpenLoad::over(Instant time) const {
  if (time < ends_ || due(next_) < ends_) return false;
  return time >= ends_ + plan_.patience ||
         std::all_of(lines_.begin(), lines_.end(), [](const Line& line) { return line.asked.empty(); });
}

// What was asked before counts for nothing, whenever it is answered.
void OpenLoad::begin_counting() {
  sent_ = answered_ = refused_ = lost_ = 0;
  late_ = {};
  latencies_ = {};
}

Instant OpenLoad::due(std::uint64_t number) const {
  return began_ +
         nanoseconds(static_cast<std::int64_t>(static_cast<double>(number) / plan_.rate * 1e9));
}

void OpenLoad::turn() {
  const Instant time = now();
  ask_what_is_due(time);
  if (time >= tend_at_) tend(time);
  const Instant next = due(next_) < ends_ ? due(next_) : Instant::never();
  for (const auto& event : poller_.wait(std::min(next, tend_at_))) {
    auto& line = lines_[event.tag];
    if (!line.socket.open()) continue;
    if (event.readable) read(line);
    if (line.socket.open() && event.writable && !line.socket.flush()) hang_up(line, now());
  }
}

void OpenLoad::ask_what_is_due(Instant time) {
  if (due(next_) > time || due(next_) >= ends_) return;
  late_ = std::max(late_, time - due(next_));
  for (; due(next_) <= time && due(next_) < ends_; ++next_) {
    ++sent_;
    Line* line = line_for(next_);
    if (line == nullptr) {
      ++lost_;
      continue;
    }
    commands_[next_ % commands_.size()].append(line->socket.output(), prng_.below(plan_.keys));
    if (line->asked.empty()) line->heard = time;
    line->asked.push_back({.due = due(next_), .sent = time});
  }
  for (auto& line : lines_) {
    if (line.socket.open() && !line.socket.output().empty() && !line.socket.flush())
      hang_up(line, time);
  }
}

// Each in turn; one that is not connected leaves its work to the next.
Line* OpenLoad::line_for(std::uint64_t number) {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    Line& line = lines_[(number + i) % lines_.size()];
    if (line.socket.open() && !line.leaves) return &line;
  }
  return nullptr;
}

void OpenLoad::read(Line& line) {
  const bool alive = line.socket.receive();
  const Instant time = now();
  while (const auto answer = scan(line.socket.input())) {
    if (line.asked.empty()) break;  // a server that says more than it was asked: hung up below
    const Asked asked = line.asked.front();
    line.asked.pop_front();
    line.heard = time;
    if (answer->error()) {
      if (refused_++ == 0) first_refusal_ = answer->text;
    } else {
      ++answered_;
      if (asked.due >= counted_from_) latencies_.add(time - asked.due);
      marks_.acknowledged(asked, time);
    }
    line.socket.take(answer->length);
  }
  if (!alive) hang_up(line, time);
}

// Who is silent is left, who is gone is replaced.
void OpenLoad::tend(Instant time) {
  tend_at_ = time + milliseconds(5);
  for (auto& line : lines_) {
    if (!line.socket.open()) {
      if (time >= line.redial_at) dial(line, time);
    } else if (line.leaves && line.asked.empty()) {
      line.server = line.home;
      dial(line, time);
    } else if (!line.asked.empty() && time - line.heard > plan_.patience) {
      hang_up(line, time);
    }
  }
}

void OpenLoad::dial(Line& line, Instant time) {
  line.socket.connect(plan_.servers[line.server % plan_.servers.size()]);
  line.heard = time;
  line.leaves = false;
}

// A line that was driven away from its own server goes back, so that all servers have as many
// again.
void OpenLoad::spread() {
  for (auto& line : lines_) {
    if (line.server % plan_.servers.size() == line.home % plan_.servers.size()) continue;
    line.leaves = line.socket.open();
    if (!line.socket.open()) line.server = line.home;
  }
}

void OpenLoad::hang_up(Line& line, Instant time) {
  line.socket.close();
  lost_ += line.asked.size();
  line.asked.clear();
  ++line.server;
  line.redial_at = time + kRedialAfter;
}

std::string OpenLoad::report() const {
  const auto us = [this](std::uint32_t ppm) {
    return static_cast<double>(latencies_.at(ppm).ns) / 1e3;
  };
  return fmt::format(
      R"({{"sent": {}, "answered": {}, "refused": {}, "lost": {}, "seconds": {:.3f}, "late_ms": {:.2f}, )"
      R"("p50_us": {:.1f}, "p90_us": {:.1f}, "p99_us": {:.1f}, "p999_us": {:.1f}, "longest_us": {:.1f}, )"
      R"("first_refusal": "{}"}})",
      sent_, answered_, refused_, lost_, static_cast<double>((now() - counted_from_).ns) / 1e9,
      static_cast<double>(late_.ns) / 1e6, us(500'000), us(900'000), us(990'000), us(999'000),
      static_cast<double>(latencies_.longest().ns) / 1e3, first_refusal_);
}

}  // namespace

std::string run_open(const OpenPlan& plan) { return OpenLoad(plan).run(); }

}  // namespace holdfast::load
