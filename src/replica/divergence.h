// Whether the replicas of a shard hold the same: what each of them found at the checks in the log,
// compared by the leader.
//
// A check is a record in an entry that names where in the data it begins and how much it covers.
// Every replica digests that part when it applies the entry, and tells the leader. A strict
// majority of equal digests, of all members, is right. Who differs from it is to be rebuilt; if
// there is no such majority, nobody can say what is right.
//
// This class remembers, compares and keeps the pace; what follows is carried out by
// replica_divergence.cc. docs/decisions/0007-divergence.md says why.
//
// Threads: one. Everything is bounded: the newest checks are kept, older ones are forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/keyspace.h"

namespace holdfast::replica {

// What a check covers, and what was found.
struct Checked {
  keyspace::DigestCursor from;
  keyspace::DigestPart part;
};

class Divergence {
 public:
  struct Options {
    NodeId self;
    Duration walk = seconds(600);   // everything is checked within this time
    std::size_t bytes = 256 << 10;  // of data in one check
  };
  explicit Divergence(const Options& options) : options_(options) {}

  // ---- every replica
  // It has applied a check.
  void on_own(Index index, const Checked& checked, Instant now);
  // The walk goes on here, whoever leads.
  const keyspace::DigestCursor& cursor() const { return cursor_; }
  std::uint64_t checks() const { return checks_; }

  // ---- the leader
  // What was found under another leader says nothing about a whole walk.
  void begin_leading(Instant now);
  void on_report(NodeId from, Index index, std::uint64_t hash);
  // A check is in the log and not yet applied here.
  void on_proposed() { proposed_ = true; }
  // It will not be.
  void on_refused(Instant now);
  // No check is under way and the pace wants the next. `stopped`: it is in the way of everybody.
  bool due(Instant now, std::size_t data_bytes, Index applied, bool stopped) const;
  // When to ask due() and judge() again.
  Instant wake_at(std::size_t data_bytes, Index applied, bool stopped) const;

  struct Finding {
    Index index;                // of the check
    std::vector<NodeId> right;  // the strict majority
    std::vector<NodeId> wrong;  // who differs from it and has not been named before
    bool no_majority = false;   // the replicas differ, and nobody can say who is right
  };
  // Whether judge() has anything to look at.
  bool has_news() const { return !news_.empty(); }
  // What has come to light since the last call, one check at a time; nothing: no more.
  std::optional<Finding> judge(const std::vector<NodeId>& members, Instant now);
  // True once after a walk over everything, begun after the last difference, found a strict
  // majority of equal replicas everywhere.
  bool take_clean_walk();

 private:
  struct Check {
    std::optional<Checked> own;
    Instant at;  // when this replica applied it
    std::map<NodeId, std::uint64_t> reports;
    std::set<NodeId> named;
    bool settled = false;   // a strict majority was found
    bool hopeless = false;  // or it was said that there is none
  };

  Duration pause(std::size_t data_bytes, bool busy, bool stopped) const;
  bool busy(Index applied) const { return applied > last_own_; }
  Instant next_at(std::size_t data_bytes, Index applied, bool stopped) const;
  bool under_way(Instant now) const;
  std::optional<Finding> judge(Index index, Check& check, const std::vector<NodeId>& members,
                               Instant now);
  void count_walk(const Checked& checked);
  void forget_oldest();

  Options options_;
  keyspace::DigestCursor cursor_;
  std::uint64_t checks_ = 0;
  Index last_own_;  // the newest check applied here
  Instant last_own_at_;
  bool proposed_ = false;
  std::map<Index, Check> recent_;
  std::set<Index> news_;  // checks that something was said about since they were judged
  // The walk that found no difference so far goes on here; nothing: it begins at the beginning.
  std::optional<keyspace::DigestCursor> clean_up_to_;
  bool clean_walk_ = false;
  bool stuck_ = false;  // the last check that was judged had no majority
};

}  // namespace holdfast::replica
