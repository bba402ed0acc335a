#include "replica/company.h"

#include <algorithm>
#include <utility>

#include "base/mutation.h"

namespace holdfast::replica {
namespace {

// Waited for while those who are missing are more than one in so many of those who are there.
constexpr std::size_t kWorthwhile = 8;
// As many answers are remembered when it is asked whether people come back.
constexpr std::uint64_t kAnswersRemembered = 1024;

}  // namespace

void Company::answered(std::size_t writes, Duration took, Instant now) {
  give_up_late(now);
  owed_ += writes;
  heard_ = answered_ = now;
  leaving_ = true;
  commit_ = took;
}

// How much longer than otherwise waiting for a disk may last, because it costs nothing; else 0.
Duration Company::for_disks() const {
  if (sync_ * 2 < commit_) return {};  // a matter of the network, or of others' disks
  return std::min(commit_ * 3 / 2, kForSlowDisks);
}

// As much more as waiting for a disk lasts longer, if that is no matter of turns any more.
std::uint64_t Company::bytes_wanted(Duration disks) {
  const std::int64_t times = disks < milliseconds(5) ? 1 : disks.ns / kAtMost.ns;
  return kBytes * static_cast<std::uint64_t>(times);
}

// Those who come are waited for until then. Who has slept through a long sync takes its time to wake up,
// but that is counted once: strangers come all the time.
Instant Company::expected_until() const {
  return std::max(heard_ + kLull, answered_ + for_disks() / 8);
}

void Company::give_up_late(Instant now) {
  // To send many answers takes longer than a lull: it begins with the turn after.
  if (std::exchange(leaving_, leaving_ && now == heard_)) heard_ = answered_ = now;
  if (now < expected_until()) return;
  missed_ += std::exchange(owed_, 0);
  if (returned_ + missed_ > kAnswersRemembered) {
    returned_ /= 2;
    missed_ /= 2;
  }
}

// Who comes is taken for one of those who were answered: in what follows it makes no difference.
void Company::note_returns(std::size_t writes, Instant now) {
  const std::size_t came = writes - std::min(seen_, writes);
  seen_ = writes;
  give_up_late(now);
  if (came == 0 || owed_ == 0) return;
  const std::size_t back = std::min(came, owed_);
  owed_ -= back;
  returned_ += back;
  heard_ = now;
}

bool Company::waits(const Gathered& gathered, Instant now) {
  note_returns(gathered.writes, now);
  const Instant began = since_ == Instant{} ? now : since_;
  Instant until{};
  const Duration disks = for_disks();
  if (gathered.bytes > 0 && gathered.bytes < bytes_wanted(disks)) {
    const bool soon = commit_ != Duration{} && (commit_ <= kForEntry * 2 || disks != Duration{});
    if (!gathered.log_idle) until = began + std::max(kForLog, disks);
    if (gathered.entry_running && soon) until = began + std::max(kForEntry, disks);
    if (returned_ >= missed_ && owed_ * kWorthwhile > gathered.writes) {
      until = std::max(until, std::min(expected_until(), began + std::max(kAtMost, disks)));
    }
  }
  const bool on = until > now || (until != Instant{} && mutated(Mutation::gathers_without_end));
  since_ = on ? began : Instant{};
  until_ = on ? until : Instant{};
  if (!on) seen_ = 0;  // what was gathered is proposed
  return on;
}

}  // namespace holdfast::replica
