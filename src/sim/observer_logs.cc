#include "sim/observer_logs.h"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/entry.h"

namespace holdfast::sim {

// ---- LogMatching
// ----------------------------------------------------------------------------------

void LogMatching::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  const Index first = look.thorough ? now.before.next() : look.changed_from;
  if (first > now.last) return;
  if (by_index_.size() <= now.last.value) by_index_.resize(now.last.value + 1);
  Epoch previous = *now.log->epoch_at(first.previous());
  for (Index index = first; index <= now.last; index = index.next()) {
    const consensus::Entry& entry = now.log->at(index);
    see_entry(look, entry, previous, problems);
    previous = entry.epoch;
  }
}

void LogMatching::see_entry(const Look& look, const consensus::Entry& entry, Epoch previous,
                            Problems& problems) {
  const Sight& now = look.now;
  if (entry.index >= look.changed_from &&
      entry.content !=
          consensus::content_checksum(GroupId(), entry.index, entry.kind, entry.payload.view())) {
    problems.add(kName, now.at,
                 fmt::format("the bytes of entry {} of epoch {} at node {} are not "
                             "what its checksum says",
                             entry.index, entry.epoch, now.node));
  }
  auto& all = by_index_[entry.index.value];
  const auto same_epoch = [&](const Written& written) { return written.epoch == entry.epoch; };
  const auto known = std::find_if(all.begin(), all.end(), same_epoch);
  if (known == all.end()) {
    all.push_back({entry.epoch, previous, entry.content, now.machine});
  } else if (known->content != entry.content) {
    problems.add(kName, now.at,
                 fmt::format("entry {} of epoch {} has other content at node {} than at machine {}",
                             entry.index, entry.epoch, now.node, known->first_seen_at));
  } else if (known->previous != previous) {
    problems.add(kName, now.at,
                 fmt::format("entry {} of epoch {} follows one of epoch {} at node {} and one of "
                             "epoch {} at machine {}",
                             entry.index, entry.epoch, previous, now.node, known->previous,
                             known->first_seen_at));
  }
}

// ---- Committed
// ------------------------------------------------------------------------------------

const Committed::Known* Committed::at(Index index) const {
  if (index > last() || !known_[index.value].epoch) return nullptr;
  return &known_[index.value];
}

void Committed::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  fresh_from_ = last().next();
  const Index end = std::min(now.commit, now.last);
  for (Index index = look.first_new(&Sight::commit); index <= end; index = index.next()) {
    see_entry(look, now.log->at(index), problems);
  }
  if (look.started || look.before->before != now.before) see_snapshot(look, problems);
}

void Committed::see_entry(const Look& look, const consensus::Entry& entry, Problems& problems) {
  const Sight& now = look.now;
  if (entry.index > last()) {
    known_.resize(entry.index.value);
    known_.push_back({entry.epoch, entry.content, now.epoch, now.machine});
    return;
  }
  Known& known = known_[entry.index.value];
  if (!known.epoch) {
    known = {entry.epoch, entry.content, now.epoch, now.machine};
  } else if (known.epoch != entry.epoch || known.content != entry.content) {
    problems.add(kName, now.at,
                 fmt::format("at index {} node {} has committed an entry of epoch {}, machine {} "
                             "had committed {} of epoch {}",
                             entry.index, now.node, entry.epoch, known.seen_at,
                             known.epoch == entry.epoch ? "another" : "one", known.epoch));
  } else {
    known.seen_in = std::min(known.seen_in, now.epoch);
  }
}

// A log that begins behind an entry has a snapshot in its place.
void Committed::see_snapshot(const Look& look, Problems& problems) const {
  const Sight& now = look.now;
  if (now.before == Index()) return;
  const Epoch epoch = *now.log->epoch_at(now.before);
  const Known* known = at(now.before);
  if (known == nullptr) {
    problems.add(kName, now.at,
                 fmt::format("the log of node {} begins behind entry {} of epoch {}, which nobody "
                             "has committed",
                             now.node, now.before, epoch));
  } else if (known->epoch != epoch) {
    problems.add(kName, now.at,
                 fmt::format("the log of node {} begins behind entry {} of epoch {}; the one that "
                             "was committed is of epoch {}",
                             now.node, now.before, epoch, known->epoch));
  }
}

// ---- StateMachineSafety
// ---------------------------------------------------------------------------

void StateMachineSafety::see(const Look& look, const Memory&, Problems& problems) {
  const Sight& now = look.now;
  Index first = look.first_new(&Sight::applied);
  const bool installed = !look.started && now.snapshot > look.before->applied;
  if (installed) ++installed_;
  // A snapshot of a peer stands for what the log may still hold otherwise.
  if (look.started || installed || look.thorough) first = std::max(first, now.snapshot.next());
  for (Index index = first; index <= now.applied; index = index.next()) {
    const auto epoch = now.log->epoch_at(index);
    const auto* known = committed_.at(index);
    if (!epoch) {
      problems.add(kName, now.at,
                   fmt::format("node {} has applied entry {}, which its log does "
                               "not hold",
                               now.node, index));
    } else if (known == nullptr) {
      problems.add(kName, now.at,
                   fmt::format("node {} has applied entry {} of epoch {}, which "
                               "nobody has committed",
                               now.node, index, *epoch));
    } else if (known->epoch != *epoch || known->content != now.log->at(index).content) {
      problems.add(kName, now.at,
                   fmt::format("node {} has applied an entry of epoch {} at index {}; the one that "
                               "was committed is of epoch {}",
                               now.node, *epoch, index, known->epoch));
    }
  }
}

}  // namespace holdfast::sim
