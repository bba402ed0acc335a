// Keeps a log readable while strangers knock: of warnings that anybody can cause, one of a kind is
// written at a time, and the next one says how many were left out.
//
// Threads: one. Time is told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace holdfast {

class WarningLimit {
 public:
  static constexpr Duration kSameAgain = seconds(10);
  // Kinds that are told apart; what comes beyond counts as one more kind until they are forgotten.
  static constexpr std::size_t kKinds = 32;

  // Nothing: not to be written now. Else how many of this kind were left out since the last one.
  std::optional<std::uint64_t> take(std::string_view kind, Instant now);

 private:
  struct Kind {
    Instant again_at;
    std::uint64_t left_out = 0;
  };
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace holdfast
