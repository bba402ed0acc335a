#include "cli/bench_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "os/tcp.h"
#include "os/test_loop.h"

namespace holdfast::cli {
namespace {

using testing::HasSubstr;
using workload::Ended;

// A server in the same loop that answers SET, unless it is told to be worse than that.
class FakeServer {
 public:
  enum class Habit { answers, silent, talks_too_much, refuses };

  FakeServer(os::TcpNetwork& network, Habit habit) : habit_(habit) {
    auto made = network.listen({"127.0.0.1", 0}, [this](env::Stream& stream) {
      ++accepted;
      return std::make_shared<Session>(*this, stream);
    });
    CHECK(made.ok(), "{}", made.error().message);
    listener_ = *std::move(made);
  }
  env::Address address() const { return listener_->bound(); }
  void close() { listener_.reset(); }

  int accepted = 0;

 private:
  struct Session final : env::StreamHandler {
    Session(FakeServer& owner, env::Stream& client) : server(owner), stream(client) {}

    void on_bytes(std::string_view bytes) override {
      pending += bytes;
      // One answer for each command's name. A name cut in two is waited for.
      for (;;) {
        const auto at = pending.find("\r\nSET\r\n");
        if (at == std::string::npos) return;
        pending.erase(0, at + 5);
        if (server.habit_ == Habit::silent) continue;
        stream.send(server.habit_ == Habit::refuses ? std::string_view("-NOLEADER none\r\n")
                                                    : std::string_view("+OK\r\n"));
        if (server.habit_ == Habit::talks_too_much) stream.send(std::string_view("+OK\r\n"));
      }
    }
    void on_closed(bool, std::string_view) override {}

    FakeServer& server;
    env::Stream& stream;
    std::string pending;
  };

  Habit habit_;
  std::unique_ptr<env::Listener> listener_;
};

class BenchClientTest : public testing::Test {
 protected:
  using Habit = FakeServer::Habit;

  BenchClientTest() {
    plan.mix.write = 1;
    plan.mix.clients = 1;
    plan.mix.think = {};
    plan.patience = milliseconds(50);
  }

  // Where the server answers: on a busy machine this process may stand still for longer than the patience
  // that the tests of silent ones have, and what is under way then would be given up.
  void be_patient() { plan.patience = seconds(30); }
  FakeServer& add_server(Habit habit) {
    servers.push_back(std::make_unique<FakeServer>(network, habit));
    plan.servers.push_back(servers.back()->address());
    return *servers.back();
  }
  BenchClient& start() {
    figures.outage.begin(test.clock().now());
    client = std::make_unique<BenchClient>(plan, 0, Prng(1), network, test.clock(), figures);
    test.at_turn_end = [this] { client->on_turn(test.clock().now()); };
    return *client;
  }
  // The test's loop sleeps until its limit, so it is given short ones.
  bool until(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000; ++i) {
      if (test.run_until(done, milliseconds(2))) return true;
    }
    return false;
  }
  // Winds down; what the history says then.
  const workload::History& end() {
    client->wind_down();
    EXPECT_TRUE(until([&] { return client->done(); }));
    return client->history();
  }

  os::TestLoop test;
  NoTrace trace;
  os::TcpNetwork network{test.loop(), trace};
  std::vector<std::unique_ptr<FakeServer>> servers;
  BenchClient::Plan plan;
  Figures figures;
  std::unique_ptr<BenchClient> client;
};

TEST_F(BenchClientTest, AsksUntilTheEndAndWritesItDown) {
  add_server(Habit::answers);
  be_patient();
  plan.mix.pipeline = 3;
  start();
  ASSERT_TRUE(until([&] { return client->acknowledged() >= 300; }));
  const auto& history = end();
  EXPECT_GE(history.size(), 300u);
  EXPECT_EQ(history.size(), client->acknowledged());
  for (const auto& operation : history) {
    EXPECT_EQ(operation.ended, Ended::ok);
    EXPECT_GT(operation.call_ns, 0);
    EXPECT_LT(operation.call_ns, operation.return_ns);
  }
  EXPECT_EQ(figures.latencies.count(), history.size());
  EXPECT_THAT(client->problems(), testing::IsEmpty());
}

TEST_F(BenchClientTest, LeavesASilentServer) {
  FakeServer& silent = add_server(Habit::silent);
  add_server(Habit::answers);
  start();
  ASSERT_TRUE(until([&] { return client->acknowledged() >= 10; }));
  EXPECT_EQ(silent.accepted, 1);
  const auto& history = end();
  EXPECT_EQ(history.front().ended, Ended::unknown) << "it was sent, and may have been done";
  EXPECT_GE(history.front().return_ns - history.front().call_ns, plan.patience.ns);
  EXPECT_GE(figures.outage.longest(), plan.patience);
}

TEST_F(BenchClientTest, LeavesAServerThatIsGone) {
  add_server(Habit::answers).close();
  add_server(Habit::answers);
  start();
  ASSERT_TRUE(until([&] { return client->acknowledged() >= 10; }));
  for (const auto& operation : end()) EXPECT_EQ(operation.ended, Ended::ok) << "nothing was sent";
}

TEST_F(BenchClientTest, LeavesAServerWithoutALeader) {
  add_server(Habit::refuses);
  add_server(Habit::answers);
  start();
  ASSERT_TRUE(until([&] { return client->acknowledged() >= 10; }));
  const auto& history = end();
  EXPECT_EQ(history.front().ended, Ended::failed) << "certainly not done";
  EXPECT_EQ(figures.latencies.count(), client->acknowledged()) << "a refusal is no answer";
}

TEST_F(BenchClientTest, ReportsAnAnswerToNothing) {
  add_server(Habit::talks_too_much);
  start();
  ASSERT_TRUE(until([&] { return !client->problems().empty(); }));
  EXPECT_THAT(client->problems().front(), HasSubstr("answer to nothing"));
}

TEST_F(BenchClientTest, WithoutAHistoryMemoryIsBoundedAndNoValueIsWrittenTwice) {
  add_server(Habit::answers);
  be_patient();
  plan.mix.pipeline = 4;
  std::size_t dropped = 0;
  std::set<std::string> values;
  const auto count = [&](const workload::History& history) {
    for (const auto& operation : history) values.insert(operation.arg);
  };
  plan.drop = [&](const workload::History& history) {
    dropped += history.size();
    count(history);
  };
  start();
  ASSERT_TRUE(until([&] { return client->acknowledged() >= 22'000; }));
  const auto& rest = end();
  count(rest);
  EXPECT_GE(dropped, 20'000u);
  EXPECT_LE(rest.size(), 3'000u);
  EXPECT_EQ(values.size(), dropped + rest.size());
  EXPECT_EQ(client->acknowledged(), dropped + rest.size());
}

}  // namespace
}  // namespace holdfast::cli
