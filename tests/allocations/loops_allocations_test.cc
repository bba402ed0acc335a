// Counts what threads that read and write for the main loop allocate, on both sides together, for each
// command of a pipeline: nothing, once orders and parcels have grown to what they need (os/io_mail.h).
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "counted_new.h"
#include "os/tcp.h"
#include "os/test_loop.h"

namespace holdfast::os {
namespace {

constexpr int kPeers = 20;
constexpr int kCommands = 100;  // of each, in a batch
constexpr std::string_view kCommand = "command\n";
constexpr std::string_view kReply = "what it is answered\n";

// Answers each command by itself.
struct Answering final : env::StreamHandler {
  void on_bytes(std::string_view bytes) override {
    for (const char c : bytes) {
      if (c == '\n') stream->send(kReply);
    }
  }
  void on_closed(bool, std::string_view) override {}

  env::Stream* stream = nullptr;
};

TEST(LoopsAllocations, ACommandCostsNone) {
  TestLoop test;
  NoTrace trace;
  TcpNetwork network(test.loop(), trace, 3);
  int accepted = 0;
  auto listener = network.spread().listen({"127.0.0.1", 0}, [&](env::Stream& stream) {
    auto handler = std::make_shared<Answering>();
    handler->stream = &stream;
    ++accepted;
    return handler;
  });
  ASSERT_TRUE(listener.ok());

  std::vector<int> peers;
  for (int i = 0; i < kPeers; ++i) {
    peers.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((*listener)->bound().port);
    ASSERT_EQ(::connect(peers.back(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ASSERT_TRUE(test.run_until([&] { return accepted == kPeers; }));

  std::string batch;
  for (int i = 0; i < kCommands; ++i) batch += kCommand;
  std::string buffer(64 << 10, '\0');
  std::size_t wanted = 0;
  test.at_turn_end = [&] {
    for (const int peer : peers) {
      const ssize_t count = ::recv(peer, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count > 0) wanted -= static_cast<std::size_t>(count);
    }
    test.loop().post([] {});  // raw sockets do not wake the loop
  };
  const auto batches = [&](int count) {
    const std::uint64_t before = allocations();
    for (int i = 0; i < count; ++i) {
      wanted = kPeers * kCommands * kReply.size();
      for (const int peer : peers) {
        EXPECT_EQ(::send(peer, batch.data(), batch.size(), 0), static_cast<ssize_t>(batch.size()));
      }
      EXPECT_TRUE(test.run_until([&] { return wanted == 0; }));
    }
    return static_cast<double>(allocations() - before) / (count * kPeers * kCommands);
  };
  batches(50);
  const double each = batches(50);
  RecordProperty("allocations", std::to_string(each));
  EXPECT_LT(each, 0.02) << "what is left belongs to turns, not to commands";
  for (const int peer : peers) ::close(peer);
}

}  // namespace
}  // namespace holdfast::os
