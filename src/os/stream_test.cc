// What env/network.h promises of streams: over TCP and over TLS, with one loop and with several
// alike.
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "os/tcp.h"
#include "os/test_certificates.h"
#include "os/test_loop.h"
#include "os/tls.h"

namespace holdfast::os {
namespace {

std::shared_ptr<const TlsContext> mutual_context() {
  const TestFolder folder;
  TestAuthority authority;
  TlsSettings settings = folder.settings(authority.issue(), authority.certificate());
  settings.ask = TlsSettings::Ask::required;
  return loaded(settings);
}

struct Kind {
  const char* name;
  bool tls;
  int loops;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

// A listener, and what has been accepted.
class StreamTest : public testing::TestWithParam<Kind> {
 protected:
  StreamTest() {
    if (GetParam().tls) {
      tls = std::make_unique<TlsNetwork>(test.loop(), tcp, trace,
                                         TlsNetwork::Options{mutual_context(), {}, true});
    }
    auto made = network().listen(kAnyPort, [this](env::Stream& stream) {
      accepted.push_back(&stream);
      handlers.push_back(std::make_shared<RecordingHandler>());
      return refuse ? nullptr : handlers.back();
    });
    CHECK(made.ok(), "{}", made.error().message);
    listener = std::move(*made);
  }

  env::Network& network() { return tls ? static_cast<env::Network&>(*tls) : tcp.spread(); }
  // Connects, and runs until both ends know.
  env::Stream& connected(std::shared_ptr<RecordingHandler> handler) {
    const std::size_t before = accepted.size();
    env::Stream& stream = network().connect(listener->bound(), handler);
    EXPECT_TRUE(until([&] { return handler->connected && accepted.size() == before + 1; }));
    return stream;
  }
  bool until(std::function<bool()> done) { return test.run_until(std::move(done)); }

