#include "client/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::client {
namespace {

// A server that says what the test has it say, in the test's own thread.
class Listener {
 public:
  Listener() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_, 1), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() {
    hang_up();
    ::close(listening_);
  }

  Connection connect() {
    auto connection = Connection::open({"127.0.0.1", port_}, seconds(10));
    EXPECT_TRUE(connection.ok());
    accepted_ = ::accept(listening_, nullptr, nullptr);
    return *std::move(connection);
  }
  std::string heard() const {
    char buffer[256];
    const ssize_t got = ::recv(accepted_, buffer, sizeof buffer, 0);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }
  void say(std::string_view bytes) const {
    EXPECT_EQ(::send(accepted_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  void hang_up() {
    if (accepted_ >= 0) ::close(std::exchange(accepted_, -1));
  }

 private:
  int listening_;
  int accepted_ = -1;
  std::uint16_t port_ = 0;
};

TEST(Connection, ARequestGoesOutAndItsAnswerComesInPieces) {
  Listener server;
  Connection connection = server.connect();
  ASSERT_TRUE(connection.send_request({"GET", "k"}).ok());
  EXPECT_EQ(server.heard(), "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  server.say("$5\r\nhe");
  auto nothing = connection.next_reply(milliseconds(1));
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->has_value()) << "half an answer is none";
  server.say("llo\r\n");
  auto whole = connection.next_reply(seconds(10));
  ASSERT_TRUE(whole.ok() && whole->has_value());
  EXPECT_EQ((*whole)->text, "hello");
}

TEST(Connection, AnswersThatCameTogetherAreGivenOneByOne) {
  Listener server;
  Connection connection = server.connect();
  server.say(":1\r\n:2\r\n");
  EXPECT_EQ((*connection.next_reply(seconds(10)))->number, 1);
  EXPECT_EQ((*connection.next_reply(Duration{}))->number, 2) << "it is here already";
}

TEST(Connection, WhatAServerSaidBeforeItHungUpCounts) {
  Listener server;
  Connection connection = server.connect();
  server.say("-ERR max number of clients reached\r\n");
  server.hang_up();
  EXPECT_TRUE((*connection.next_reply(seconds(10)))->is_error());
  const auto end = connection.next_reply(seconds(10));
  ASSERT_FALSE(end.ok());
  EXPECT_NE(end.error().message.find("closed it"), std::string::npos) << end.error().message;
}

TEST(Connection, NonsenseIsAnError) {
  Listener server;
  Connection connection = server.connect();
  server.say("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_FALSE(connection.next_reply(seconds(10)).ok());
}

}  // namespace
}  // namespace holdfast::client
