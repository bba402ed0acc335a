// The requests of one connection that are not answered yet, oldest first.
//
// A ring of slots that are used again and again, with the memory of their strings, so that a steady
// pipeline allocates nothing. A request keeps its position, a number that counts up, for its whole
// life; a slot is found by position in constant time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/ids.h"
#include "base/time.h"
#include "commands/command_table.h"
#include "replica/command_record.h"

namespace holdfast::server {

struct QueuedCommand;

struct Request {
  enum class State : std::uint8_t {
    held,       // to be routed, or to be routed again: certainly not done
    under_way,  // routed; its outcome is to come
    blocked,    // applied and waiting (LOCK.ACQUIRE … WAIT)
    answered,   // its reply waits for its turn
  };
  // What is to be made of the answer.
  enum class Kind : std::uint8_t {
    plain,     // handed on as it is
    watch,     // _REVISIONS for WATCH
    exec,      // a transaction; local answers may have to be put in
    wait,      // _DURABLE for WAIT: asked again until enough replicas have it
    password,  // _SETTING for CONFIG SET requirepass
    attach,    // _SESSION.KEEP for SESSION.ATTACH, of the session `generation`
    feed,      // FEED.READ with BLOCK: asked again when something has changed
  };

  State state = State::held;
  Kind kind = Kind::plain;
  bool write = false;
  bool silent = false;    // CLIENT REPLY OFF or SKIP: its answer is dropped
  bool may_wait = false;  // LOCK.ACQUIRE … WAIT: nothing of this connection may overtake it
  bool sent = false;      // was routed at least once
  std::uint8_t attempt = 0;
  const commands::CommandSpec* spec = nullptr;
  Instant arrived;
  Instant routed_at;
  Instant held_since;      // when it was first without a leader to go to
  std::string record;      // encoded; kept until answered, so that it can be routed again
  std::string reply;       // once answered
  Instant ask_at;          // not to be routed before
  std::size_t counted = 0;  // bytes that are counted as held

  // Of what is not plain:
  //
  // WAIT: how many are wanted, until when, how many were seen. FEED.READ: until when, up to which revision
  // nothing had changed.
  std::int64_t wanted = 0;
  std::int64_t seen = 0;
  Instant deadline;
  // WATCH: the names, and which watching they belong to.
  std::vector<std::string> names;
  std::uint64_t generation = 0;
  // EXEC with commands that this node answers: the whole queue.
  std::shared_ptr<const std::vector<QueuedCommand>> queue;

  void reset();

 private:
  void forget_question();
};

// What a connection's request is called on the way: its position and how often it was routed, so
// that a late word about an earlier attempt cannot be taken for the outcome of the present one.
// Later requests have higher numbers, later attempts lower ones: a leader that has refused a number
// knows a repeat by that (forward_order.h).
constexpr std::uint64_t request_number(std::uint64_t position, std::uint8_t attempt) {
  return (position << 8) | (255u - attempt);
}
constexpr std::uint64_t position_of(std::uint64_t number) { return number >> 8; }
constexpr std::uint8_t attempt_of(std::uint64_t number) {
  return static_cast<std::uint8_t>(255u - (number & 0xff));
}

class RequestRing {
 public:
  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  // Positions [begin, end) are there.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  bool contains(std::uint64_t position) const { return position >= begin_ && position < end_; }
  // REQUIRES: contains(position).
  Request& at(std::uint64_t position) {
    CHECK(contains(position));
    return slot(position);
  }
  const Request& at(std::uint64_t position) const {
    CHECK(contains(position));
    return slot(position);
  }
  Request& front() { return at(begin_); }
  // A fresh request at position end(). Invalidates references if the ring has to grow.
  Request& push() {
    if (size() == slots_) grow();
    return slot(end_++);
  }
  // REQUIRES: !empty().
  void pop() {
    front().reset();
    ++begin_;
  }

 private:
  static constexpr std::size_t kSmallest = 4;

  Request& slot(std::uint64_t position) const { return requests_[position & (slots_ - 1)]; }
  void grow() {
    const std::size_t more = slots_ == 0 ? kSmallest : slots_ * 2;
    auto larger = std::make_unique<Request[]>(more);
    for (std::uint64_t i = begin_; i < end_; ++i) larger[i & (more - 1)] = std::move(slot(i));
    requests_ = std::move(larger);
    slots_ = more;
  }

  // Not a vector, which knows its size only by a division.
  std::unique_ptr<Request[]> requests_;
  std::size_t slots_ = 0;  // a power of two
  std::uint64_t begin_ = 1;
  std::uint64_t end_ = 1;
};

inline void Request::reset() {
  // Small strings stay for the next request of this slot; what a big one needed is given back.
  constexpr std::size_t kKept = 1024;
  if (kind != Kind::plain) forget_question();
  state = State::held;
  write = silent = may_wait = sent = false;
  attempt = 0;
  spec = nullptr;
  arrived = routed_at = held_since = ask_at = Instant{};
  counted = 0;
  for (std::string* text : {&record, &reply}) {
    if (text->capacity() > kKept) {
      std::string().swap(*text);
    } else {
      text->clear();
    }
  }
}

inline void Request::forget_question() {
  kind = Kind::plain;
  wanted = seen = 0;
  deadline = Instant{};
  std::vector<std::string>().swap(names);
  generation = 0;
  queue.reset();
}

}  // namespace holdfast::server