  TestLoop test;
  NoTrace trace;
  TcpNetwork tcp{test.loop(), trace, GetParam().loops};
  std::unique_ptr<TlsNetwork> tls;
  std::unique_ptr<env::Listener> listener;
  std::vector<env::Stream*> accepted;
  std::vector<std::shared_ptr<RecordingHandler>> handlers;
  std::shared_ptr<RecordingHandler> client = std::make_shared<RecordingHandler>();
  bool refuse = false;
};

constexpr Kind kKinds[] = {{"Tcp", false, 1},
                           {"Tls", true, 1},
                           {"TcpTwoLoops", false, 2},
                           {"TlsTwoLoops", true, 2},
                           {"TcpFourLoops", false, 4}};
INSTANTIATE_TEST_SUITE_P(, StreamTest, testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST_P(StreamTest, EchoesWithOneWritePerTurn) {
  env::Stream& stream = connected(client);
  handlers[0]->when_bytes = [&] {
    for (int i = 0; i < 100; ++i) accepted[0]->send("x");
    accepted[0]->send(SharedBytes(std::string(5000, 'y')));
    accepted[0]->send("z");
  };
  const auto before = tcp.writes();
  stream.send("pi");
  stream.send("ng");
  EXPECT_EQ(stream.pending(), 4u);
  EXPECT_TRUE(until([&] { return client->received.size() == 5101; }));
  EXPECT_EQ(handlers[0]->received, "ping");
  EXPECT_EQ(client->received, std::string(100, 'x') + std::string(5000, 'y') + "z");
  EXPECT_EQ(tcp.writes() - before, 2u) << "one for each side";
  EXPECT_EQ(stream.pending(), 0u);
}

TEST_P(StreamTest, KnowsBothAddresses) {
  env::Stream& stream = connected(client);
  EXPECT_EQ(stream.remote(), listener->bound());
  EXPECT_EQ(stream.local(), accepted[0]->remote());
  EXPECT_EQ(stream.remote(), accepted[0]->local());
}

TEST_P(StreamTest, SendsBeforeConnectedLeaveOnceConnected) {
  env::Stream& stream = network().connect(listener->bound(), client);
  stream.send("early");
  EXPECT_TRUE(until([&] { return !handlers.empty() && handlers[0]->received == "early"; }));
}

TEST_P(StreamTest, AnOrderlyCloseIsClean) {
  env::Stream& stream = connected(client);
  stream.send("last words");
  stream.close();
  EXPECT_TRUE(until([&] { return handlers[0]->closed == 1 && tcp.streams() == 0; }));
  EXPECT_TRUE(handlers[0]->clean);
  EXPECT_EQ(handlers[0]->received, "last words");
  EXPECT_EQ(client->closed, 0) << "who closes is not told";
}

TEST_P(StreamTest, AResetIsNotClean) {
  env::Stream& stream = connected(client);
  accepted[0]->pause_reading(true);
  stream.send("unread");
  // Closing with bytes unread makes the kernel send a reset.
  test.run_for(milliseconds(50));
  accepted[0]->close(true);
  EXPECT_TRUE(until([&] { return client->closed == 1; }));
  EXPECT_FALSE(client->clean);
  EXPECT_FALSE(client->reason.empty());
  EXPECT_EQ(handlers[0]->closed, 0);
}

TEST_P(StreamTest, TheLastErrorReachesAPeerThatIsStillSending) {
  env::Stream& stream = connected(client);
  handlers[0]->when_bytes = [&] {
    accepted[0]->send("-ERR too much\r\n");
    accepted[0]->close();
  };
  stream.send(SharedBytes(std::string(4 << 20, 'x')));
  EXPECT_TRUE(until([&] { return client->closed == 1; }));
  EXPECT_EQ(client->received, "-ERR too much\r\n");
  EXPECT_EQ(handlers[0]->closed, 0);
}

TEST_P(StreamTest, AHandlerMayLetItselfGoWhileItIsCalled) {
  env::Stream& stream = connected(client);
  std::weak_ptr<RecordingHandler> weak = handlers[0];
  handlers[0]->when_bytes = [this] {
    handlers.clear();
    accepted[0]->close(true);
  };
  stream.send("go");
  EXPECT_TRUE(until([&] { return weak.expired(); }));
}

TEST_P(StreamTest, NothingIsCalledAfterClose) {
  env::Stream& stream = connected(client);
  accepted[0]->send("too late");
  stream.close(true);
  test.run_for(milliseconds(100));
  EXPECT_EQ(client->reads, 0);
  EXPECT_EQ(client->closed, 0);
}

TEST_P(StreamTest, ASlowReaderHoldsBackAndIsDrained) {
  env::Stream& stream = connected(client);
  stream.pause_reading(true);
  const std::string big(32 << 20, 'b');
  accepted[0]->send(SharedBytes(big));
  test.run_for(milliseconds(100));
  EXPECT_GT(accepted[0]->pending(), std::size_t{1} << 20);
  EXPECT_EQ(handlers[0]->drained, 0);
  EXPECT_EQ(client->reads, 0);
  stream.pause_reading(false);
  EXPECT_TRUE(until([&] { return client->received.size() == big.size(); }));
  EXPECT_TRUE(until([&] { return handlers[0]->drained == 1; }));
  EXPECT_EQ(accepted[0]->pending(), 0u);
}

TEST_P(StreamTest, DrainedComesEvenIfTheKernelTookAllAtOnce) {
  connected(client);
  accepted[0]->send(std::string(TcpNetwork::kHighWater + 1, 'b'));
  EXPECT_TRUE(until([&] { return handlers[0]->drained == 1; }));
  accepted[0]->send("a little");
  EXPECT_TRUE(until([&] { return client->received.size() == TcpNetwork::kHighWater + 9; }));
  EXPECT_EQ(handlers[0]->drained, 1);
}

TEST_P(StreamTest, APeerThatNeverReadsIsDroppedAfterClose) {
  env::Stream& stream = connected(client);
  stream.pause_reading(true);
  accepted[0]->send(SharedBytes(std::string(32 << 20, 'b')));
  accepted[0]->close();
  EXPECT_EQ(tcp.streams(), 2u);
  EXPECT_TRUE(until([&] { return tcp.streams() == 1; }));
}

TEST_P(StreamTest, ARefusedStreamIsClosed) {
  refuse = true;
  network().connect(listener->bound(), client);
  // With several loops one side may hear of it before the other is counted no more.
  EXPECT_TRUE(until([&] { return client->closed == 1 && tcp.streams() == 0; }));
}

TEST_P(StreamTest, ConnectRefusedReachesTheHandler) {
  const env::Address gone = listener->bound();
  listener.reset();
  env::Stream& stream = network().connect(gone, client);
  stream.send("lost");
  EXPECT_EQ(client->closed, 0) << "not from inside connect";
  EXPECT_TRUE(until([&] { return client->closed == 1; }));
  EXPECT_FALSE(client->clean);
  EXPECT_FALSE(client->connected);
  EXPECT_NE(client->reason.find(gone.text()), std::string::npos);
  EXPECT_EQ(tcp.streams(), 0u);
}

TEST_P(StreamTest, ClosingWhileConnectingIsQuiet) {
  network().connect(listener->bound(), client).close();
  test.run_for(milliseconds(100));
  EXPECT_FALSE(client->connected);
  EXPECT_EQ(client->closed, 0);
}

TEST_P(StreamTest, ManyStreamsAtOnce) {
  std::vector<std::shared_ptr<RecordingHandler>> clients;
  std::vector<env::Stream*> streams;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_shared<RecordingHandler>());
    streams.push_back(&network().connect(listener->bound(), clients.back()));
    streams.back()->send(std::to_string(i));
  }
  EXPECT_TRUE(until([&] {
    std::size_t got = 0;
    for (const auto& handler : handlers) got += handler->received.empty() ? 0 : 1;
    return got == 50;
  }));
  for (auto* stream : accepted) stream->close();
  EXPECT_TRUE(until([&] { return tcp.streams() == 0; }));
  for (const auto& handler : clients) EXPECT_EQ(handler->closed, 1);
}

}  // namespace
}  // namespace holdfast::os
