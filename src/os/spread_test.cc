// What several loops could break: order, limits, and ends while bytes are under way in both
// directions.
#include "os/spread.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "base/prng.h"
#include "os/mailbox.h"
#include "os/tcp.h"
#include "os/test_loop.h"

namespace holdfast::os {
namespace {

// The other side, outside of any loop. All calls return at once.
class RawPeer {
 public:
  explicit RawPeer(const env::Address& to) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(to.port);
    const auto* at = reinterpret_cast<const sockaddr*>(&address);
    CHECK(::connect(socket_, at, sizeof address) == 0);
  }
  ~RawPeer() { ::close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // How much of it the kernel has taken.
  std::size_t send(std::string_view bytes) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  std::string receive() {
    std::string bytes(64 << 10, '\0');
    const ssize_t count = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    ended |= count == 0;
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
  }
  // Closing then sends a reset.
  void reset_at_close() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  bool ended = false;

 private:
  int socket_;
};

// Bytes that tell a loss, a repetition and an exchange.
std::string numbered(std::uint64_t from, std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = from + i;
    bytes[i] = static_cast<char>((at / 8 >> (at % 8 * 8)) ^ at);
  }
  return bytes;
}

class SpreadTest : public testing::Test {
 protected:
  SpreadTest() {
    auto made = network->spread().listen(kAnyPort, [this](env::Stream& stream) {
      accepted.push_back(&stream);
      handlers.push_back(std::make_shared<RecordingHandler>());
      if (when_accepted) when_accepted(accepted.size() - 1);
      return handlers.back();
    });
    CHECK(made.ok(), "{}", made.error().message);
    listener = std::move(*made);
  }

  bool until(std::function<bool()> done) {
    // Raw sockets do not wake the loop.
    test.at_turn_end = [this, work = std::move(each_turn)] {
      if (work) work();
      test.loop().post([] {});
    };
    return test.run_until(std::move(done), seconds(60));
  }
  void accept(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      peers.push_back(std::make_unique<RawPeer>(listener->bound()));
    }
    ASSERT_TRUE(until([&] { return accepted.size() == peers.size(); }));
  }

  TestLoop test;
  NoTrace trace;
  std::unique_ptr<TcpNetwork> network = std::make_unique<TcpNetwork>(test.loop(), trace, 4);
  std::unique_ptr<env::Listener> listener;
  std::vector<env::Stream*> accepted;
  std::vector<std::shared_ptr<RecordingHandler>> handlers;
  std::vector<std::unique_ptr<RawPeer>> peers;
  std::function<void(std::size_t)> when_accepted;
  std::function<void()> each_turn;
};

