#include "sim/client.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "resp/request_writer.h"

namespace holdfast::sim {
namespace {

std::string encode(const std::vector<workload::Command>& commands) {
  std::string bytes;
  for (const auto& command : commands) resp::append_request(bytes, command.words);
  return bytes;
}

bool is_plain_write(std::string_view command) {
  return command == "SET" || command == "APPEND" || command == "INCRBY" || command == "DEL";
}

}  // namespace

// One connection. It may outlive the client's interest in it: then it has no client any more.
class Client::Connection final : public env::StreamHandler {
 public:
  explicit Connection(Client& client) : client_(&client) {}

  void on_connected() override {
    if (client_ != nullptr) client_->on_connected();
  }
  void on_bytes(std::string_view bytes) override {
    if (client_ != nullptr) client_->on_bytes(bytes);
  }
  void on_closed(bool, std::string_view) override {
    stream = nullptr;
    if (client_ != nullptr) client_->on_gone();
  }

  // The client hears nothing of it any more.
  void close(bool at_once) {
    client_ = nullptr;
    if (stream != nullptr) std::exchange(stream, nullptr)->close(at_once);
  }

  env::Stream* stream = nullptr;

 private:
  Client* client_;
};

Client::Client(World& world, std::uint32_t number, const workload::Mix& mix, const Habits& habits,
               workload::History& history, Acknowledged acknowledged)
    : world_(world),
      machine_(kFirstClient + number),
      habits_(habits),
      prng_(world.streams().of(Purpose::workload, 2 * std::uint64_t{number})),
      actor_(mix, number, world.streams().of(Purpose::workload, 2 * std::uint64_t{number} + 1),
             history),
      acknowledged_(std::move(acknowledged)),
      network_(world.network().attach(machine_, *this)) {}

Client::~Client() {
  if (connection_) connection_->close(true);
}

void Client::start() { rest(); }

// ---- Turns --------------------------------------------------------------------------------------

void Client::post(std::function<void()> work) {
  ready_.push_back(std::move(work));
  if (std::exchange(turn_planned_, true)) return;
  world_.schedule().after(microseconds(prng_.between(1, 20)), [this] { take_turn(); });
}

void Client::take_turn() {
  turn_planned_ = false;
  for (auto& work : std::exchange(ready_, {})) work();
  world_.network().flush(machine_);
}

void Client::later(Duration delay, void (Client::*what)()) {
  world_.schedule().after(delay, [this, what, step = step_] {
    if (step != step_) return;
    post([this, what, step] {
      if (step == step_) (this->*what)();
    });
  });
}

void Client::enter(State state) {
  state_ = state;
  ++step_;
}

// ---- A connection's life ------------------------------------------------------------------------

void Client::dial() {
  CHECK(!connection_);
  if (finished()) return;
  enter(State::connecting);
  parser_ = resp::ReplyParser();
  leaderless_ = false;
  node_ = choose_node();
  connection_ = std::make_shared<Connection>(*this);
  connection_->stream = &network_->connect(world_.host(node_).address(), connection_);
  later(habits_.patience, &Client::give_up);
}

MachineId Client::choose_node() {
  if (avoid_.size() == world_.nodes()) avoid_.clear();
  auto place = prng_.below(world_.nodes() - avoid_.size());
  MachineId node = 1;
  while (avoid_.contains(node) || place-- > 0) ++node;
  return node;
}

void Client::on_connected() { ask(); }

void Client::ask() {
  if (finished()) return;
  enter(State::waiting);
  const auto commands = actor_.next(now());
  CHECK(!commands.empty());
  later(habits_.patience, &Client::give_up);
  asked_.assign(commands.begin(), commands.end());
  send(encode(commands));
}

void Client::send(std::string bytes) {
  if (prng_.chance_ppm(habits_.half_ppm)) {
    connection_->stream->send(std::string_view(bytes).substr(0, 1 + prng_.below(bytes.size() - 1)));
    return part(prng_.below(2) == 0);
  }
  connection_->stream->send(std::string_view(bytes));
  if (prng_.chance_ppm(habits_.hang_up_ppm)) part(false);
}

void Client::on_bytes(std::string_view bytes) {
  const std::uint64_t step = step_;
  parser_.feed(bytes);
  resp::Reply reply;
  resp::Parsed parsed = parser_.next(reply);
  for (; parsed == resp::Parsed::request; parsed = parser_.next(reply)) {
    if (state_ != State::waiting || actor_.outstanding() == 0) {
      problems_.push_back(fmt::format("client {} got an answer to nothing after {}: {}",
                                      machine_ - kFirstClient, last_answered_, reply.text));
      return part(true);
    }
    on_reply(reply);
    if (actor_.outstanding() == 0) on_answered();
    if (step != step_ && !connection_) return;
  }
  if (parsed == resp::Parsed::error) {
    problems_.push_back(fmt::format("client {} cannot read an answer: {}", machine_ - kFirstClient,
                                    parser_.error()));
    part(true);
  }
}

void Client::on_reply(const resp::Reply& reply) {
  const auto words = std::move(asked_.front().words);
  asked_.pop_front();
  last_answered_ = words[0];
  // It does not reach a leader, or hears nothing of one.
  leaderless_ = leaderless_ || (reply.is_error() && (reply.text.starts_with("NOLEADER") ||
                                                     reply.text.starts_with("UNKNOWN")));
  // Inside of a transaction nothing is done yet; and what wraps a command is not the command.
  const bool done = !reply.is_error() && reply.text != "QUEUED";
  if (done) avoid_.clear();
  if (acknowledged_ && done && is_plain_write(words[0])) acknowledged_(words);
  actor_.answered(reply, now());
}

void Client::on_answered() {
  const bool leaderless = std::exchange(leaderless_, false);
  if (leaderless && prng_.chance_ppm(habits_.give_up_leaderless_ppm)) {
    avoid_.insert(node_);
    return part(false);
  }
  if (prng_.chance_ppm(habits_.leave_ppm)) return part(false);
  enter(State::thinking);
  later(actor_.pause(), &Client::ask);
}

void Client::on_gone() {
  connection_.reset();
  avoid_.insert(node_);
  if (state_ != State::connecting) actor_.broken(state_ == State::waiting, now());
  rest();
}

void Client::give_up() {
  avoid_.insert(node_);
  part(true);
}

void Client::part(bool at_once) {
  std::exchange(connection_, nullptr)->close(at_once);
  if (state_ != State::connecting) actor_.broken(state_ == State::waiting, now());
  rest();
}

void Client::rest() {
  enter(State::away);
  // Never at once, or a cluster without nodes would keep its clients dialling in one instant.
  later(milliseconds(prng_.between(1, 40)), &Client::dial);
}

bool Client::finished() {
  if (!winding_down_ || !actor_.wind_down()) return false;
  if (connection_) std::exchange(connection_, nullptr)->close(false);
  enter(State::done);
  return true;
}

}  // namespace holdfast::sim
