// For tests of the log: a log on a TestDisk, and short words for what is done to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/log.h"
#include "storage/test_disk.h"

namespace holdfast::storage {

inline constexpr GroupId kGroup{0};
inline constexpr std::uint64_t kFolder = 0xf01de5;

inline Epoch epoch(std::uint64_t round) { return {round, NodeId(1)}; }
consensus::Entry entry(GroupId group, std::uint64_t index, std::uint64_t round,
                       std::string payload);

class LogFixture : public testing::Test {
 protected:
  LogFixture();

  // Opens; the error's message, or empty.
  std::string open();
  void close() { log.reset(); }
  // Closes and opens without a crash. Expects success.
  void reopen();

  // A step; its acknowledgement is counted in `acknowledged`.
  void write(GroupId group, std::vector<consensus::Entry> entries,
             std::optional<std::uint64_t> promise = {}, std::optional<std::uint64_t> cut_from = {});
  // One entry with the group's next index.
  void append(std::string payload, GroupId group = kGroup, std::uint64_t round = 1);
  void flush_all();

  // What the last open() found of the group.
  const GroupRecovery& found(GroupId group = kGroup);
  std::string payload(std::uint64_t index, GroupId group = kGroup);
  Log::Done count() {
    return [this] { ++acknowledged; };
  }

  TestDisk disk;
  NoTrace trace;
  LogOptions options;
  std::unique_ptr<Log> log;
  LogRecovery recovered;
  std::map<GroupId, std::uint64_t> last_index;
  int acknowledged = 0;
  std::vector<std::string> fatal;
};

}  // namespace holdfast::storage
