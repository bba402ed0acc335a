#include "workload/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "base/check.h"
#include "resp/request_parser.h"

namespace holdfast::workload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A server that a test speaks for: what was sent to it, and what it says to that.
struct Line final : env::Stream {
  void send(std::string_view bytes) override { sent += bytes; }
  void send(SharedBytes bytes) override { sent += bytes.view(); }
  std::size_t pending() const override { return 0; }
  void pause_reading(bool) override {}
  void close(bool now) override {
    closed = true;
    closed_at_once = now;
  }
  env::Address local() const override { return {}; }
  env::Address remote() const override { return server; }

  env::Address server;
  std::shared_ptr<env::StreamHandler> handler;
  std::string sent;
  bool closed = false;
  bool closed_at_once = false;
};

class FakeNetwork final : public env::Network {
 public:
  Result<std::unique_ptr<env::Listener>> listen(const env::Address&, env::AcceptHandler) override {
    return Error{"nobody listens here"};
  }
  env::Stream& connect(const env::Address& server,
                       std::shared_ptr<env::StreamHandler> handler) override {
    lines.push_back(std::make_unique<Line>());
    lines.back()->server = server;
    lines.back()->handler = std::move(handler);
    return *lines.back();
  }

  std::vector<std::unique_ptr<Line>> lines;
};

class DriverTest : public testing::Test, public Driver::Owner {
 protected:
  DriverTest() { mix_.write = 1; }

  // One that never does anything careless, and does not leave.
  static constexpr Habits kSteady = {.leave_ppm = 0,
                                     .hang_up_ppm = 0,
                                     .half_ppm = 0,
                                     .give_up_leaderless_ppm = 1'000'000,
                                     .patience = seconds(2),
                                     .connect_patience = seconds(1)};

  void start(std::uint16_t servers, const Habits& habits = kSteady, std::string password = {}) {
    Driver::Plan plan{.servers = {}, .password = std::move(password), .habits = habits};
    for (std::uint16_t port = 1; port <= servers; ++port) plan.servers.push_back({"here", port});
    actor_ = std::make_unique<Actor>(mix_, 0, Prng(1), history_);
    driver_ = std::make_unique<Driver>(plan, 0, Prng(7), network_, *this, *actor_);
    driver_->on_turn(now_);
  }

  Line& line() { return *network_.lines.back(); }
  std::uint16_t port() { return line().server.port; }
  // Waits for whatever the driver waits for.
  void wait() {
    CHECK(driver_->wake_at() != Instant::never());
    now_ = std::max(now_, driver_->wake_at());
    driver_->on_turn(now_);
  }
  void connect() { line().handler->on_connected(); }
  // Passes a connection's time until there is a new one, and connects that.
  void connect_anew() {
    const std::size_t before = network_.lines.size();
    while (network_.lines.size() == before) wait();
    connect();
  }
  void say(std::string_view bytes) {
    now_ = now_ + milliseconds(1);
    line().handler->on_bytes(bytes);
  }
  // Answers each command that was sent and not answered.
  void answer(std::string_view reply) {
    std::string all;
    for (; asked_ > 0; --asked_) all += reply;
    say(all);
  }
  // Answers everything until another connection is dialled; true if that was within `rounds`.
  bool answer_until_it_leaves(std::string_view reply, int rounds) {
    const std::size_t before = network_.lines.size();
    for (int i = 0; i < rounds && network_.lines.size() == before; ++i) {
      if (asked_ > 0) answer(reply);
      if (!driver_->done()) wait();
    }
    return network_.lines.size() > before;
  }

  Instant now() const override { return now_; }
  void on_connected() override { ++connected_; }
  void before_asking() override {
    if (when_asking_) when_asking_();
  }
  void on_asked(const std::vector<Command>& commands, Instant now) override {
    EXPECT_EQ(now, now_);
    asked_ = commands.size();
  }
  void on_answer(const Command& command, const resp::Reply&, Instant) override {
    answered_.push_back(command.words.front());
  }

