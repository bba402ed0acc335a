// Whatever is told about commands, and in whatever order: each is answered once, in its turn.
#include <fmt/format.h>

#include "base/prng.h"
#include "resp/reply_parser.h"
#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

using replica::Verdict;

class RequestsRandomTest : public ClientsTest {
 protected:
  void play(std::uint64_t seed);

 private:
  void say_something();
  void tell_something();
  void change_something();
  void answer_all();
  void listen();
  std::string made_up_answer(const RoutedCommand& command) const;

  Prng prng_{1};
  std::unique_ptr<TestClient> client_;
  resp::ReplyParser replies_;
  std::vector<std::string> said_;  // what the answer to each command may be, but for errors
  std::size_t answered_ = 0;
};

// An answer that tells which command it belongs to.
std::string RequestsRandomTest::made_up_answer(const RoutedCommand& command) const {
  const std::string text = command.text();
  if (text.starts_with("_REVISIONS")) return "*1\r\n:5\r\n";
  if (text.starts_with("LOCK.ACQUIRE")) return fmt::format("+{}\r\n", text.substr(15, 8));
  const std::string key = text.substr(4, 8);
  return fmt::format("{}+{}\r\n", command.decoded().transaction() ? "*1\r\n" : "", key);
}

void RequestsRandomTest::say_something() {
  std::string text;
  const auto one = [&](std::string_view command, std::string answer) {
    text += fmt::format("{}{}", text.empty() ? "" : "\r\n", command);
    said_.push_back(std::move(answer));
  };
  for (std::uint64_t left = 1 + prng_.below(6); left > 0; --left) {
    const std::string key = fmt::format("k{:07}", said_.size());
    switch (prng_.below(8)) {
      case 0:
        one(fmt::format("PING {}", key), key);
        break;
      case 1:
        one(fmt::format("LOCK.ACQUIRE l {} TTL 1000 WAIT 60000", key), key);
        break;
      case 2:
        one(fmt::format("WATCH {}", key), "OK");
        break;
      case 3:
        one("MULTI", "OK");
        one(fmt::format("SET {} 1", key), "QUEUED");
        one("EXEC", key);
        break;
      case 4:
      case 5:
        one(fmt::format("GET {}", key), key);
        break;
      default:
        one(fmt::format("SET {} 1", key), key);
        break;
    }
  }
  client_->say(text);
}

void RequestsRandomTest::tell_something() {
  if (node.routed.empty()) return;
  // Mostly of what is new, and at times again of what is old.
  const std::size_t last = node.routed.size() - 1;
  const std::size_t i = last - prng_.below(std::min<std::size_t>(last + 1, 12));
  const RoutedCommand& command = node.routed[i];
  const bool waits = command.text().starts_with("LOCK.ACQUIRE");
  switch (prng_.below(8)) {
    case 0:
      return end(i, Verdict::unknown);
    case 1:
      return end(i, Verdict::not_done);
    case 2:
      return waits ? end(i, Verdict::blocked) : end(i, Verdict::not_done);
    default:
      return answer(i, made_up_answer(command), i + 1);
  }
}

void RequestsRandomTest::change_something() {
  switch (prng_.below(8)) {
    case 0:
      return no_leader();
    case 1:
      return new_leader(node.epoch.round + 1);
    case 2:
      return clients.epoch_applied(node.epoch);
    case 3:
      return clients.forwards_lost();
    case 4:
      return clients.outcomes_lost();
    case 5:
      node.answer_to_route = static_cast<Services::Routed>(prng_.below(4));
      return;
    default:
      node.answer_to_route = Services::Routed::sent;
      return;
  }
}

void RequestsRandomTest::listen() {
  replies_.feed(client_->stream->take());
  resp::Reply reply;
  while (replies_.next(reply) == resp::Parsed::request) {
    ASSERT_LT(answered_, said_.size()) << "an answer to nothing: " << reply.text;
    const std::string& wanted = said_[answered_++];
    if (reply.is_error()) continue;
    const std::string& text = reply.items.empty() ? reply.text : reply.items.front().text;
    ASSERT_EQ(text, wanted) << "to command " << answered_;
  }
}

void RequestsRandomTest::answer_all() {
  node.answer_to_route = Services::Routed::sent;
  new_leader(node.epoch.round + 1);
  clients.epoch_applied(node.epoch);
  for (int i = 0; i < 20; ++i) {
    pass(seconds(1));
    for (std::size_t k = 0; k < node.routed.size(); ++k) answer(k, made_up_answer(node.routed[k]));
    listen();
  }
}

void RequestsRandomTest::play(std::uint64_t seed) {
  prng_ = Prng(seed);
  client_ = std::make_unique<TestClient>(clients);
  for (int step = 0; step < 500 && !HasFatalFailure(); ++step) {
    switch (prng_.below(6)) {
      case 0:
        say_something();
        break;
      case 1:
        change_something();
        break;
      case 2:
        pass(milliseconds(prng_.between(0, prng_.below(8) == 0 ? 6'000 : 50)));
        break;
      default:
        tell_something();
        break;
    }
    if (prng_.below(2) == 0) turn();
    listen();
  }
  if (!HasFatalFailure()) answer_all();
  EXPECT_EQ(answered_, said_.size());
  EXPECT_FALSE(client_->stream->closed);
}

class EachSeed : public RequestsRandomTest, public ::testing::WithParamInterface<int> {};

TEST_P(EachSeed, EveryCommandIsAnsweredOnceAndInItsTurn) {
  play(static_cast<std::uint64_t>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(RequestsRandomTest, EachSeed, ::testing::Range(1, 41));

}  // namespace
}  // namespace holdfast::server::testing
