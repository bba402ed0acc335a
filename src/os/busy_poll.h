// Whether a loop that has nothing to do looks again and again for a while before it sleeps.
//
// To sleep and be woken takes a processor tens of microseconds, on a virtual machine more, and
// whoever wakes it pays for that as well. Under load, when the next thing comes within as long, that is
// most of what a small turn costs. So a loop whose waits are short looks without sleeping, and gives the
// processor away between two looks; one whose waits are long, or that finds somebody else at work on
// its processor, sleeps at once. The idea is KVM's halt polling and Seastar's idle polling; the rule is
// ours, since a yield may cost a scheduler's slice, which both of those need not fear.
//
// Knows no clock: whoever asks tells the time, which never runs backwards.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace holdfast::os {

class BusyPoll {
 public:
  // How long a wait is looked through at most; 0, as at first: not at all. Not negative.
  void set_longest(Duration longest);

  // A wait begins. True: look; then ask goes_on() after each look that was in vain.
  bool begin(Instant now);
  // The processor was given away since the look before. False: sleep.
  bool goes_on(Instant now);
  // The wait that began last is over, slept through or not. What it brought may have been done
  // meanwhile and counts as well: where that is much, not to sleep gains little.
  void end(Instant now);

  // All that was spent looking, others' share of the processor included, less than a second at a time.
  Duration spent() const { return spent_; }

 private:
  void lost_the_processor(Duration away, Instant now);

  Duration longest_;
  Duration mean_wait_;       // of the last ones, the newest counting for an eighth
  bool any_wait_ = false;    // whether that says anything yet
  Instant began_;
  Instant looked_;           // the last look of this wait; began_ before any
  Instant not_before_;       // somebody else had the processor
  Duration pause_;           // so long was that put off
  std::uint64_t waits_ = 0;  // looked through since then
  Duration spent_;
};

}  // namespace holdfast::os
