// One TCP connection; for tcp.cc and tcp_stream.cc only: whoever includes this pays for Asio.
//
// Life: (connecting ->) open -> [closing: the owner is done, the rest is being sent] -> gone.
// Kept alive by the set of streams while it is not gone, and by each operation under way.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/trace.h"
#include "env/network.h"
#include "os/event_loop.h"
#include "os/output_queue.h"
#include "os/readable_set.h"
#include "os/tcp.h"

namespace holdfast::os {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

class Spread;
class TcpStream;

struct TcpNetwork::Shared {
  Shared(EventLoop& event_loop, Trace& event_trace, int loops);
  ~Shared();
  void flush();

  EventLoop& loop;
  boost::asio::io_context& io;
  Trace& trace;
  std::set<std::shared_ptr<TcpStream>> streams;
  std::vector<std::shared_ptr<TcpStream>> dirty;  // have output that no turn has tried to write
  std::vector<std::function<void()>> before_writes;
  ReadableSet readable;
  std::string buffer = std::string(kReadBuffer, '\0');
  std::uint64_t writes = 0;
  std::unique_ptr<Spread> spread;  // null: there is one loop
};

env::Address address_of(const tcp::endpoint& endpoint);
// Best effort: a connection on which an option cannot be set is broken, and reading will say so.
void set_options(tcp::socket& socket);
// Leaves an address as it is that the connection has no more.
void learn_addresses(const tcp::socket& socket, env::Address& local, env::Address& remote);

class TcpStream final : public env::Stream,
                        public std::enable_shared_from_this<TcpStream>,
                        private ReadableSet::Owner {
 public:
  explicit TcpStream(TcpNetwork::Shared& shared);
  TcpStream(TcpNetwork::Shared& shared, tcp::socket socket);

  // Exactly one of these begins a stream's life.
  void begin_accepted(const env::AcceptHandler& accept);
  void begin_connecting(const env::Address& address, std::shared_ptr<env::StreamHandler> handler);
  // The network is going: nobody is told anything any more.
  void abandon();
  // The end of a turn in which there was output.
  void end_turn();

  void send(std::string_view bytes) override;
  void send(SharedBytes bytes) override;
  std::size_t pending() const override { return output_.size(); }
  void pause_reading(bool paused) override;
  void close(bool now) override;
  env::Address local() const override { return local_; }
  env::Address remote() const override { return remote_; }

 private:
  enum class Life { connecting, open, closing, gone };

  void on_resolved(const ErrorCode& error, const tcp::resolver::results_type& results);
  void on_connect(const ErrorCode& error);

  void wait_readable();
  void stop_reading();
  void on_readable() override;
  void on_end_of_input();
  void discard_input();

  void queued();
  // One gathered write. False: the connection is broken, `why` says how.
  bool write_once(ErrorCode& why);
  void wait_writable();
  void on_writable(const ErrorCode& error);
  void drained(bool inside_flush);

  void begin_closing();
  void finish_output();
  void wait_linger();
  // Ends the stream and tells the handler, if there still is one.
  void end(bool clean, std::string reason);
  void broke(const ErrorCode& error);
  // The caller of close() may be the handler itself, inside a call: it must not die there.
  void release_handler();
  void leave();

  TcpNetwork::Shared& shared_;
  tcp::socket socket_;
  tcp::resolver resolver_;
  boost::asio::steady_timer linger_;
  std::shared_ptr<env::StreamHandler> handler_;
  OutputQueue output_;
  env::Address local_;
  env::Address remote_;
  Life life_ = Life::connecting;
  bool dirty_ = false;   // listed in shared_.dirty
  bool paused_ = false;  // by pause_reading
  bool input_ended_ = false;
  bool reading_ = false;  // in shared_.readable
  bool waiting_writable_ = false;
  bool tell_drained_ = false;
  bool output_ended_ = false;  // we have closed our side
  bool progress_ = false;      // bytes left since the linger timer was last looked at
};

}  // namespace holdfast::os
