#include "base/calendar.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

}  // namespace

std::string day_text(WallTime time) {
  // Counted from 1 March 2000, in cycles of 400 years.
  const std::int64_t days = time.ms / kDayMs + 719'468;
  const std::int64_t era = days / 146'097;
  const std::int64_t of_era = days % 146'097;
  const std::int64_t year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;
  const std::int64_t day = of_year - (153 * month + 2) / 5 + 1;
  const std::int64_t civil_month = month < 10 ? month + 3 : month - 9;
  const std::int64_t civil_year = year + era * 400 + (civil_month <= 2 ? 1 : 0);
  return fmt::format("{:04}-{:02}-{:02}", civil_year, civil_month, day);
}

std::string hour_text(WallTime time) {
  const std::int64_t rest = time.ms % kDayMs;
  return fmt::format("{:02}:{:02}:{:02}", rest / 3'600'000, rest / 60'000 % 60, rest / 1000 % 60);
}

}  // namespace holdfast
