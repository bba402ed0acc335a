// The clocks of one machine, which may be wrong in every way that the protocol must survive.
//
// now(): counts from the machine's own start with a rate of its own, and may stand still for a
// while and then run ahead in a burst, but never goes back. wall(): may be anywhere, and step.
#pragma once

#include <cstdint>
#include <functional>

#include "env/clock.h"
#include "sim/schedule.h"

namespace holdfast::sim {

class Clock final : public env::Clock {
 public:
  // `uptime`: how long the machine had been running when the world began. Instants of two machines
  // have nothing to do with each other.
  explicit Clock(const Schedule& schedule, Duration uptime = {});

  Instant now() const override;
  WallTime wall() const override;

  // From now on this clock gains (or loses) so many millionths. The protocol promises to hold
  // below 1,000 ppm... and to lose nothing beyond. REQUIRES: more than -1,000,000.
  void set_drift_ppm(std::int64_t ppm);
  // The calendar jumps.
  void step_wall(std::int64_t ms);
  // now() stands still for so long of the world's time, and then catches up at once.
  void freeze(Duration length);
  // Back to the world's rate and calendar; now() stays where it has got to.
  void heal();

  // In the world's time: when this clock will show `when`, as far as is known today.
  Instant world_time_of(Instant when) const;
  // Called when world_time_of has changed.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

 private:
  // What now() would be if it did not stand still.
  Instant running() const;
  void rebase();

  const Schedule& schedule_;
  Instant base_world_;  // the rate holds since
  Instant base_local_;
  std::int64_t drift_ppm_ = 0;
  Instant frozen_until_;
  Instant frozen_at_;                // what it shows until then
  std::int64_t wall_offset_ms_ = 0;  // wall() - now()
  std::function<void()> changed_;
};

}  // namespace holdfast::sim