// Each stream echoes; some of it shared, some of it copied, in pieces of any size.
TEST_F(SpreadTest, BytesArriveInOrderUnderLoadOverManyStreams) {
  constexpr std::size_t kStreams = 60;
  constexpr std::size_t kEach = 600'000;
  Prng prng(1);
  when_accepted = [&](std::size_t i) {
    RecordingHandler& handler = *handlers[i];
    handler.when_bytes = [&, i, &handler = handler] {
      std::string_view left = handler.received;
      while (!left.empty()) {
        const std::size_t size = std::min<std::size_t>(left.size(), 1 + prng.below(9000));
        if (prng.below(2) == 0) {
          accepted[i]->send(left.substr(0, size));
        } else {
          accepted[i]->send(SharedBytes(std::string(left.substr(0, size))));
        }
        left.remove_prefix(size);
      }
      handler.received.clear();
    };
  };
  accept(kStreams);
  std::vector<std::size_t> sent(kStreams);
  std::vector<std::string> echoed(kStreams);
  each_turn = [&] {
    for (std::size_t i = 0; i < kStreams; ++i) {
      const std::size_t size = std::min<std::size_t>(kEach - sent[i], prng.below(40'000));
      if (size > 0) sent[i] += peers[i]->send(numbered(sent[i], size));
      if (prng.below(3) > 0) echoed[i] += peers[i]->receive();
    }
  };
  const auto all = [&](const std::string& bytes) { return bytes.size() == kEach; };
  EXPECT_TRUE(until([&] { return std::all_of(echoed.begin(), echoed.end(), all); }));
  const std::string expected = numbered(0, kEach);
  for (std::size_t i = 0; i < kStreams; ++i) {
    EXPECT_TRUE(echoed[i] == expected) << "stream " << i;
    EXPECT_EQ(accepted[i]->pending(), 0u);
  }
}

TEST_F(SpreadTest, StreamsMayCloseAtAnyTimeWhileBytesAreUnderWay) {
  Prng prng(2);
  std::set<std::size_t> closed;
  when_accepted = [&](std::size_t i) {
    handlers[i]->when_bytes = [&, i] {
      EXPECT_FALSE(closed.contains(i)) << "told something after it closed";
      accepted[i]->send(std::string(1 + prng.below(30'000), 'a'));
      const auto dice = prng.below(40);
      if (dice > 1) return;
      closed.insert(i);
      accepted[i]->close(dice == 0);
    };
  };
  std::size_t opened = 0;
  std::size_t reset = 0;
  each_turn = [&] {
    if (opened < 400 && peers.size() < 50) {
      peers.push_back(std::make_unique<RawPeer>(listener->bound()));
      ++opened;
    }
    for (auto& peer : peers) {
      peer->send(std::string(1 + prng.below(2000), 'b'));
      if (prng.below(2) == 0) peer->receive();
      const auto dice = prng.below(200);
      if (dice == 0) peer->reset_at_close();
      reset += dice == 0 ? 1 : 0;
      if (dice < 2 || peer->ended) peer = nullptr;
    }
    std::erase(peers, nullptr);
  };
  EXPECT_TRUE(until([&] { return opened == 400 && peers.empty() && network->streams() == 0; }));
  EXPECT_GT(closed.size(), 50u);
  EXPECT_GT(reset, 10u);
  int told = 0;
  for (std::size_t i = 0; i < handlers.size(); ++i) {
    EXPECT_EQ(handlers[i]->closed, closed.contains(i) ? 0 : 1) << "stream " << i;
    told += handlers[i]->closed;
  }
  EXPECT_GT(told, 20);
}

// What waits for it is counted, byte by byte, so that the stream's owner can draw the line; and
// what is sent later does not overtake it.
TEST_F(SpreadTest, WhatAPeerDoesNotTakeIsCountedAndKeepsItsPlace) {
  accept(1);
  const std::size_t each = 100'000;
  const std::size_t turns = 200;
  std::size_t sent = 0;
  const auto send = [&] {
    const std::string bytes = numbered(sent, each);
    if (sent / each % 2 == 0) {
      accepted[0]->send(bytes);
    } else {
      accepted[0]->send(SharedBytes(bytes));
    }
    sent += each;
  };
  std::size_t turn = 0;
  each_turn = [&] {
    if (sent < turns * each) send();
    ++turn;
  };
  ASSERT_TRUE(until([&] { return turn == turns + 20; }));
  EXPECT_GT(accepted[0]->pending(), turns * each / 4);
  const int drained = handlers[0]->drained;  // while the kernel still had room
  std::string got;
  each_turn = [&] {
    if (sent < 2 * turns * each) send();
    got += peers[0]->receive();
    EXPECT_GE(got.size() + accepted[0]->pending() + (16 << 20), sent);
  };
  // The last call that writes may still be on its way back when the peer has it all.
  EXPECT_TRUE(until([&] {
    return got.size() == 2 * turns * each && accepted[0]->pending() == 0 &&
           handlers[0]->drained > drained;
  }));
  EXPECT_TRUE(got == numbered(0, got.size()));
}

// Nobody takes what the I/O loop has read: it stops reading, and the sender has to wait.
TEST_F(SpreadTest, AMainLoopThatStandsStillIsNotFlooded) {
  accept(1);
  const std::string chunk(1 << 20, 'f');
  std::size_t sent = 0;
  for (int idle = 0; idle < 20 && sent < (200u << 20);) {
    const std::size_t took = peers[0]->send(chunk);
    sent += took;
    if (took > 0) {
      idle = 0;
      continue;
    }
    ++idle;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  // Its parcels, and what the kernel keeps on both sides.
  EXPECT_LT(sent, IoLoop::kParcels * Parcel::kBytes + (32u << 20));
  EXPECT_GT(sent, IoLoop::kParcels * Parcel::kBytes / 2);
  EXPECT_TRUE(until([&] { return handlers[0]->received.size() == sent; }));
}

TEST_F(SpreadTest, APausedStreamHearsNothingUntilItIsNot) {
  constexpr std::size_t kAll = 3'000'000;
  bool paused = false;
  when_accepted = [&](std::size_t i) {
    handlers[i]->when_bytes = [&, i] {
      EXPECT_FALSE(paused);
      paused = true;
      accepted[i]->pause_reading(true);
    };
  };
  accept(1);
  std::size_t sent = 0;
  int turn = 0;
  each_turn = [&] {
    sent += peers[0]->send(numbered(sent, std::min<std::size_t>(kAll - sent, 50'000)));
    if (++turn % 3 != 0 || !paused) return;
    paused = false;
    accepted[0]->pause_reading(false);
    if (turn % 2 != 0) return;
    accepted[0]->pause_reading(true);  // thought better of it
    paused = true;
  };
  EXPECT_TRUE(until([&] { return handlers[0]->received.size() == kAll; }));
  EXPECT_TRUE(handlers[0]->received == numbered(0, kAll));
  EXPECT_GT(handlers[0]->reads, 5);
}

// Bytes, then the end, both while it was paused: told in that order afterwards.
TEST_F(SpreadTest, AnEndIsToldAfterWhatCameBeforeIt) {
  when_accepted = [&](std::size_t i) {
    handlers[i]->when_bytes = [&, i] { accepted[i]->pause_reading(true); };
  };
  accept(1);
  peers[0]->send("first");
  ASSERT_TRUE(until([&] { return handlers[0]->received == "first"; }));
  peers[0]->send(" second");
  peers.clear();
  int turns = 0;
  ASSERT_TRUE(until([&] { return ++turns == 200; }));
  EXPECT_EQ(handlers[0]->closed, 0);
  handlers[0]->when_bytes = nullptr;
  accepted[0]->pause_reading(false);
  EXPECT_TRUE(until([&] { return handlers[0]->closed == 1; }));
  EXPECT_EQ(handlers[0]->received, "first second");
  EXPECT_TRUE(handlers[0]->clean);
}

TEST_F(SpreadTest, APeerThatResetsIsToldOfOnce) {
  accept(1);
  std::string more(5 << 20, 'm');
  accepted[0]->send(SharedBytes(more));
  peers[0]->reset_at_close();
  peers.clear();
  test.at_turn_end = [&] {
    if (handlers[0]->closed == 0) accepted[0]->send("and this");
  };
  EXPECT_TRUE(test.run_until([&] { return handlers[0]->closed == 1 && network->streams() == 0; }));
  test.run_for(milliseconds(50));
  EXPECT_EQ(handlers[0]->closed, 1);
  EXPECT_FALSE(handlers[0]->clean);
  EXPECT_FALSE(handlers[0]->reason.empty());
}

TEST_F(SpreadTest, WhatATurnHasSentLeavesEvenIfItWasTheLast) {
  accept(20);
  each_turn = [&] {
    for (auto* stream : accepted) stream->send(std::string(10'000, 'l'));
  };
  int turns = 0;
  ASSERT_TRUE(until([&] { return ++turns == 1; }));
  listener.reset();
  network.reset();
  for (const auto& peer : peers) {
    std::string got;
    while (!peer->ended) got += peer->receive();
    EXPECT_EQ(got.size(), 10'000u);
  }
}

TEST_F(SpreadTest, ANetworkMayDieUnderLoad) {
  when_accepted = [&](std::size_t i) {
    handlers[i]->when_bytes = [&, i] { accepted[i]->send(std::string(20'000, 'd')); };
  };
  accept(40);
  int turns = 0;
  each_turn = [&] {
    for (const auto& peer : peers) peer->send(std::string(5000, 'u'));
  };
  ASSERT_TRUE(until([&] { return ++turns == 100; }));
  const auto heard = [&] {
    std::size_t all = 0;
    for (const auto& handler : handlers) all += handler->received.size();
    return all;
  };
  for (const auto& peer : peers) peer->send("and more");
  listener.reset();
  network.reset();
  const std::size_t before = heard();
  EXPECT_GT(before, 0u);
  test.at_turn_end = nullptr;
  test.run_for(milliseconds(50));
  EXPECT_EQ(heard(), before) << "told something by a network that is gone";
}

TEST(Mailbox, OnlyAReaderThatWaitsIsToBeWoken) {
  Mailbox<int> box;
  std::vector<int> letters;
  EXPECT_TRUE(box.put(1)) << "it has not looked yet";
  EXPECT_FALSE(box.put(2));
  EXPECT_FALSE(box.wait());
  box.take(letters);
  EXPECT_EQ(letters, (std::vector<int>{1, 2}));
  EXPECT_FALSE(box.put(3)) << "it works";
  box.take(letters);
  EXPECT_EQ(letters, std::vector<int>{3});
  EXPECT_TRUE(box.wait());
  EXPECT_TRUE(box.put(4));
}

}  // namespace
}  // namespace holdfast::os
