// Byte streams between processes. What the bytes mean is the caller's business.
//
// A Stream belongs to the Network that made it; a handler may use it until it has been told
// on_closed or has called close(). Everything sent in a turn leaves in one write at its end.
// Handlers are never called from inside a call that the caller makes (no re-entrance).
//
// Threads: all calls and all handlers on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast::env {

// "host:port"; the host is a name or an address, IPv6 in brackets.
struct Address {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;
  std::string text() const;
  static Result<Address> parse(std::string_view text);
  // 127.0.0.0/8, ::1 or "localhost".
  bool is_loopback() const;
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // For streams made by Network::connect: the stream may now be used.
  virtual void on_connected() {}
  // Bytes arrived. The view is valid during the call only.
  virtual void on_bytes(std::string_view bytes) = 0;
  // The peer will send nothing more, but may still be reading (it has shut down its side). True: the
  // stream stays open for what is still to be said, and the handler closes it; false: on_closed
  // follows.
  virtual bool on_end_of_input() { return false; }
  // The output that had passed the high-water mark has been written out.
  virtual void on_drained() {}
  // The peer closed, the connection broke or could not be made. The last call; the stream is gone.
  // `clean`: the peer ended it in an orderly way; otherwise `reason` says what broke.
  virtual void on_closed(bool clean, std::string_view reason) = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  // Queues bytes for the end of this turn. Copies.
  virtual void send(std::string_view bytes) = 0;
  // Queues a view; shares its owner.
  virtual void send(SharedBytes bytes) = 0;
  // Bytes queued and not yet taken by the kernel.
  virtual std::size_t pending() const = 0;
  // Stops or resumes reading, for back-pressure.
  virtual void pause_reading(bool paused) = 0;
  // Sends what is queued (unless `now`), then closes. The handler is not told.
  virtual void close(bool now = false) = 0;
  virtual Address local() const = 0;
  virtual Address remote() const = 0;
};

// Called with a new incoming stream; returns its handler, or null to refuse it (it is then closed).
using AcceptHandler = std::function<std::shared_ptr<StreamHandler>(Stream& stream)>;

class Listener {
 public:
  virtual ~Listener() = default;  // stops listening
  // The port really bound, if 0 was asked for.
  virtual Address bound() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  virtual Result<std::unique_ptr<Listener>> listen(const Address& address,
                                                   AcceptHandler accept) = 0;
  // Always returns a stream; success or failure reaches the handler later.
  virtual Stream& connect(const Address& address, std::shared_ptr<StreamHandler> handler) = 0;
};

}  // namespace holdfast::env
