#include "sim/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "server/peer_frame.h"
#include "sim/raw_client.h"

namespace holdfast::sim {
namespace {

constexpr std::uint16_t kPort = 7000;
constexpr std::uint16_t kBetweenNodes = kPeerPorts + 1;
const env::Address kAddress{"127.0.0.1", kPort};

// A machine that listens and keeps what each connection brings.
class Server final : private Loop {
 public:
  struct Peer final : env::StreamHandler {
    explicit Peer(Server& the_server, env::Stream& the_stream)
        : server(the_server), stream(&the_stream) {}
    void on_bytes(std::string_view bytes) override {
      EXPECT_FALSE(bytes.empty());
      EXPECT_LE(bytes.size(), 64u << 10);
      received += bytes;
      ++reads;
    }
    bool on_end_of_input() override {
      ended = true;
      return server.stays_open;
    }
    void on_drained() override { ++drained; }
    void on_closed(bool clean, std::string_view reason) override {
      EXPECT_EQ(stream == nullptr, false) << "told twice, or after close()";
      stream = nullptr;
      ending = (clean ? "clean: " : "broken: ") + std::string(reason);
    }
    Server& server;
    env::Stream* stream;
    std::string received;
    int reads = 0;
    int drained = 0;
    bool ended = false;
    std::string ending;
  };

  Server(Schedule& schedule, Network& network, MachineId machine)
      : machine_id(machine), schedule_(schedule), network_(network) {
    start();
  }
  ~Server() override { listener_.reset(); }

  void start() { wires_ = network_.attach(machine_id, *this); }
  void listen(std::uint16_t port) {
    auto made = wires_->listen({"127.0.0.1", port}, [this](env::Stream& stream) {
      peers.push_back(std::make_shared<Peer>(*this, stream));
      return peers.back();
    });
    ASSERT_TRUE(made.ok());
    listener_ = *std::move(made);
  }
  void stop_listening() { listener_.reset(); }
  void die() {
    network_.process_died(machine_id);
    end_process();
  }
  void lose_power() {
    network_.power_lost(machine_id);
    end_process();
  }
  void flush() { network_.flush(machine_id); }
  Result<std::unique_ptr<env::Listener>> try_listen(std::uint16_t port) {
    return wires_->listen({"127.0.0.1", port}, [](env::Stream&) { return nullptr; });
  }

  const MachineId machine_id;
  std::vector<std::shared_ptr<Peer>> peers;
  bool stays_open = false;
  bool stopped = false;  // as by SIGSTOP

 private:
  void end_process() {
    for (const auto& peer : peers) {
      if (peer->stream != nullptr) peer->stream->close();
      peer->stream = nullptr;
    }
    listener_.reset();
    wires_.reset();
    ready_.clear();
  }
  void post(std::function<void()> work) override {
    ready_.push_back(std::move(work));
    plan();
  }
  void plan() {
    schedule_.after(microseconds(5), [this] {
      if (stopped) return plan_later();
      for (auto& each : std::exchange(ready_, {})) each();
      if (wires_) network_.flush(machine_id);
    });
  }
  void plan_later() {
    schedule_.after(milliseconds(1), [this] { plan(); });
  }

  Schedule& schedule_;
  Network& network_;
  std::unique_ptr<env::Network> wires_;
  std::unique_ptr<env::Listener> listener_;
  std::vector<std::function<void()>> ready_;
};

class NetworkTest : public testing::Test {
 protected:
  NetworkTest() { server.listen(kPort); }

  void pass(Duration length) {
    bool reached = false;
    schedule.after(length, [&reached] { reached = true; });
    while (!reached) schedule.step();
  }
  void connect() {
    client.dial(kAddress);
    pass(milliseconds(5));
    ASSERT_TRUE(client.connected());
    ASSERT_EQ(server.peers.size(), 1u);
  }
  Server::Peer& peer() { return *server.peers.back(); }

