// When each session was last kept: the leader's knowledge, which no log holds.
//
// Rules, for which the rest is there:
//
//   - a session that was kept lives for its TTL from when it was asked to be, not from when the
//     leader was sure that it led: its client counts from the asking, too;
//   - a leader gives each session a whole TTL from when it began to lead: whatever an earlier leader
//     may have promised was asked for before that (a round that confirms a read began after the
//     read, and ends before another leader can be elected);
//   - once an end was proposed nobody is told any more that the session lives. If the proposal was
//     refused it lives on.
//
// The times are cluster time. Sessions are spread over parts, so that no table is ever so large that
// its growth would hold up the loop. A heap has one line for each session; keeping moves none, and a
// line whose time comes too early is put back.
//
// Threads: one. Knows no clock: time is told by tell_time() before anything is kept.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "commands/keep_alive.h"

namespace holdfast::replica {

class SessionKeeper final : public commands::KeepAlive {
 public:
  // Leads from here on: what was known is forgotten.
  void begin(ClusterTime now);
  void stop();

  // A session that is there, opened at that time. Told of all, in any order, some of them twice.
  void add(std::uint64_t id, std::int64_t ttl_ms, ClusterTime opened);
  void remove(std::uint64_t id);

  // For keep() and remaining(): when what is asked now came in, and the time now.
  void tell_time(ClusterTime asked, ClusterTime now);
  std::optional<std::int64_t> keep(std::uint64_t id, std::int64_t ttl_ms) override;
  std::int64_t remaining(std::uint64_t id, std::int64_t ttl_ms) const override;

  // Takes sessions whose time had passed at `horizon`, at most `most`, and after at most some steps of
  // work: their end is about to be proposed.
  std::vector<std::uint64_t> take_due(ClusterTime horizon, std::size_t most);
  // The end of these was not proposed after all.
  void give_back(const std::vector<std::uint64_t>& ids);
  // Not later than when the next session is due; never(): none will be.
  ClusterTime next_due() const { return soonest_; }
  std::size_t size() const;
  std::size_t lines() const;  // for tests

 private:
  struct Entry {
    ClusterTime kept;
    std::int64_t ttl_ms = 0;
    bool ending = false;  // its end is on its way

    ClusterTime due() const { return kept.plus_ms(ttl_ms); }
  };
  struct Line {
    ClusterTime when;
    std::uint64_t id = 0;

    // For a heap with the soonest in front.
    bool operator<(const Line& other) const { return other.when < when; }
  };
  struct Part {
    boost::unordered_flat_map<std::uint64_t, Entry> entries;
    std::vector<Line> heap;  // each entry that is not ending has a line; removed ones may have
  };
  static constexpr std::size_t kParts = 256;
  static constexpr std::size_t kSteps = 4096;

  Part& part_of(std::uint64_t id) { return parts_[id % kParts]; }
  void push(Part& part, ClusterTime when, std::uint64_t id);
  static void tidy(Part& part);
  bool take_from(Part& part, ClusterTime horizon, std::size_t most, std::size_t& steps,
                 std::vector<std::uint64_t>& due);

  std::array<Part, kParts> parts_;
  std::size_t next_part_ = 0;  // who is asked first
  ClusterTime since_;          // when it began to lead
  ClusterTime soonest_ = ClusterTime::never();  // no line is before it
  ClusterTime asked_;
  ClusterTime now_;
};

}  // namespace holdfast::replica
