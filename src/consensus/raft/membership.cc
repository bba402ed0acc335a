// The membership in force: thesis 4.1.
//
// A membership counts from when it is appended, committed or not; a cut takes it back, and a
// snapshot replaces it. Changing it is not built yet: MembershipRequested is answered
// `unsupported`.
#include "base/check.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

void Raft::on(MembershipRequested&&) {
  out_->unsupported = "membership requested: changes of membership are not built yet";
}

void Raft::adopt_memberships(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (entry.kind != EntryKind::config) continue;
    Result<Membership> decoded = Membership::decode(entry.payload.view());
    CHECK(decoded.ok(), "entry {} was verified and is not readable", entry.index);
    memberships_.emplace_back(entry.index, *std::move(decoded));
  }
  if (role_ == Role::follower || role_ == Role::learner) role_ = idle_role();
}

void Raft::cut_memberships(Index from) {
  while (memberships_.size() > 1 && memberships_.back().first >= from) memberships_.pop_back();
  if (role_ == Role::follower || role_ == Role::learner) role_ = idle_role();
}

void Raft::forget_memberships() {
  // Keeps the last one at or before the start of the log, which a cut could fall back to.
  while (memberships_.size() > 1 && memberships_[1].first <= log_.before()) {
    memberships_.erase(memberships_.begin());
  }
}

}  // namespace holdfast::consensus