  static constexpr MachineId kClient = kFirstClient;
  Schedule schedule;
  Network network{schedule, RandomStreams(42)};
  Server server{schedule, network, 1};
  RawClient client{schedule, network, kClient};
};

// ---- Streams ------------------------------------------------------------------------------------

TEST_F(NetworkTest, BytesArriveOnceInOrderBothWays) {
  connect();
  std::string sent;
  std::string answered;
  for (int i = 0; i < 500; ++i) {
    const std::string word = std::to_string(i) + ",";
    client.send(word);
    sent += word;
    peer().stream->send(std::string_view(word));
    server.flush();
    if (i % 7 == 0) pass(microseconds(100));
  }
  pass(milliseconds(20));
  EXPECT_EQ(peer().received, sent);
  EXPECT_EQ(client.take(), sent);
  EXPECT_EQ(peer().stream->remote(), client.stream().local());
  EXPECT_EQ(peer().stream->local(), kAddress);
}

TEST_F(NetworkTest, NobodyIsCalledBackFromInsideACall) {
  client.dial(kAddress);
  EXPECT_FALSE(client.connected());
  client.send("early");  // leaves when the connection stands
  EXPECT_TRUE(server.peers.empty());
  pass(milliseconds(5));
  EXPECT_EQ(peer().received, "early");
}

TEST_F(NetworkTest, WhereNobodyListensADialIsRefused) {
  client.dial({"127.0.0.1", 7001});
  pass(milliseconds(5));
  EXPECT_EQ(client.ending(), "broken: cannot connect to 127.0.0.1:7001: Connection refused");
  server.stop_listening();
  client.dial(kAddress);
  pass(milliseconds(5));
  EXPECT_EQ(client.ending(), "broken: cannot connect to 127.0.0.1:7000: Connection refused");
}

TEST_F(NetworkTest, APortBelongsToOneProcess) {
  EXPECT_FALSE(server.try_listen(kPort).ok());
  Server other(schedule, network, 2);
  EXPECT_FALSE(other.try_listen(kPort).ok());
  EXPECT_TRUE(other.try_listen(kPort + 1).ok());
}

TEST_F(NetworkTest, WhatIsNotReadStaysWithTheSenderBeyondAWindow) {
  connect();
  peer().stream->pause_reading(true);
  const std::string block(1 << 20, 'x');
  client.send(block);
  pass(milliseconds(50));
  EXPECT_EQ(peer().received, "");
  EXPECT_GT(client.stream().pending(), block.size() / 2);
  EXPECT_LT(client.stream().pending(), block.size());
  peer().stream->pause_reading(false);
  pass(milliseconds(200));
  EXPECT_EQ(peer().received.size(), block.size());
  EXPECT_EQ(client.stream().pending(), 0u);
}

TEST_F(NetworkTest, DrainedIsToldOnceMuchWasQueued) {
  connect();
  peer().stream->send(std::string_view("little"));
  server.flush();
  pass(milliseconds(5));
  EXPECT_EQ(peer().drained, 0);
  peer().stream->send(std::string_view(std::string(100 << 10, 'x')));
  EXPECT_EQ(peer().stream->pending(), 100u << 10);
  server.flush();
  EXPECT_EQ(peer().drained, 0) << "not from inside the flush";
  pass(milliseconds(5));
  EXPECT_EQ(peer().drained, 1);
}

TEST_F(NetworkTest, AClosedConnectionStillDeliversWhatWasQueued) {
  connect();
  peer().stream->send(std::string_view("goodbye"));
  peer().stream->close(false);
  server.flush();
  pass(milliseconds(5));
  EXPECT_EQ(client.take(), "goodbye");
  EXPECT_EQ(client.ending(), "clean: closed by the peer");
}

TEST_F(NetworkTest, APeerThatHasOnlyEndedItsInputIsStillAnswered) {
  connect();
  server.stays_open = true;
  client.send("question");
  client.stream().close(false);
  network.flush(kClient);
  pass(milliseconds(5));
  EXPECT_TRUE(peer().ended);
  EXPECT_EQ(peer().ending, "");
  ASSERT_NE(peer().stream, nullptr);
  peer().stream->send(std::string_view("answer"));
  peer().stream->close(false);
  peer().stream = nullptr;
  server.flush();
  pass(milliseconds(5));
  EXPECT_EQ(peer().received, "question");
}

// ---- Deaths -------------------------------------------------------------------------------------

TEST_F(NetworkTest, ADeadProcessClosesItsConnectionsAndSaysNoGoodbye) {
  connect();
  peer().stream->send(std::string_view("never leaves"));
  server.die();
  pass(milliseconds(5));
  EXPECT_EQ(client.take(), "");
  EXPECT_EQ(client.ending(), "clean: closed by the peer");
  client.dial(kAddress);
  pass(milliseconds(5));
  EXPECT_NE(client.ending().find("refused"), std::string::npos);
}

TEST_F(NetworkTest, WhatADeadProcessHadNotReadIsAReset) {
  connect();
  server.stopped = true;
  client.send("unread");
  pass(milliseconds(5));
  server.die();
  pass(milliseconds(5));
  EXPECT_EQ(client.ending(), "broken: Connection reset by peer");
}

TEST_F(NetworkTest, AProcessThatStandsStillIsConnectedToByItsKernel) {
  server.stopped = true;
  client.dial(kAddress);
  client.send("waits");
  pass(milliseconds(50));
  EXPECT_TRUE(client.connected());
  EXPECT_TRUE(server.peers.empty());
  server.stopped = false;
  pass(milliseconds(5));
  EXPECT_EQ(peer().received, "waits");
}

TEST_F(NetworkTest, AMachineWithoutPowerIsSilentAndForgetsItsConnections) {
  connect();
  server.lose_power();
  client.send("hello?");
  pass(seconds(10));
  EXPECT_TRUE(client.open());
  network.power_back(1);
  server.start();
  server.listen(kPort);
  pass(seconds(1));
  EXPECT_EQ(client.ending(), "broken: Connection reset by peer");
}

TEST_F(NetworkTest, ADialWaitsForAMachineWithoutPower) {
  server.lose_power();
  client.dial(kAddress);
  pass(seconds(10));
  EXPECT_TRUE(client.open());
  EXPECT_FALSE(client.connected());
  network.power_back(1);
  server.start();
  server.listen(kPort);
  pass(seconds(1));
  EXPECT_TRUE(client.connected());
}

// ---- Faults of the wire -------------------------------------------------------------------------

TEST_F(NetworkTest, ACutDirectionHoldsWhatGoesThereUntilItIsMended) {
  connect();
  network.cut(kClient, 1);
  EXPECT_FALSE(network.connected(kClient, 1));
  EXPECT_TRUE(network.connected(1, kClient));
  client.send("a");
  peer().stream->send(std::string_view("b"));
  server.flush();
  pass(seconds(5));
  EXPECT_EQ(peer().received, "");
  EXPECT_EQ(client.take(), "b");
  network.mend(kClient, 1);
  client.send("c");
  pass(seconds(1));
  EXPECT_EQ(peer().received, "ac");
}

TEST_F(NetworkTest, ACloggedMachineHearsEverythingAtOnceAfterwards) {
  connect();
  network.clog(1, seconds(2));
  client.send("a");
  pass(milliseconds(1990));
  client.send("b");
  EXPECT_EQ(peer().received, "");
  pass(milliseconds(20));
  EXPECT_EQ(peer().received, "ab");
  client.send("c");
  pass(milliseconds(5));
  EXPECT_EQ(peer().received, "abc");
}

TEST_F(NetworkTest, AResetBreaksBothEnds) {
  connect();
  network.reset(kClient, 1);
  pass(milliseconds(5));
  EXPECT_EQ(client.ending(), "broken: Connection reset by peer");
  EXPECT_EQ(peer().ending, "broken: Connection reset by peer");
  EXPECT_EQ(network.counts().resets, 1u);
}

TEST_F(NetworkTest, ALostSegmentHoldsUpWhatIsBehindIt) {
  connect();
  Wire lossy;
  lossy.lose_ppm = 1'000'000;
  network.set_wire(kClient, 1, lossy);
  client.send("first ");
  network.set_wire(kClient, 1, {});
  client.send("second");
  pass(milliseconds(150));
  EXPECT_EQ(peer().received, "");
  pass(seconds(60));
  EXPECT_EQ(peer().received, "first second");
  EXPECT_GT(network.counts().lost, 0u);
}

TEST_F(NetworkTest, HealedTheWiresAreWholeAgain) {
  connect();
  network.cut(kClient, 1);
  network.cut(1, kClient);
  network.all().lose_ppm = 500'000;
  network.clog(1, seconds(1000));
  client.send("a");
  pass(seconds(1));
  network.heal();
  EXPECT_TRUE(network.connected(kClient, 1));
  EXPECT_EQ(network.all(), Wire{});
  pass(seconds(60));
  EXPECT_EQ(peer().received, "a");
}

// ---- Messages between nodes ---------------------------------------------------------------------

class MessagesTest : public NetworkTest {
 protected:
  MessagesTest() {
    server.stop_listening();
    server.listen(kBetweenNodes);
    client.dial({"127.0.0.1", kBetweenNodes});
    pass(milliseconds(5));
  }
  // Sends messages 0 … count - 1, each between two forwards, and gives what came of them by number.
  std::map<std::string, int> send(int count) {
    using server::FrameKind;
    for (int i = 0; i < count; ++i) {
      client.send(server::make_frame(FrameKind::forward, "f" + std::to_string(i)));
      client.send(server::make_frame(FrameKind::message, "m" + std::to_string(i)));
      pass(milliseconds(1));
    }
    pass(seconds(12));
    server::FrameDecoder decoder;
    decoder.feed(peer().received);
    std::map<std::string, int> came;
    int next_forward = 0;
    while (const auto frame = decoder.next()) {
      const std::string body(frame->body.view());
      if (frame->kind == FrameKind::forward) {
        EXPECT_EQ(body, "f" + std::to_string(next_forward++)) << "a stream keeps its order";
      } else {
        ++came[body];
        order.push_back(std::stoi(body.substr(1)));
      }
    }
    EXPECT_EQ(decoder.error(), "");
    EXPECT_EQ(next_forward, count);
    return came;
  }
  std::vector<int> order;
};

TEST_F(MessagesTest, AWholeWireChangesNothing) {
  const auto came = send(100);
  EXPECT_EQ(came.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), 100u);
}

TEST_F(MessagesTest, SomeAreLost) {
  network.all().drop_ppm = 300'000;
  const auto came = send(300);
  EXPECT_EQ(came.size() + network.counts().dropped, 300u);
  EXPECT_GT(network.counts().dropped, 50u);
  EXPECT_LT(network.counts().dropped, 150u);
}

TEST_F(MessagesTest, SomeComeTwice) {
  network.all().duplicate_ppm = 300'000;
  const auto came = send(300);
  EXPECT_EQ(came.size(), 300u);
  EXPECT_EQ(order.size(), 300u + network.counts().duplicated);
  EXPECT_GT(network.counts().duplicated, 50u);
}

TEST_F(MessagesTest, SomeComeAgainMuchLater) {
  network.all().late_ppm = 300'000;
  const auto came = send(300);
  EXPECT_EQ(came.size(), 300u);
  EXPECT_EQ(order.size(), 300u + network.counts().late);
  int largest = 0;
  int lag = 0;
  for (const int number : order) {
    largest = std::max(largest, number);
    lag = std::max(lag, largest - number);
  }
  EXPECT_GT(lag, 100) << "milliseconds, one message in each";
}

TEST_F(MessagesTest, SomeArriveBehindLaterOnes) {
  network.all().reorder_ppm = 300'000;
  const auto came = send(300);
  EXPECT_EQ(came.size(), 300u);
  EXPECT_EQ(order.size(), 300u);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  EXPECT_GT(network.counts().reordered, 50u);
}

TEST_F(MessagesTest, AFlippedBitIsOneBit) {
  network.all().corrupt_ppm = 1'000'000;
  const std::string sent(1000, 'x');
  client.send(sent);
  pass(milliseconds(5));
  ASSERT_EQ(peer().received.size(), sent.size());
  int bits = 0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    bits += __builtin_popcount(static_cast<unsigned char>(sent[i] ^ peer().received[i]));
  }
  EXPECT_EQ(bits, 1);
}

TEST_F(NetworkTest, ClientsAreNotHarmedByWhatHappensToMessages) {
  network.all().drop_ppm = network.all().corrupt_ppm = 1'000'000;
  connect();
  client.send(server::make_frame(server::FrameKind::message, "m"));
  pass(milliseconds(5));
  EXPECT_EQ(peer().received, server::make_frame(server::FrameKind::message, "m"));
}

}  // namespace
}  // namespace holdfast::sim
