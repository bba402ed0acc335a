// One TLS connection over a TCP stream; for tls.cc and tls_stream.cc only.
//
// Life: (connecting ->) greeting -> open -> gone. Kept alive by the TCP stream, whose handler it
// is, until that has ended; and by each operation under way.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/warning_limit.h"
#include "env/network.h"
#include "os/output_queue.h"
#include "os/tls.h"
#include "os/tls_session.h"

namespace holdfast::os {

class TlsStream;

struct TlsNetwork::Shared : std::enable_shared_from_this<Shared> {
  // What one read of the TCP stream can become: what it brings, and a record that had begun before.
  static constexpr std::size_t kPlainBuffer = TcpNetwork::kReadBuffer + (32 << 10);

  Shared(EventLoop& event_loop, TcpNetwork& network, Trace& event_trace, Options the_options);
  void flush();
  void go_on_greeting();
  void warn(std::string_view event, const env::Address& remote, const std::string& reason);

  EventLoop& loop;
  TcpNetwork& tcp;
  Trace& trace;
  Options options;
  bool gone = false;
  std::vector<std::shared_ptr<TlsStream>> dirty;    // have output that is not sealed
  std::vector<std::shared_ptr<TlsStream>> waiting;  // have a greeting that this turn does not hear
  std::string buffer = std::string(kPlainBuffer, '\0');
  std::size_t greeting = 0;  // accepted, and not open yet
  int greetings_left = kGreetingsPerTurn;
  WarningLimit complaints;
};

// A listener's side that its streams outlive.
struct TlsDoor {
  env::AcceptHandler accept;
  bool open = true;
};

class TlsStream final : public env::Stream,
                        public env::StreamHandler,
                        public std::enable_shared_from_this<TlsStream>,
                        private TlsWire {
 public:
  // Accepted.
  TlsStream(std::shared_ptr<TlsNetwork::Shared> shared, env::Stream& tcp,
            std::shared_ptr<TlsDoor> door);
  // Dialled; `over` must follow at once.
  TlsStream(std::shared_ptr<TlsNetwork::Shared> shared, const std::string& host,
            std::shared_ptr<env::StreamHandler> handler);
  ~TlsStream() override;
  void over(env::Stream& tcp) { tcp_ = &tcp; }
  // Accepted ones: once there is a shared pointer to it.
  void begin() { wait_greeting(); }

  // The end of a turn in which there was output.
  void end_turn();
  // Hears what arrived while others greeted.
  void go_on_greeting();

  // ---- to its owner
  void send(std::string_view bytes) override;
  void send(SharedBytes bytes) override;
  std::size_t pending() const override;
  void pause_reading(bool paused) override;
  void close(bool now) override;
  env::Address local() const override;
  env::Address remote() const override;

  // ---- from the TCP stream
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  bool on_end_of_input() override;
  void on_drained() override;
  void on_closed(bool clean, std::string_view reason) override;

 private:
  enum class Life { connecting, greeting, open, gone };

  void put(std::string_view bytes) override { tcp_->send(bytes); }
  void wait_greeting();
  void hear(std::string_view bytes);
  // False: whoever was asked to take the stream has refused it, or closed it.
  bool become_open();
  void on_ended();
  void queued();
  // Seals what is queued, as far as the TCP stream has room; all of it if `all`.
  void seal(bool all);
  // The other side is refused, or has refused; the handler is told.
  void fail(const std::string& reason);
  // Ends the TCP stream, and this.
  void leave(bool now);
  void end_greeting();

  std::shared_ptr<TlsNetwork::Shared> shared_;
  env::Stream* tcp_ = nullptr;  // null: gone
  TlsSession session_;
  std::shared_ptr<TlsDoor> door_;  // of accepted ones, until they are open
  std::shared_ptr<env::StreamHandler> handler_;
  boost::asio::steady_timer patience_;
  OutputQueue output_;   // plain
  std::string unheard_;  // while waiting_
  Life life_;
  const bool accepted_;
  bool heard_ = false;     // anything
  bool counted_ = false;   // in shared_->greeting
  bool dirty_ = false;     // listed in shared_->dirty
  bool waiting_ = false;   // listed in shared_->waiting
  bool paused_ = false;    // by pause_reading
  bool end_told_ = false;  // of the input
};

}  // namespace holdfast::os
