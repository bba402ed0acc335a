// A thread that does the system calls of some streams, for a main loop that does everything else.
//
// It waits on an epoll set of its own, reads what has come into a parcel, a turn's worth of all its
// streams, and hands that over; it carries out the orders of the main loop, one gathered write for
// each stream and turn, and keeps what the kernel does not take. It knows nothing of handlers.
//
// What it may take on is bounded: it reads only while fewer than kParcels are with the main loop,
// and then waits for one to come back; what it keeps for a stream the main loop counts
// (SpreadStream::pending).
//
// Threads: the constructor, the destructor, and what is said to be the main loop's belong to that;
// the rest runs on its own. They meet in two mailboxes, in IoStream::written and in the count of
// writes.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "os/io_mail.h"
#include "os/mailbox.h"

namespace holdfast::os {

class IoLoop {
 public:
  // So many parcels may be with the main loop, or on the way back.
  static constexpr std::size_t kParcels = 4;

  // `wake` is called on this loop's thread: there are parcels, and the main loop waits for some.
  IoLoop(std::string name, std::function<void()> wake);
  // What was ordered so far is still carried out, as far as the kernel takes it. From here on the
  // streams are nobody's: who owns their other halves closes what is open.
  ~IoLoop();
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  // ---- the main loop's
  void order(std::unique_ptr<Orders> orders);
  Mailbox<std::unique_ptr<Parcel>>& parcels() { return parcels_; }
  // System calls that wrote to sockets so far.
  std::uint64_t writes() const { return writes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kTurnEvents = 256;
  using Clock = std::chrono::steady_clock;

  void run(const std::string& name);
  void turn();
  void await();
  int patience_ms() const;
  void wake_up();

  // ---- orders
  void take_orders();
  void carry_out(const Orders& orders, const Orders::Order& order);
  void begin_closing(IoStream& stream);
  void leave(IoStream& stream);

  // ---- what comes in
  void on_ready(IoStream& stream, std::uint32_t events);
  void read(IoStream& stream);
  void discard(IoStream& stream);

  // ---- what goes out
  void write(IoStream& stream, const Orders& orders, std::uint32_t piece);
  void write_backlog(IoStream& stream);
  // One system call. How much the kernel took; -1: the connection is broken, and that is told.
  std::ptrdiff_t send(IoStream& stream, std::span<iovec> vectors);
  void wrote_all(IoStream& stream);
  void finish_output(IoStream& stream);

  void watch(IoStream& stream);
  void broke(IoStream& stream, int error);
  void look_at_lingering();
  Parcel& parcel();
  void tell(IoStream& stream, Parcel::What what, int error = 0);
  void hand_over();

  const std::function<void()> wake_main_;
  Mailbox<std::unique_ptr<Orders>> orders_;  // a null one is the last
  Mailbox<std::unique_ptr<Parcel>> parcels_;
  std::atomic<std::uint64_t> writes_ = 0;
  int waker_ = -1;      // eventfd, in both sets, edge-triggered: it is never read
  int set_ = -1;        // the waker and the streams
  int waker_set_ = -1;  // the waker alone: for when nothing may be read

  // ---- its own thread's
  bool over_ = false;
  std::array<epoll_event, kTurnEvents> events_;
  std::size_t ready_ = 0;
  std::vector<std::unique_ptr<Orders>> taken_;
  std::unique_ptr<Parcel> open_;               // this turn's
  std::vector<std::unique_ptr<Parcel>> idle_;  // parcels that came back
  std::size_t away_ = 0;                       // parcels that did not yet
  std::vector<IoStream*> left_;     // in this turn: told at its end, and not touched again
  std::list<IoStream*> lingering_;  // those that close, by `until`
  std::string scrap_;               // what is read only to be thrown away

  std::thread thread_;  // last: it uses the others
};

}  // namespace holdfast::os
