// TCP on the event loop: streams that write once per turn, listeners, connections to peers.
//
// Reading: into one buffer for all streams, 64 KiB at a time. Writing: what a turn has queued goes
// out in one gathered write at its end; what the kernel does not take follows when it can.
// on_drained comes whenever a stream's queue has run empty after it had passed kHighWater, or after
// the kernel had not taken all of a turn's output.
// close(): what is queued is still sent, then the peer is given kLinger to read it and to close its
// side, so that a last error reply is not lost to a reset. A peer that takes nothing for as long
// is dropped.
//
// With more than one loop the system calls of what is accepted through spread() are done by other
// threads (os/spread.h); whoever uses a stream does not see the difference.
//
// Threads: the loop's. Lifetime: dies before the loop; then no handler is called any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/trace.h"
#include "env/network.h"
#include "os/event_loop.h"

namespace holdfast::os {

class TcpNetwork final : public env::Network {
 public:
  static constexpr std::size_t kHighWater = 64 << 10;
  static constexpr std::size_t kReadBuffer = 64 << 10;
  static constexpr Duration kLinger = seconds(2);

  // `loops`: this one, and as many threads more as are missing. REQUIRES: at least 1.
  TcpNetwork(EventLoop& loop, Trace& trace, int loops = 1);
  ~TcpNetwork() override;

  // The error names the address and says what to do. Port 0: any free port.
  Result<std::unique_ptr<env::Listener>> listen(const env::Address& address,
                                                env::AcceptHandler accept) override;
  env::Stream& connect(const env::Address& address,
                       std::shared_ptr<env::StreamHandler> handler) override;

  // The same network, but what is accepted through it is spread over the other loops, if there are
  // any.
  env::Network& spread();

  // Called at the end of each turn, before what it has queued is written: for what turns into bytes
  // only then. Stays as long as the network.
  void before_writes(std::function<void()> work);

  // System calls that wrote to sockets so far; streams that are not gone.
  std::uint64_t writes() const;
  std::size_t streams() const;

  // Shared with streams and listeners (os/tcp_stream.h).
  struct Shared;

 private:
  class Spreading;

  Result<std::unique_ptr<env::Listener>> listen(const env::Address& address,
                                                env::AcceptHandler accept, bool spread);

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Spreading> spreading_;
};

}  // namespace holdfast::os
