#include <gtest/gtest.h>

#include "server/client_test_tools.h"
#include "server/http_port.h"
#include "server/http_request.h"

namespace holdfast::server::testing {
namespace {

int status_of(std::string_view bytes, std::size_t piece = 4096) {
  HttpRequest request;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    request.feed(bytes.substr(0, piece));
  }
  return request.status();
}

TEST(HttpRequest, TakesTheHeadHoweverItIsCut) {
  const std::string head = "GET /ready?verbose=1 HTTP/1.1\r\nHost: here\r\n\r\n";
  for (std::size_t piece = 1; piece <= head.size(); ++piece) {
    HttpRequest request;
    for (std::size_t at = 0; at < head.size(); at += piece) {
      EXPECT_FALSE(request.done());
      request.feed(std::string_view(head).substr(at, piece));
    }
    EXPECT_EQ(request.status(), 200);
    EXPECT_EQ(request.path(), "/ready");
    EXPECT_FALSE(request.head_only());
  }
}

TEST(HttpRequest, RefusesWhatItDoesNotAnswer) {
  EXPECT_EQ(status_of("HEAD / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n\r\n"), 405);
  EXPECT_EQ(status_of("GET / HTTP/2\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET  HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET ready HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /a b HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("*1\r\n$4\r\nPING\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("GET /\0 HTTP/1.1\r\n\r\n", 19)), 400);
  EXPECT_EQ(status_of("\r\n\r\n"), 400);
}

TEST(HttpRequest, HasLimits) {
  const auto with_path = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\n\r\n";
  };
  EXPECT_EQ(status_of(with_path(HttpRequest::kMaxPath)), 200);
  EXPECT_EQ(status_of(with_path(HttpRequest::kMaxPath + 1)), 414);
  const auto with_fields = [](std::size_t size) {
    const std::string line = "GET / HTTP/1.1\r\nX: ";
    return line + std::string(size - line.size() - 4, 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(status_of(with_fields(HttpRequest::kMaxHead)), 200);
  EXPECT_EQ(status_of(with_fields(HttpRequest::kMaxHead + 1)), 431);
  EXPECT_EQ(status_of(std::string(HttpRequest::kMaxHead, 'a'), 7), 431);
}

class HttpPortTest : public ::testing::Test {
 protected:
  Instant time = Instant{} + seconds(100);
  std::string asked;
  HttpPort port{[this](std::string_view path) {
                  asked = path;
                  return HttpAnswer{503, "not ready\n"};
                },
                [this] { return time; }};
};

TEST_F(HttpPortTest, AnswersAndCloses) {
  FakeStream stream("127.0.0.1:4000");
  const auto handler = port.accept(stream);
  handler->on_bytes("GET /ready HTTP/1.1\r\n");
  EXPECT_FALSE(stream.closed);
  handler->on_bytes("\r\nmore that nobody reads");
  EXPECT_EQ(asked, "/ready");
  EXPECT_EQ(stream.take(),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 10\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
            "not ready\n");
  EXPECT_TRUE(stream.closed);
  EXPECT_FALSE(stream.closed_at_once);
  EXPECT_EQ(port.connected(), 0u);
}

TEST_F(HttpPortTest, AHeadHasNoBody) {
  FakeStream stream("127.0.0.1:4000");
  port.accept(stream)->on_bytes("HEAD /live HTTP/1.1\r\n\r\n");
  const std::string answer = stream.take();
  EXPECT_NE(answer.find("Content-Length: 10\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpPortTest, WhoIsSlowIsToldAndClosed) {
  FakeStream stream("127.0.0.1:4000");
  const auto handler = port.accept(stream);
  handler->on_bytes("GET /");
  EXPECT_EQ(port.wake_at(), time + HttpPort::kPatience);
  time = time + HttpPort::kPatience;
  port.on_turn_end(time);
  EXPECT_TRUE(stream.take().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(stream.closed);
  EXPECT_EQ(port.wake_at(), Instant::never());
}

TEST_F(HttpPortTest, TheNumberOfConnectionsIsBounded) {
  std::vector<std::unique_ptr<FakeStream>> streams;
  std::vector<std::shared_ptr<env::StreamHandler>> handlers;
  for (std::size_t i = 0; i <= HttpPort::kMaxConnections; ++i) {
    streams.push_back(std::make_unique<FakeStream>("127.0.0.1:4000"));
    handlers.push_back(port.accept(*streams.back()));
  }
  EXPECT_EQ(handlers.back(), nullptr);
  EXPECT_TRUE(streams.back()->take().starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(streams.back()->closed);
  handlers.front()->on_closed(true, "gone");
  EXPECT_EQ(port.connected(), HttpPort::kMaxConnections - 1);
  handlers.pop_back();
  for (const auto& handler : handlers) handler->on_closed(true, "gone");
  EXPECT_EQ(port.connected(), 0u);
}

}  // namespace
}  // namespace holdfast::server::testing
