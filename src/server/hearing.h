// Whether what a node sends on one of its lanes arrives.
//
// A connection can be dead in one direction only: a firewall that has forgotten it, a route that is
// lost one way. The side that is not heard still hears the other, takes it for well, and would go
// on forwarding commands into nothing. So pings are numbered, and each says which numbers of the
// other side its sender has heard. A lane on which nothing arrives, while its peer keeps speaking,
// is cut and dialled again.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace holdfast::server {

class Hearing {
 public:
  // `limit`: for how long a ping may stay unheard.
  explicit Hearing(Duration limit) : limit_(limit) {}

  // The lane is new: nothing has been sent on it.
  void restart();
  // The number of a ping that is sent now.
  std::uint64_t ping(Instant now);
  // The peer speaks: so far it has heard this number (0: nothing).
  void confirmed(std::uint64_t number, Instant now);
  // The peer has said several times, over the limit, that it does not hear us. More than once,
  // because one that has slept may speak before it reads what came meanwhile.
  bool unheard() const { return stale_ >= kStale; }

 private:
  static constexpr int kStale = 3;

  Duration limit_;
  std::uint64_t sent_ = 0;     // the last number
  std::uint64_t awaited_ = 1;  // the first one whose confirmation is news
  Instant awaited_since_ = Instant::never();
  int stale_ = 0;
};

}  // namespace holdfast::server
