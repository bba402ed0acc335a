#include "os/tcp.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "os/test_loop.h"

namespace holdfast::os {
namespace {

// A listener, and what has been accepted. The parameter: how many loops.
class TcpTest : public testing::TestWithParam<int> {
 protected:
  TcpTest() {
    auto made = network.spread().listen(kAnyPort, [this](env::Stream& stream) {
      accepted.push_back(&stream);
      handlers.push_back(std::make_shared<RecordingHandler>());
      return handlers.back();
    });
    CHECK(made.ok(), "{}", made.error().message);
    listener = std::move(*made);
  }

  // Connects, and runs until both ends know.
  env::Stream& connected(std::shared_ptr<RecordingHandler> handler) {
    const std::size_t before = accepted.size();
    env::Stream& stream = network.connect(listener->bound(), handler);
    EXPECT_TRUE(until([&] { return handler->connected && accepted.size() == before + 1; }));
    return stream;
  }
  bool until(std::function<bool()> done) { return test.run_until(std::move(done)); }

  TestLoop test;
  NoTrace trace;
  TcpNetwork network{test.loop(), trace, GetParam()};
  std::unique_ptr<env::Listener> listener;
  std::vector<env::Stream*> accepted;
  std::vector<std::shared_ptr<RecordingHandler>> handlers;
  std::shared_ptr<RecordingHandler> client = std::make_shared<RecordingHandler>();
};

INSTANTIATE_TEST_SUITE_P(Loops, TcpTest, testing::Values(1, 2), testing::PrintToStringParamName());

// As `printf ... | nc` does: it closes its side and goes on reading.
TEST_P(TcpTest, AHalfClosedPeerStillGetsWhatIsQueued) {
  const int peer = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(listener->bound().port);
  ASSERT_EQ(::connect(peer, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  ASSERT_TRUE(until([&] { return handlers.size() == 1; }));
  const std::size_t size = 8 << 20;
  handlers[0]->when_bytes = [&] { accepted[0]->send(SharedBytes(std::string(size, 'b'))); };
  ASSERT_EQ(::send(peer, "give", 4, 0), 4);
  ASSERT_EQ(::shutdown(peer, SHUT_WR), 0);
  std::size_t got = 0;
  std::string buffer(1 << 20, ' ');
  test.at_turn_end = [&] {
    const ssize_t count = ::recv(peer, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) got += static_cast<std::size_t>(count);
    test.loop().post([] {});  // the raw socket does not wake the loop
  };
  EXPECT_TRUE(until([&] { return got == size && network.streams() == 0; }));
  EXPECT_EQ(handlers[0]->closed, 1);
  EXPECT_TRUE(handlers[0]->clean);
  ::close(peer);
}

TEST_P(TcpTest, APortInUseIsNamed) {
  const env::Address taken = listener->bound();
  auto second = network.listen(taken, [](env::Stream&) { return nullptr; });
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find(std::to_string(taken.port)), std::string::npos);
  EXPECT_NE(second.error().message.find("in use"), std::string::npos);
}

TEST_P(TcpTest, AStrangeHostIsRefused) {
  auto accept = [](env::Stream&) { return nullptr; };
  EXPECT_FALSE(network.listen({"no.such.host.invalid", 1}, accept).ok());
  auto foreign = network.listen({"192.0.2.1", 0}, accept);
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.error().message.find("no address 192.0.2.1"), std::string::npos);
}

TEST_P(TcpTest, ResolvesNames) {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "SKIP: resolving a name: this machine does not know localhost";
  }
  ::freeaddrinfo(found);
  network.connect({"localhost", listener->bound().port}, client);
  EXPECT_TRUE(until([&] { return client->connected; }));
}

TEST_P(TcpTest, RunningOutOfDescriptorsIsSurvived) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  // The undefined-behaviour sanitizer needs descriptors of its own when it meets a type for the
  // first time, and takes their lack for a wrong type: let it meet them all before.
  connected(client);
  std::vector<std::shared_ptr<RecordingHandler>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_shared<RecordingHandler>());
    network.connect(listener->bound(), clients.back());
  }
  // Room for the three that connect (their sockets are made by the resolver's answer), none for
  // the other ends.
  const int next = ::dup(0);
  ::close(next);
  rlimit tight = limit;
  tight.rlim_cur = static_cast<rlim_t>(next) + 4;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  test.run_for(milliseconds(300));
  EXPECT_LT(accepted.size(), 4u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(until([&] {
    return accepted.size() + static_cast<std::size_t>(clients[0]->closed + clients[1]->closed +
                                                      clients[2]->closed) >=
           4;
  }));
}

class TcpLoops : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(, TcpLoops, testing::Values(1, 2), testing::PrintToStringParamName());

TEST_P(TcpLoops, ANetworkMayDieWithStreamsUnderWay) {
  TestLoop test;
  NoTrace trace;
  auto client = std::make_shared<RecordingHandler>();
  {
    TcpNetwork network(test.loop(), trace, GetParam());
    std::shared_ptr<RecordingHandler> handler;
    auto listener = network.spread().listen(kAnyPort, [&](env::Stream&) {
      handler = std::make_shared<RecordingHandler>();
      return handler;
    });
    ASSERT_TRUE(listener.ok());
    env::Stream& stream = network.connect((*listener)->bound(), client);
    ASSERT_TRUE(test.run_until([&] { return client->connected; }));
    stream.send("never sent");
  }
  test.run_for(milliseconds(50));
  EXPECT_EQ(client->closed, 0);
}

}  // namespace
}  // namespace holdfast::os
