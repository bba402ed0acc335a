#include "server/acquaintances.h"

#include <utility>

namespace holdfast::server {
namespace {

// Until there is room again.
constexpr Duration kPause = seconds(5);

}  // namespace

Acquaintances::Acquaintances(env::Disk& disk, std::uint64_t cluster, const storage::MetStarts& known)
    : disk_(disk), cluster_(cluster) {
  if (known.cluster_id != cluster) return;
  for (const storage::MetStart& one : known.starts) starts_[one.node] = one;
  durable_ = starts_;
}

const storage::MetStart* Acquaintances::of(NodeId node) const {
  const auto found = starts_.find(node);
  return found == starts_.end() ? nullptr : &found->second;
}

const storage::MetStart* Acquaintances::durable(NodeId node) const {
  const auto found = durable_.find(node);
  return found == durable_.end() ? nullptr : &found->second;
}

bool Acquaintances::meet(const storage::MetStart& start) {
  storage::MetStart& known = starts_[start.node];
  if (known == start) return false;
  known = start;
  changed_ = true;
  return true;
}

void Acquaintances::forget(NodeId node) { changed_ = starts_.erase(node) > 0 || changed_; }

void Acquaintances::on_turn_end(Instant now) {
  if (std::exchange(refused_, false)) again_at_ = now + kPause;
  if (changed_ && !writing_ && now >= again_at_) write();
}

Instant Acquaintances::wake_at() const {
  return changed_ && !writing_ ? again_at_ : Instant::never();
}

// The first error of another kind ends the process: server/node_disk.
void Acquaintances::write() {
  changed_ = false;
  writing_ = true;
  storage::MetStarts met{cluster_, {}};
  for (const auto& [node, start] : starts_) met.starts.push_back(start);
  disk_.submit(env::Lane::background,
               {storage::store_met_starts(met), [this, held = std::weak_ptr<int>(alive_),
                                                 written = starts_](Result<void> done) {
                  if (held.expired()) return;
                  writing_ = false;
                  if (done) {
                    durable_ = written;
                  } else {
                    changed_ = true;
                    refused_ = true;
                  }
                }});
}

}  // namespace holdfast::server