  FakeNetwork network_;
  Mix mix_;
  History history_;
  std::unique_ptr<Actor> actor_;
  std::unique_ptr<Driver> driver_;
  Instant now_{1};
  int connected_ = 0;
  std::size_t asked_ = 0;
  std::vector<std::string> answered_;
  std::function<void()> when_asking_;
};

TEST_F(DriverTest, AsksAndIsAnsweredUntilTheEnd) {
  start(3);
  EXPECT_EQ(port(), 1);
  connect();
  EXPECT_EQ(connected_, 1);
  EXPECT_TRUE(line().sent.starts_with("*3\r\n$3\r\nSET\r\n"));
  for (int i = 0; i < 20; ++i) {
    answer("+OK\r\n");
    wait();
  }
  EXPECT_EQ(actor_->acknowledged(), 20u);
  EXPECT_THAT(answered_, SizeIs(20));
  EXPECT_LT(history_[0].call_ns, history_[0].return_ns);
  driver_->wind_down();
  answer("+OK\r\n");
  EXPECT_FALSE(driver_->done());
  wait();
  EXPECT_TRUE(driver_->done());
  EXPECT_TRUE(line().closed);
  EXPECT_EQ(driver_->wake_at(), Instant::never());
  EXPECT_THAT(driver_->problems(), IsEmpty());
  EXPECT_THAT(network_.lines, SizeIs(1));
}

TEST_F(DriverTest, LogsInFirst) {
  start(1, kSteady, "open sesame");
  connect();
  EXPECT_EQ(line().sent, "*2\r\n$4\r\nAUTH\r\n$11\r\nopen sesame\r\n");
  say("+OK\r\n");
  wait();
  EXPECT_THAT(line().sent, HasSubstr("SET"));
  answer("+OK\r\n");
  EXPECT_EQ(actor_->acknowledged(), 1u);
}

TEST_F(DriverTest, LeavesAServerThatDoesNotLetItIn) {
  start(2, kSteady, "wrong");
  connect();
  say("-WRONGPASS no\r\n");
  EXPECT_TRUE(line().closed);
  wait();
  EXPECT_EQ(port(), 2);
  EXPECT_THAT(history_, IsEmpty());
}

TEST_F(DriverTest, GivesUpOnASilentServer) {
  start(2);
  connect();
  const Instant asked = now_;
  wait();
  EXPECT_EQ(now_ - asked, kSteady.patience);
  EXPECT_TRUE(line().closed_at_once);
  EXPECT_EQ(history_.front().ended, Ended::unknown) << "it was sent, and may have been done";
  wait();
  EXPECT_EQ(port(), 2);
}

TEST_F(DriverTest, GivesUpOnAServerThatCannotBeConnectedTo) {
  start(2);
  const Instant dialled = now_;
  wait();
  EXPECT_EQ(now_ - dialled, kSteady.connect_patience);
  wait();
  EXPECT_EQ(port(), 2);
  line().handler->on_closed(false, "refused");
  connect_anew();
  answer("+OK\r\n");
  EXPECT_EQ(history_.front().ended, Ended::ok) << "nothing was sent before";
  EXPECT_THAT(history_, SizeIs(1));
}

TEST_F(DriverTest, AServerThatHangsUpLeavesItUnknown) {
  start(2);
  connect();
  line().handler->on_closed(true, "bye");
  EXPECT_EQ(history_.front().ended, Ended::unknown);
  wait();
  EXPECT_EQ(port(), 2);
  connect();
  answer("+OK\r\n");
  line().handler->on_closed(true, "bye");
  EXPECT_EQ(history_.back().ended, Ended::ok);
}

TEST_F(DriverTest, GoesOnToOthersUntilOneKnowsALeader) {
  for (const std::string_view refusal : {"-NOLEADER none\r\n", "-UNKNOWN perhaps\r\n"}) {
    driver_.reset();
    start(3);
    std::map<std::uint16_t, int> seen;
    for (int i = 0; i < 3; ++i) {
      connect();
      ++seen[port()];
      answer(refusal);
      EXPECT_TRUE(line().closed);
      wait();
    }
    EXPECT_THAT(seen, SizeIs(3)) << "each of them once";
  }
}

