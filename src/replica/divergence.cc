#include "replica/divergence.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdfast::replica {
namespace {

// Where entries are applied anyway one more is cheap; an idle shard is left alone for longer.
constexpr Duration kBusyPause = seconds(10);
// A walk over very much data takes longer than it should rather than all of the loop's time.
constexpr Duration kShortestPause = milliseconds(20);
// Where there was no majority it is looked for again this often.
constexpr Duration kStuckPause = seconds(5);
// How long the next check waits for what the others found at the last.
constexpr Duration kReportWait = seconds(2);
// Replicas that differ are given this long to be outvoted by one that is late.
constexpr Duration kMajorityWait = seconds(5);
// Checks that are remembered for replicas that are late.
constexpr std::size_t kRemembered = 256;

}  // namespace

// ---- every replica ------------------------------------------------------------------------------

void Divergence::on_own(Index index, const Checked& checked, Instant now) {
  ++checks_;
  cursor_ = checked.part.next;
  last_own_ = index;
  last_own_at_ = now;
  proposed_ = false;
  Check& check = recent_[index];
  check.own = checked;
  check.at = now;
  news_.insert(index);
  forget_oldest();
}

void Divergence::forget_oldest() {
  while (recent_.size() > kRemembered) {
    news_.erase(recent_.begin()->first);
    recent_.erase(recent_.begin());
  }
}

// ---- the leader ---------------------------------------------------------------------------------

void Divergence::begin_leading(Instant now) {
  proposed_ = false;
  last_own_at_ = now;
  clean_up_to_.reset();
  clean_walk_ = false;
}

void Divergence::on_refused(Instant now) {
  proposed_ = false;
  last_own_at_ = now;
}

void Divergence::on_report(NodeId from, Index index, std::uint64_t hash) {
  Check& check = recent_[index];
  const auto [report, first] = check.reports.try_emplace(from, hash);
  // A replica that was rebuilt or started again may have come to another view of the same check.
  if (!first && report->second != hash) {
    report->second = hash;
    check.named.erase(from);
  }
  news_.insert(index);
  forget_oldest();
}

// One walk has so many checks; they are spread over its time.
Duration Divergence::pause(std::size_t data_bytes, bool busy, bool stopped) const {
  if (stopped) return stuck_ ? kStuckPause : kShortestPause;
  const auto checks = static_cast<std::int64_t>(data_bytes / options_.bytes + 1);
  const Duration even{options_.walk.ns / checks};
  return std::max(kShortestPause, busy ? std::min(even, kBusyPause) : even);
}

Instant Divergence::next_at(std::size_t data_bytes, Index applied, bool stopped) const {
  return last_own_at_ + pause(data_bytes, busy(applied), stopped);
}

bool Divergence::under_way(Instant now) const {
  if (proposed_) return true;
  const auto last = recent_.find(last_own_);
  if (last == recent_.end() || last->second.settled) return false;
  return now - last_own_at_ < kReportWait;
}

bool Divergence::due(Instant now, std::size_t data_bytes, Index applied, bool stopped) const {
  return !under_way(now) && now >= next_at(data_bytes, applied, stopped);
}

Instant Divergence::wake_at(std::size_t data_bytes, Index applied, bool stopped) const {
  Instant at = Instant::never();
  if (!proposed_) {
    at = next_at(data_bytes, applied, stopped);
    const auto last = recent_.find(last_own_);
    const bool waits = last != recent_.end() && !last->second.settled;
    if (waits) at = std::max(at, last_own_at_ + kReportWait);
  }
  for (const Index index : news_) {
    const Check& check = recent_.at(index);
    if (check.own) at = std::min(at, check.at + kMajorityWait);
  }
  return at;
}

std::optional<Divergence::Finding> Divergence::judge(const std::vector<NodeId>& members,
                                                     Instant now) {
  for (auto next = news_.begin(); next != news_.end();) {
    const Index index = *next;
    Check& check = recent_.at(index);
    auto finding = check.own ? judge(index, check, members, now) : std::nullopt;
    // Who differs without being outvoted is looked at again when the time for that is over.
    const bool waits =
        !check.own || (!check.settled && !check.hopeless && now - check.at < kMajorityWait);
    next = waits ? std::next(next) : news_.erase(next);
    if (finding) return finding;
  }
  return std::nullopt;
}

std::optional<Divergence::Finding> Divergence::judge(Index index, Check& check,
                                                     const std::vector<NodeId>& members,
                                                     Instant now) {
  std::map<std::uint64_t, std::vector<NodeId>> camps;
  std::size_t silent = 0;
  for (const NodeId member : members) {
    const auto report = check.reports.find(member);
    if (member == options_.self) {
      camps[check.own->part.hash].push_back(member);
    } else if (report != check.reports.end()) {
      camps[report->second].push_back(member);
    } else {
      ++silent;
    }
  }
  if (camps.empty()) return std::nullopt;  // not a member any more
  const auto largest = std::max_element(
      camps.begin(), camps.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  const std::size_t needed = members.size() / 2 + 1;
  Finding finding{.index = index, .right = {}, .wrong = {}, .no_majority = false};
  if (largest->second.size() >= needed) {
    finding.right = largest->second;
    for (const auto& [hash, camp] : camps) {
      if (hash == largest->first) continue;
      for (const NodeId node : camp) {
        if (check.named.insert(node).second) finding.wrong.push_back(node);
      }
    }
    stuck_ = false;
    if (camps.size() > 1) clean_up_to_.reset();
    if (!std::exchange(check.settled, true) && camps.size() == 1) count_walk(*check.own);
    if (finding.wrong.empty()) return std::nullopt;
    return finding;
  }
  const bool may_come = largest->second.size() + silent >= needed;
  if (camps.size() < 2 || check.hopeless || (may_come && now - check.at < kMajorityWait)) {
    return std::nullopt;
  }
  check.hopeless = true;
  // The walk does not go on before this is settled.
  stuck_ = true;
  cursor_ = check.own->from;
  clean_up_to_.reset();
  clean_walk_ = false;
  finding.no_majority = true;
  return finding;
}

void Divergence::count_walk(const Checked& checked) {
  const bool begins = checked.from == keyspace::DigestCursor{};
  if (!begins && clean_up_to_ != checked.from) {
    clean_up_to_.reset();
    return;
  }
  clean_up_to_ = checked.part.next;
  if (checked.part.next != keyspace::DigestCursor{}) return;
  clean_walk_ = true;
  clean_up_to_.reset();
}

bool Divergence::take_clean_walk() { return std::exchange(clean_walk_, false); }

}  // namespace holdfast::replica
