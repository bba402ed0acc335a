// One TLS connection without its socket: bytes that arrived go in, plain bytes come out; plain
// bytes go in, bytes for the wire come out.
//
// Threads: one. Memory: what OpenSSL keeps for a connection, and no copy of what passes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "os/tls_context.h"

struct ssl_st;

namespace holdfast::os {

// Where a session puts what is to be sent.
class TlsWire {
 public:
  virtual void put(std::string_view bytes) = 0;

 protected:
  ~TlsWire() = default;
};

class TlsSession {
 public:
  enum class State {
    greeting,  // nothing is known of the other side yet
    open,      // it is who it should be, as far as the context asks
    ended,     // it has said that it sends nothing more; it may still be read to
    failed,    // refused, or what came is no TLS; failure() says why
  };

  // The side that is dialled. Context and wire outlive the session.
  TlsSession(std::shared_ptr<const TlsContext> context, TlsWire& wire);
  // The side that dials `host`, which the other side's certificate must name.
  TlsSession(std::shared_ptr<const TlsContext> context, TlsWire& wire, const std::string& host);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Who dials speaks first; needs nothing to have arrived.
  void begin();
  // What has arrived. The view must stay until read() has returned 0.
  void feed(std::string_view bytes) { input_ = bytes; }
  // The plain bytes of it, as many as fit; 0: all has been taken. state() may have changed.
  std::size_t read(std::span<char> into);
  // REQUIRES: open or ended.
  void write(std::string_view plain);
  // Says that nothing more will come, if anything could.
  void end();

  State state() const { return state_; }
  // For people; empty unless failed.
  const std::string& failure() const { return failure_; }
  // Of the other side's certificate; empty if it showed none.
  std::string subject() const;

  // For OpenSSL's calls back.
  std::size_t take_input(std::span<char> into);
  void put_output(std::string_view bytes) { wire_.put(bytes); }
  void object_to(std::string certificate) { objected_ = std::move(certificate); }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };

  void look_at(int result);
  void fail();
  std::string reason(unsigned long code) const;
  std::string certificate_objection() const;

  std::shared_ptr<const TlsContext> context_;
  TlsWire& wire_;
  std::string wanted_;  // the name that the other side's certificate must have
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string_view input_;
  State state_ = State::greeting;
  std::string failure_;
  std::string objected_;  // the certificate that was not believed, for people
};

}  // namespace holdfast::os
