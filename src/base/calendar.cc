#include "base/calendar.h"

#include <fmt/format.h>

#include <chrono>

namespace holdfast {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

}  // namespace

std::string day_text(WallTime time) {
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(time.ms / kDayMs))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

std::string hour_text(WallTime time) {
  const std::int64_t rest = time.ms % kDayMs;
  return fmt::format("{:02}:{:02}:{:02}", rest / 3'600'000, rest / 60'000 % 60, rest / 1000 % 60);
}

}  // namespace holdfast
