#include "load/open_load.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "load/wire.h"

namespace holdfast::load {
namespace {

// Answers each command, on so many connections one after the other, and stands still once.
class SlowServer {
 public:
  explicit SlowServer(std::chrono::milliseconds pause, int connections = 1)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&where), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size), 0);
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this, pause, connections] {
      for (int i = 0; i < connections; ++i) serve(pause);
    });
  }
  ~SlowServer() {
    end();
    ::close(listener_);
  }

  // Waits until its connections are over; how many commands it answered on the last.
  std::size_t end() {
    if (thread_.joinable()) thread_.join();
    return answered_last_;
  }

  env::Address address() const { return {.host = "127.0.0.1", .port = port_}; }

 private:
  void serve(std::chrono::milliseconds pause) {
    const int peer = ::accept(listener_, nullptr, nullptr);
    std::string bytes;
    char part[4096];
    answered_last_ = 0;
    for (ssize_t count; (count = ::recv(peer, part, sizeof part, 0)) > 0;) {
      bytes.append(part, static_cast<std::size_t>(count));
      std::string answers;
      while (const auto asked = scan(bytes)) {  // a command looks like an answer that is a list
        bytes.erase(0, asked->length);
        answers += "+OK\r\n";
        ++answered_last_;
        if (++answered_ == 200) std::this_thread::sleep_for(pause);
      }
      if (::send(peer, answers.data(), answers.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(peer);
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::size_t answered_ = 0;  // the thread's until it has ended, and so is the next
  std::size_t answered_last_ = 0;
  std::thread thread_;
};

// What the load hears on its standard input while this lives.
class Words {
 public:
  Words() : kept_(::dup(STDIN_FILENO)) {
    EXPECT_EQ(::pipe(ends_), 0);
    ::dup2(ends_[0], STDIN_FILENO);
  }
  ~Words() {
    ::dup2(kept_, STDIN_FILENO);
    for (const int fd : {kept_, ends_[0], ends_[1]}) ::close(fd);
  }
  void say(std::string_view line) {
    EXPECT_EQ(::write(ends_[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }

 private:
  int kept_;
  int ends_[2] = {};
};

double field(const std::string& json, const std::string& name) {
  const auto at = json.find("\"" + name + "\": ");
  EXPECT_NE(at, std::string::npos) << json;
  return std::strtod(json.c_str() + at + name.size() + 4, nullptr);
}

// A second of it over one connection.
std::string load(const SlowServer& server, double rate, Duration patience) {
  return run_open({.servers = {server.address()},
                   .connections = 1,
                   .rate = rate,
                   .length = seconds(1),
                   .patience = patience});
}

// Everything that was due while the server stood still is late: a third of a second at 1,000 a
// second is 300 commands of 1,000, not one.
TEST(OpenLoad, ChargesAStandstillWithAllThatWasDueInIt) {
  SlowServer server(std::chrono::milliseconds(300));
  const std::string said = load(server, 1000, seconds(5));
  EXPECT_GE(field(said, "longest_us"), 250'000) << said;
  EXPECT_GE(field(said, "p90_us"), 100'000) << said;
  EXPECT_GE(field(said, "sent"), 999) << said;
  EXPECT_EQ(field(said, "lost"), 0) << said;
}

// So is what was due before the end and is answered after it.
TEST(OpenLoad, ChargesAStandstillAtItsEnd) {
  SlowServer server(std::chrono::milliseconds(800));
  const std::string said = load(server, 250, seconds(5));
  EXPECT_GE(field(said, "longest_us"), 750'000) << said;
  EXPECT_GE(field(said, "p90_us"), 600'000) << said;
  EXPECT_GE(field(said, "answered"), 249) << said;
}

// Who is silent beyond the end and the patience after it answers nothing any more.
TEST(OpenLoad, GivesUpAPatienceAfterItsEnd) {
  SlowServer server(std::chrono::milliseconds(2000));
  const std::string said = load(server, 250, milliseconds(300));
  EXPECT_GE(field(said, "lost"), 1) << said;
  EXPECT_LT(field(said, "seconds"), 2.5) << said;
}

// Who is silent for longer than the patience is left, and what was asked is lost.
TEST(OpenLoad, LeavesASilentServer) {
  SlowServer server(std::chrono::milliseconds(700));
  const std::string said = load(server, 1000, milliseconds(200));
  EXPECT_GT(field(said, "lost"), 100) << said;
}

// "spread" sends a connection back to the server that it left: some 200 commands there, then it is
// elsewhere for half a second, then there again.
TEST(OpenLoad, GoesBackToItsServerWhenTold) {
  SlowServer first(std::chrono::milliseconds(300), 2);
  SlowServer second(std::chrono::milliseconds(0));
  Words words;
  std::thread talks([&words] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    words.say("spread\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    words.say("stop\n");
  });
  const std::string said = run_open({.servers = {first.address(), second.address()},
                                     .connections = 1,
                                     .rate = 1000,
                                     .patience = milliseconds(100),
                                     .marks = true});
  talks.join();
  EXPECT_GT(second.end(), 100U) << said;
  EXPECT_GT(first.end(), 100U) << said;
}

}  // namespace
}  // namespace holdfast::load
