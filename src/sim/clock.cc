#include "sim/clock.h"

#include <algorithm>

#include "base/check.h"

namespace holdfast::sim {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kCalendar = 1'700'000'000'000;  // at the world's instant 0
using Wide = __int128;

// The calendar as it should be.
std::int64_t true_wall_ms(const Schedule& schedule) {
  return kCalendar + schedule.now().ns / kMillion;
}

}  // namespace

Clock::Clock(const Schedule& schedule, Duration uptime)
    : schedule_(schedule),
      base_world_(schedule.now()),
      base_local_(schedule.now() + uptime),
      wall_offset_ms_(kCalendar - uptime.ms()) {}

Instant Clock::running() const {
  const Wide passed = (schedule_.now() - base_world_).ns;
  return base_local_ +
         Duration{static_cast<std::int64_t>(passed * (kMillion + drift_ppm_) / kMillion)};
}

Instant Clock::now() const { return schedule_.now() < frozen_until_ ? frozen_at_ : running(); }

WallTime Clock::wall() const { return {now().ns / kMillion + wall_offset_ms_}; }

void Clock::rebase() {
  base_local_ = running();
  base_world_ = schedule_.now();
}

void Clock::set_drift_ppm(std::int64_t ppm) {
  CHECK(ppm > -kMillion);
  rebase();
  drift_ppm_ = ppm;
  if (changed_) changed_();
}

void Clock::step_wall(std::int64_t ms) { wall_offset_ms_ += ms; }

void Clock::freeze(Duration length) {
  frozen_at_ = now();
  frozen_until_ = schedule_.now() + length;
  if (changed_) changed_();
}

void Clock::heal() {
  rebase();
  drift_ppm_ = 0;
  frozen_until_ = {};
  wall_offset_ms_ = true_wall_ms(schedule_) - now().ns / kMillion;
  if (changed_) changed_();
}

Instant Clock::world_time_of(Instant when) const {
  if (when == Instant::never()) return when;
  Instant world = schedule_.now();
  if (when > running()) {
    const Wide rate = kMillion + drift_ppm_;
    const Wide left = (Wide{when.ns} - base_local_.ns) * kMillion;
    const Wide at = base_world_.ns + (left + rate - 1) / rate;
    if (at >= Instant::never().ns) return Instant::never();
    world = Instant{static_cast<std::int64_t>(at)};
  }
  // A clock that stands still shows nothing new.
  return when <= now() ? world : std::max(world, frozen_until_);
}

}  // namespace holdfast::sim
