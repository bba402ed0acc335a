// What crosses between the main loop and an I/O loop (os/io_loop.h): orders down, parcels up.
//
// Both are filled on one side, read on the other, and come back to be filled again, so that in the
// long run nothing is allocated for a command. Whoever holds one owns all that is in it.
//
// A stream has a half on each side. SpreadStream (os/spread_stream.h) is the main loop's. IoStream
// is the I/O loop's, from the order that begins it until the event `gone`; it lies inside the other
// half, which stays until then. The last order of a stream has an `end`, its last event is `gone`.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "os/output_queue.h"

namespace holdfast::os {

class SpreadStream;
struct IoStream;
struct Parcel;

// From the main loop: what its turn has decided for the streams of one I/O loop.
struct Orders {
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  // More than this is not kept for the next turn.
  static constexpr std::size_t kKept = 256 << 10;

  enum class End : std::uint8_t { no, after_output, now };

  // A part of a stream's output: lies in `bytes`, or is shared.
  struct Piece {
    std::size_t offset = 0;
    std::size_t size = 0;
    SharedBytes shared;
    std::uint32_t next = kNone;  // of the same stream
  };
  // One for each stream that something was decided for, whatever that was.
  struct Order {
    IoStream* stream = nullptr;
    std::uint32_t first = kNone;  // of its pieces
    std::uint32_t last = kNone;
    bool read = false;          // whether it is to be read from now on
    bool tell_drained = false;  // once all that was ordered is written
    End end = End::no;
  };

  void add(std::size_t order, std::string_view view);
  void add(std::size_t order, SharedBytes shared);
  std::string_view view(const Piece& piece) const;
  void clear();

  std::vector<Order> orders;
  std::vector<Piece> pieces;
  std::string bytes;
  std::vector<std::unique_ptr<Parcel>> emptied;  // given back

 private:
  void append(Order& order, Piece piece);
};

// From an I/O loop: what has happened in its turn.
struct Parcel {
  static constexpr std::size_t kBytes = 256 << 10;

  enum class What : std::uint8_t { bytes, end_of_input, broke, drained, gone };

  struct Event {
    SpreadStream* stream = nullptr;
    What what = What::bytes;
    int error = 0;  // of broke
    std::size_t offset = 0;
    std::size_t size = 0;
  };

  std::size_t room() const { return kBytes - used; }
  void clear() {
    used = 0;
    events.clear();
  }

  std::unique_ptr<char[]> buffer;  // of kBytes; none until something is read into it
  std::size_t used = 0;
  std::vector<Event> events;
  std::vector<std::unique_ptr<Orders>> done;  // given back
};

// The I/O loop's half of a stream; on cache lines of its own, since the other half is written by another
// thread.
struct alignas(64) IoStream {
  explicit IoStream(int open_descriptor, SpreadStream& other_half)
      : descriptor(open_descriptor), owner(&other_half) {}

  int descriptor;  // -1: closed
  SpreadStream* const owner;
  // Bytes that the kernel has taken, ever. Only this is written here while the main loop may read
  // it.
  std::atomic<std::uint64_t> written = 0;

  OutputQueue backlog;        // what the kernel did not take at once
  std::uint32_t watched = 0;  // events in the epoll set; 0: it is not there
  bool read = false;          // the main loop wants to hear of what comes in
  bool input_ended = false;
  bool tell_drained = false;
  bool broken = false;        // nothing more is tried; the main loop knows
  bool closing = false;       // what is left is being sent
  bool output_ended = false;  // we have closed our side
  bool progress = false;      // bytes left since `until` was last set
  std::chrono::steady_clock::time_point
      until;                             // closing: the peer has until then to take something
  std::list<IoStream*>::iterator place;  // closing: among those that do
};

}  // namespace holdfast::os
