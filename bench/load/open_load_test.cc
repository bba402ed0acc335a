#include "load/open_load.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "load/wire.h"

namespace holdfast::load {
namespace {

// Answers each command on one connection, and once stands still.
class SlowServer {
 public:
  explicit SlowServer(std::chrono::milliseconds pause)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&where), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size), 0);
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this, pause] { serve(pause); });
  }
  ~SlowServer() {
    thread_.join();
    ::close(listener_);
  }

  env::Address address() const { return {.host = "127.0.0.1", .port = port_}; }

 private:
  void serve(std::chrono::milliseconds pause) {
    const int peer = ::accept(listener_, nullptr, nullptr);
    std::string bytes;
    char part[4096];
    std::size_t answered = 0;
    for (ssize_t count; (count = ::recv(peer, part, sizeof part, 0)) > 0;) {
      bytes.append(part, static_cast<std::size_t>(count));
      std::string answers;
      while (const auto asked = scan(bytes)) {  // a command looks like an answer that is a list
        bytes.erase(0, asked->length);
        answers += "+OK\r\n";
        if (++answered == 200) std::this_thread::sleep_for(pause);
      }
      if (::send(peer, answers.data(), answers.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(peer);
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

double field(const std::string& json, const std::string& name) {
  const auto at = json.find("\"" + name + "\": ");
  EXPECT_NE(at, std::string::npos) << json;
  return std::strtod(json.c_str() + at + name.size() + 4, nullptr);
}

// Everything that was due while the server stood still is late: a third of a second at 1,000 a
// second is 300 commands of 1,000, not one.
TEST(OpenLoad, ChargesAStandstillWithAllThatWasDueInIt) {
  SlowServer server(std::chrono::milliseconds(300));
  const std::string said = run_open({.servers = {server.address()},
                                     .connections = 1,
                                     .rate = 1000,
                                     .length = seconds(1),
                                     .patience = seconds(5)});
  EXPECT_GE(field(said, "longest_us"), 250'000) << said;
  EXPECT_GE(field(said, "p90_us"), 100'000) << said;
  EXPECT_GE(field(said, "sent"), 900) << said;
  EXPECT_EQ(field(said, "lost"), 0) << said;
}

// Who is silent for longer than the patience is left, and what was asked is lost.
TEST(OpenLoad, LeavesASilentServer) {
  SlowServer server(std::chrono::milliseconds(700));
  const std::string said = run_open({.servers = {server.address()},
                                     .connections = 1,
                                     .rate = 1000,
                                     .length = seconds(1),
                                     .patience = milliseconds(200)});
  EXPECT_GT(field(said, "lost"), 100) << said;
}

}  // namespace
}  // namespace holdfast::load
