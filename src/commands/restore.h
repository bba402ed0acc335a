// How far a restore of a backup has come, as every replica knows it: while one is under way the
// shard serves nothing else. Kept as a setting of the shard, changed by HOLDFAST RESTORE alone
// (restore_commands.cc).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "keyspace/keyspace.h"

namespace holdfast::commands {

struct Restore {
  // The setting that holds it; absent or "": there never was one.
  static constexpr std::string_view kSetting = "restore";

  enum class State : std::uint8_t {
    clearing = 1,  // what was there is taken away
    loading = 2,   // pieces are taken
    broken = 3,    // a piece made no sense: only another restore can follow
    done = 4,      // clients are served again
  };

  std::uint64_t id = 0;  // of the file and of how it was cut into pieces
  State state = State::done;
  std::uint64_t next = 0;    // the piece that is wanted
  std::uint64_t pieces = 0;  // how many there are
  keyspace::TimeShift shift;

  bool under_way() const { return state != State::done; }
  std::string encode() const;
  static Result<Restore> decode(std::string_view bytes);
};

}  // namespace holdfast::commands
