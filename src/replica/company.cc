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
  heard_ = now;
  leaving_ = true;
  commits_soon_ = took <= kForEntry * 2;
}

void Company::give_up_late(Instant now) {
  // To send many answers takes longer than a lull: it begins with the turn after.
  if (std::exchange(leaving_, leaving_ && now == heard_)) heard_ = now;
  if (now - heard_ < kLull) return;
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
  if (gathered.bytes > 0 && gathered.bytes < kBytes) {
    if (!gathered.log_idle) until = began + kForLog;
    if (gathered.entry_running && commits_soon_) until = began + kForEntry;
    if (returned_ >= missed_ && owed_ * kWorthwhile > gathered.writes) {
      until = std::max(until, std::min(heard_ + kLull, began + kAtMost));
    }
  }
  const bool on = until > now || (until != Instant{} && mutated(Mutation::gathers_without_end));
  since_ = on ? began : Instant{};
  until_ = on ? until : Instant{};
  if (!on) seen_ = 0;  // what was gathered is proposed
  return on;
}

}  // namespace holdfast::replica
