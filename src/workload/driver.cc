#include "workload/driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "resp/request_writer.h"

namespace holdfast::workload {
namespace {

// It does not reach a leader, or hears nothing of one.
bool says_leaderless(const resp::Reply& reply) {
  if (!reply.is_error()) return false;
  return reply.text.starts_with("NOLEADER") || reply.text.starts_with("UNKNOWN");
}

}  // namespace

// One connection. It may outlive the driver's interest in it: then it has no driver any more.
class Driver::Connection final : public env::StreamHandler {
 public:
  explicit Connection(Driver& driver) : driver_(&driver) {}

  void on_connected() override {
    if (driver_ != nullptr) driver_->on_connected();
  }
  void on_bytes(std::string_view bytes) override {
    if (driver_ != nullptr) driver_->on_bytes(bytes);
  }
  void on_closed(bool, std::string_view) override {
    stream = nullptr;
    if (driver_ != nullptr) driver_->on_gone();
  }

  // The driver hears nothing of it any more.
  void close(bool at_once) {
    driver_ = nullptr;
    if (stream != nullptr) std::exchange(stream, nullptr)->close(at_once);
  }

  env::Stream* stream = nullptr;

 private:
  Driver* driver_;
};

Driver::Driver(Plan plan, std::uint32_t number, Prng prng, env::Network& network, Owner& owner,
               Actor& actor)
    : plan_(std::move(plan)),
      number_(number),
      prng_(prng),
      network_(network),
      owner_(owner),
      actor_(&actor),
      server_(number % plan_.servers.size()) {}

Driver::~Driver() {
  if (connection_) connection_->close(true);
}

void Driver::enter(State state, Instant wake_at) {
  state_ = state;
  wake_at_ = wake_at;
}

void Driver::on_turn(Instant now) {
  if (now < wake_at_) return;
  switch (state_) {
    case State::away:
      return dial(now);
    case State::thinking:
      return ask();
    case State::connecting:
    case State::greeting:
    case State::waiting:
      return give_up(now);
    case State::done:
      return;
  }
}

// ---- A connection's life

void Driver::dial(Instant now) {
  CHECK(!connection_);
  if (finished()) return;
  const Habits& habits = plan_.habits;
  parser_ = resp::ReplyParser();
  leaderless_ = false;
  enter(State::connecting, now + std::min(habits.connect_patience, habits.patience));
  connection_ = std::make_shared<Connection>(*this);
  connection_->stream = &network_.connect(plan_.servers[server_], connection_);
}

void Driver::on_connected() {
  owner_.on_connected();
  if (plan_.password.empty()) {
    ask();
  } else {
    greet();
  }
}

void Driver::greet() {
  std::string bytes;
  resp::append_request(bytes, std::array<std::string_view, 2>{"AUTH", plan_.password});
  enter(State::greeting, owner_.now() + plan_.habits.patience);
  connection_->stream->send(std::string_view(bytes));
}

void Driver::ask() {
  owner_.before_asking();
  if (finished()) return;
  const Instant now = owner_.now();
  enter(State::waiting, now + plan_.habits.patience);
  std::vector<Command> commands = actor_->next(now);
  CHECK(!commands.empty() && asked_.empty());
  owner_.on_asked(commands, now);
  std::string bytes;
  for (const Command& command : commands) resp::append_request(bytes, command.words);
  asked_.assign(std::move_iterator(commands.begin()), std::move_iterator(commands.end()));
  send(bytes);
}

void Driver::send(std::string_view bytes) {
  env::Stream& stream = *connection_->stream;
  if (prng_.chance_ppm(plan_.habits.half_ppm)) {
    stream.send(bytes.substr(0, 1 + prng_.below(bytes.size() - 1)));
    return part(prng_.below(2) == 0, owner_.now());
  }
  stream.send(bytes);
  if (prng_.chance_ppm(plan_.habits.hang_up_ppm)) part(false, owner_.now());
}

void Driver::on_bytes(std::string_view bytes) {
  const Instant now = owner_.now();
  parser_.feed(bytes);
  resp::Reply reply;
  resp::Parsed parsed = parser_.next(reply);
  for (; parsed == resp::Parsed::request; parsed = parser_.next(reply)) {
    on_reply(reply, now);
    if (!connection_) return;
  }
  if (parsed == resp::Parsed::error) {
    problem(fmt::format("cannot read an answer: {}", parser_.error()));
    part(true, now);
  }
}

void Driver::on_reply(const resp::Reply& reply, Instant now) {
  if (state_ == State::greeting) {
    if (reply.is_error()) return give_up(now);
    return enter(State::thinking, now);
  }
  if (state_ != State::waiting || asked_.empty()) {
    problem(fmt::format("got an answer to nothing after {}: {}", last_answered_, show(reply)));
    return part(true, now);
  }
  const Command command = std::move(asked_.front());
  asked_.pop_front();
  last_answered_ = command.words.front();
  leaderless_ = leaderless_ || says_leaderless(reply);
  if (!reply.is_error()) avoid_.clear();
  owner_.on_answer(command, reply, now);
  actor_->answered(reply, now);
  if (asked_.empty()) on_answered(now);
}

void Driver::on_answered(Instant now) {
  if (std::exchange(leaderless_, false) && prng_.chance_ppm(plan_.habits.give_up_leaderless_ppm)) {
    avoid_.insert(server_);
    return part(false, now);
  }
  if (prng_.chance_ppm(plan_.habits.leave_ppm)) return part(false, now);
  enter(State::thinking, now + actor_->pause());
}

void Driver::on_gone() {
  connection_.reset();
  avoid_.insert(server_);
  lose(owner_.now());
}

void Driver::give_up(Instant now) {
  avoid_.insert(server_);
  part(true, now);
}

void Driver::part(bool at_once, Instant now) {
  std::exchange(connection_, nullptr)->close(at_once);
  lose(now);
}

void Driver::lose(Instant now) {
  asked_.clear();
  const bool used = state_ == State::thinking || state_ == State::waiting;
  if (used) actor_->broken(state_ == State::waiting, now);
  server_ = choose();
  // Never at once, or a cluster that is gone would be dialled without end.
  enter(State::away, now + milliseconds(prng_.between(1, 40)));
}

std::size_t Driver::choose() {
  if (avoid_.size() == plan_.servers.size()) avoid_.clear();
  auto place = prng_.below(plan_.servers.size() - avoid_.size());
  std::size_t server = 0;
  while (avoid_.contains(server) || place-- > 0) ++server;
  return server;
}

void Driver::problem(std::string_view text) {
  problems_.push_back(fmt::format("client {} {}", number_, text));
}

// ---- The end

bool Driver::finished() {
  if (!winding_down_ || !actor_->wind_down()) return false;
  if (connection_) std::exchange(connection_, nullptr)->close(false);
  enter(State::done, Instant::never());
  return true;
}

void Driver::finish(Instant now) {
  // What comes later would be taken for answers to nothing.
  if (connection_) std::exchange(connection_, nullptr)->close(true);
  actor_->finish(now);
  asked_.clear();
  enter(State::done, Instant::never());
}

}  // namespace holdfast::workload
