// Streams whose system calls are done by other threads: the main loop's side of several I/O loops.
//
// The main loop accepts, and hands each new stream to the I/O loop that has the fewest. From then
// on that one alone touches the socket (os/io_loop.h). What it has read in a turn arrives here as
// one parcel and is told to the handlers as a part of a turn; what the main loop's turn has
// decided, the bytes to send above all, goes there as one batch of orders at its end.
//
// Only what is accepted through TcpNetwork::spread() goes this way: plain clients, and the TCP
// streams beneath TLS clients (whose sealing stays here). Peers stay with the main loop: they are
// few, what they say is gathered already, and a hop between threads would be a part of every
// commit.
//
// Threads: the main loop's. Lifetime: the network's; then no handler is called any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "env/network.h"
#include "os/event_loop.h"
#include "os/io_loop.h"
#include "os/tcp_stream.h"

namespace holdfast::os {

class SpreadStream;

// One I/O loop, and what lies ready for it.
struct SpreadLink {
  std::unique_ptr<Orders> open = std::make_unique<Orders>();  // this turn's
  std::uint64_t round = 1;                                    // counts them
  std::vector<std::unique_ptr<Orders>> idle;                  // orders that came back
  std::vector<std::unique_ptr<Parcel>> emptied;               // parcels to be given back
  std::size_t streams = 0;
  std::unique_ptr<IoLoop> loop;
};

class Spread {
 public:
  Spread(EventLoop& loop, int io_loops);
  ~Spread();
  Spread(const Spread&) = delete;
  Spread& operator=(const Spread&) = delete;

  void take(tcp::socket socket, const env::AcceptHandler& accept);
  // The end of a turn: orders go to their loops.
  void flush();

  std::uint64_t writes() const;
  std::size_t streams() const { return streams_.size(); }

  // ---- for SpreadStream
  void post(std::function<void()> work) { loop_.post(std::move(work)); }
  void forget(SpreadStream& stream);

 private:
  void receive(SpreadLink& link);
  void deliver(const Parcel& parcel);

  EventLoop& loop_;
  std::vector<std::unique_ptr<SpreadLink>> links_;
  std::set<std::shared_ptr<SpreadStream>> streams_;
  std::vector<std::unique_ptr<Parcel>> received_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace holdfast::os
