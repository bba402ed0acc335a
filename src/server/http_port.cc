#include "server/http_port.h"

#include <fmt/format.h>

#include <utility>

#include "server/http_request.h"

namespace holdfast::server {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

std::string response(const HttpAnswer& answer, bool head_only) {
  std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "Connection: close\r\n{}\r\n",
      answer.status, reason_of(answer.status), answer.content_type, answer.body.size(),
      answer.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  if (!head_only) text += answer.body;
  return text;
}

HttpAnswer error_answer(int status) {
  switch (status) {
    case 400:
      return {400, "this is not a request of HTTP/1.0 or HTTP/1.1\n"};
    case 405:
      return {405, "only GET and HEAD are answered here\n"};
    case 408:
      return {408, fmt::format("no complete request came within {} s\n",
                               HttpPort::kPatience.ms() / 1000)};
    case 414:
      return {414, fmt::format("the path is longer than {} bytes\n", HttpRequest::kMaxPath)};
    case 431:
      return {431, fmt::format("the head of the request is longer than {} bytes\n",
                               HttpRequest::kMaxHead)};
    default:
      return {503, fmt::format("more than {} requests at the same time\n",
                               HttpPort::kMaxConnections)};
  }
}

}  // namespace

// One connection, until its request is answered.
class HttpPort::Exchange final : public env::StreamHandler {
 public:
  Exchange(HttpPort& port, std::uint64_t id, env::Stream& stream, Instant deadline)
      : port_(&port), id_(id), stream_(&stream), deadline_(deadline) {}

  Instant deadline() const { return deadline_; }

  void on_bytes(std::string_view bytes) override {
    if (stream_ == nullptr) return;
    request_.feed(bytes);
    if (!request_.done()) return;
    say(request_.status() == 200 ? port_->answer_(request_.path())
                                 : error_answer(request_.status()));
    port_->finish(id_);
  }

  void on_closed(bool, std::string_view) override {
    stream_ = nullptr;
    if (port_ != nullptr) port_->finish(id_);
  }

  void give_up() { say(error_answer(408)); }

  // The port ends; the network may still hold this handler.
  void forget() {
    if (stream_ != nullptr) std::exchange(stream_, nullptr)->close(true);
    port_ = nullptr;
  }

 private:
  void say(const HttpAnswer& answer) {
    if (stream_ == nullptr) return;
    stream_->send(response(answer, request_.head_only()));
    std::exchange(stream_, nullptr)->close();
  }

  HttpPort* port_;
  std::uint64_t id_;
  env::Stream* stream_;
  Instant deadline_;
  HttpRequest request_;
};

HttpPort::HttpPort(Answer answer, std::function<Instant()> now)
    : answer_(std::move(answer)), now_(std::move(now)) {}

HttpPort::~HttpPort() {
  for (const auto& [id, exchange] : exchanges_) exchange->forget();
}

std::shared_ptr<env::StreamHandler> HttpPort::accept(env::Stream& stream) {
  if (exchanges_.size() >= kMaxConnections) {
    stream.send(response(error_answer(503), false));
    stream.close();
    return nullptr;
  }
  const std::uint64_t id = ++last_id_;
  auto exchange = std::make_shared<Exchange>(*this, id, stream, now_() + kPatience);
  exchanges_.emplace(id, exchange);
  return exchange;
}

void HttpPort::on_turn_end(Instant now) {
  while (!exchanges_.empty() && exchanges_.begin()->second->deadline() <= now) {
    exchanges_.begin()->second->give_up();
    exchanges_.erase(exchanges_.begin());
  }
}

Instant HttpPort::wake_at() const {
  return exchanges_.empty() ? Instant::never() : exchanges_.begin()->second->deadline();
}

void HttpPort::finish(std::uint64_t id) { exchanges_.erase(id); }

}  // namespace holdfast::server