TEST_F(DriverTest, MayStayWithAServerWithoutALeader) {
  Habits patient = kSteady;
  patient.give_up_leaderless_ppm = 0;
  start(2, patient);
  connect();
  EXPECT_FALSE(answer_until_it_leaves("-NOLEADER none\r\n", 20));
  EXPECT_EQ(history_.front().ended, Ended::failed) << "certainly not done";
}

TEST_F(DriverTest, WhoWasAvoidedIsTriedAgainOnceAnotherHasAnswered) {
  Habits restless = kSteady;
  restless.leave_ppm = 1'000'000;
  start(2, restless);
  connect();
  line().handler->on_closed(false, "reset");
  std::map<std::uint16_t, int> seen;
  for (int i = 0; i < 20; ++i) {
    connect_anew();
    ++seen[port()];
    answer("+OK\r\n");
  }
  EXPECT_THAT(seen, SizeIs(2));
}

TEST_F(DriverTest, IsCareless) {
  Habits habits = kSteady;
  habits.hang_up_ppm = habits.half_ppm = 300'000;
  mix_.pipeline = 4;
  start(3, habits);
  int halves = 0, hung_up = 0, stayed = 0;
  for (int i = 0; i < 60; ++i) {
    if (i > 0) connect_anew();
    if (i == 0) connect();
    resp::RequestParser parser{resp::Limits{}};
    parser.feed(line().sent);
    std::vector<std::string_view> words;
    std::size_t whole = 0;
    while (parser.next(words) == resp::Parsed::request) ++whole;
    if (!line().closed) {
      ++stayed;
      line().handler->on_closed(true, "bye");
    } else if (whole < asked_) {
      ++halves;
      EXPECT_FALSE(line().sent.empty());
    } else {
      ++hung_up;
      EXPECT_FALSE(line().closed_at_once) << "what was sent is to arrive";
    }
  }
  EXPECT_GT(halves, 5);
  EXPECT_GT(hung_up, 5);
  EXPECT_GT(stayed, 5);
  for (const auto& operation : history_) EXPECT_EQ(operation.ended, Ended::unknown);
  EXPECT_THAT(driver_->problems(), IsEmpty());
}

TEST_F(DriverTest, AnAnswerToNothingIsAProblem) {
  start(1);
  connect();
  say("+OK\r\n+OK\r\n");
  EXPECT_THAT(driver_->problems(), ElementsAre(HasSubstr("an answer to nothing after SET: 'OK'")));
  EXPECT_TRUE(line().closed);
  EXPECT_EQ(actor_->acknowledged(), 1u);
}

TEST_F(DriverTest, AnAnswerThatMakesNoSenseIsAProblem) {
  start(1);
  connect();
  say("hello\r\n");
  EXPECT_THAT(driver_->problems(), ElementsAre(HasSubstr("cannot read an answer")));
  EXPECT_TRUE(line().closed);
}

// Its connection was left open, and an UNKNOWN that came after the end was taken for a second
// answer of the server's.
TEST_F(DriverTest, AnswersAfterItsTimeIsUpAreNotHeard) {
  start(1);
  connect();
  driver_->finish(now_ + milliseconds(3));
  EXPECT_TRUE(driver_->done());
  EXPECT_TRUE(line().closed);
  EXPECT_EQ(history_.front().ended, Ended::unknown);
  say("-UNKNOWN no outcome came\r\n");
  EXPECT_THAT(driver_->problems(), IsEmpty());
}

TEST_F(DriverTest, ItsOwnerMayPutAnotherActorInPlace) {
  start(1);
  connect();
  answer("+OK\r\n");
  std::unique_ptr<Actor> first;
  when_asking_ = [&] {
    when_asking_ = nullptr;
    first = std::exchange(actor_, std::make_unique<Actor>(mix_, 1, Prng(2), history_));
    driver_->use(*actor_);
  };
  wait();
  answer("+OK\r\n");
  EXPECT_EQ(first->acknowledged(), 1u);
  EXPECT_EQ(actor_->acknowledged(), 1u);
  EXPECT_EQ(history_.back().client, 1u);
}

}  // namespace
}  // namespace holdfast::workload
