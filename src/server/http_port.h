// The port for those who watch a node: GET /live, /ready, /metrics. One request per connection; what
// is slow, long or too much is answered with an error and closed.
//
// Threads: the loop's. Owns its connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "env/network.h"

namespace holdfast::server {

struct HttpAnswer {
  int status = 200;
  std::string body;  // text
  std::string_view content_type = "text/plain; charset=utf-8";
};

class HttpPort {
 public:
  using Answer = std::function<HttpAnswer(std::string_view path)>;
  static constexpr std::size_t kMaxConnections = 64;
  static constexpr Duration kPatience = seconds(5);  // for the head of a request

  // `answer` is asked for each GET; `now` is the time of the turn.
  HttpPort(Answer answer, std::function<Instant()> now);
  ~HttpPort();
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  // For the listener.
  std::shared_ptr<env::StreamHandler> accept(env::Stream& stream);
  void on_turn_end(Instant now);
  Instant wake_at() const;
  std::size_t connected() const { return exchanges_.size(); }

 private:
  class Exchange;
  void finish(std::uint64_t id);

  Answer answer_;
  std::function<Instant()> now_;
  std::map<std::uint64_t, std::shared_ptr<Exchange>> exchanges_;  // the oldest first
  std::uint64_t last_id_ = 0;
};

}  // namespace holdfast::server
