// holdfast_limits: what this machine can do at best, beside which the rates of servers are read.
//
//   holdfast_limits echo PORT           sends back what it gets, on our event loop, until SIGTERM;
//   a command of
//                                       the Redis protocol is then its own answer, so
//                                       redis-benchmark can ask it
//   holdfast_limits sync FILE SECONDS   appends 4 KiB and syncs, again and again
//   holdfast_limits memcpy SECONDS      copies 64 MiB, which no cache holds, and 32 KiB, which the
//   first does
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/trace.h"
#include "os/event_loop.h"
#include "os/system_clock.h"
#include "os/tcp.h"

namespace holdfast {
namespace {

// ---- Echo

class Echo final : public env::StreamHandler {
 public:
  explicit Echo(env::Stream& stream) : stream_(stream) {}
  void on_bytes(std::string_view bytes) override { stream_.send(bytes); }
  void on_closed(bool, std::string_view) override {}

 private:
  env::Stream& stream_;
};

class NothingElse final : public env::TurnHandler {
 public:
  void on_turn_end() override {}
  Instant wake_at() const override { return Instant::never(); }
};

int echo(std::uint16_t port) {
  os::SystemClock clock;
  os::EventLoop loop(clock);
  NoTrace trace;
  os::TcpNetwork network(loop, trace);
  auto listener = network.listen({.host = "127.0.0.1", .port = port}, [](env::Stream& stream) {
    return std::make_shared<Echo>(stream);
  });
  if (!listener) {
    fmt::print(stderr, "{}\n", listener.error().message);
    return 1;
  }
  loop.on_terminate([&loop](int) { loop.stop(); });
  NothingElse handler;
  loop.run(handler);
  return 0;
}

// ---- Rates

// Calls `work` for so long; how often a second.
double rate_of(double seconds, const std::function<void()>& work) {
  const auto began = std::chrono::steady_clock::now();
  const auto length = std::chrono::duration<double>(seconds);
  std::chrono::duration<double> took{};
  std::uint64_t count = 0;
  for (; took < length; took = std::chrono::steady_clock::now() - began, ++count) work();
  return static_cast<double>(count) / took.count();
}

int sync(const std::string& path, double seconds) {
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  const std::string page(4096, 's');
  bool failed = file < 0;
  const double rate = rate_of(seconds, [&] {
    failed = failed || ::write(file, page.data(), page.size()) < 0 || ::fdatasync(file) != 0;
  });
  ::close(file);
  ::unlink(path.c_str());
  if (failed) {
    fmt::print(stderr, "{} cannot be written and synced\n", path);
    return 1;
  }
  fmt::print(R"({{"syncs_per_second": {:.0f}}})"
             "\n",
             rate);
  return 0;
}

double bytes_per_second(std::size_t size, double seconds) {
  std::vector<char> from(size, 'f');
  std::vector<char> to(size);
  char sum = 0;
  const double rate = rate_of(seconds, [&] {
    std::memcpy(to.data(), from.data(), size);
    sum = static_cast<char>(sum + to[size / 2]);
    from[size / 2] = sum;  // so that no copy can be left out
  });
  return rate * static_cast<double>(size);
}

int copy(double seconds) {
  fmt::print(R"({{"memory_gb_per_second": {:.1f}, "cache_gb_per_second": {:.1f}}})"
             "\n",
             bytes_per_second(64 << 20, seconds) / 1e9, bytes_per_second(32 << 10, seconds) / 1e9);
  return 0;
}

double number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int run(std::span<char*> words) {
  const std::string_view what = words.size() > 1 ? words[1] : "";
  if (what == "echo" && words.size() == 3)
    return echo(static_cast<std::uint16_t>(number(words[2])));
  if (what == "sync" && words.size() == 4) return sync(words[2], number(words[3]));
  if (what == "memcpy" && words.size() == 3) return copy(number(words[2]));
  fmt::print(stderr, "usage: holdfast_limits echo PORT | sync FILE SECONDS | memcpy SECONDS\n");
  return 2;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  return holdfast::run(std::span(argv, static_cast<std::size_t>(argc)));
}
