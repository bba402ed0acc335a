// What can be held, for people: by which name, and which command looks at it.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::cli {

enum class Held : std::uint8_t { lock, semaphore, election };

constexpr std::string_view name_of(Held kind) {
  if (kind == Held::semaphore) return "semaphore";
  return kind == Held::election ? "election" : "lock";
}

constexpr std::string_view info_command(Held kind) {
  if (kind == Held::semaphore) return "SEM.INFO";
  return kind == Held::election ? "ELECT.INFO" : "LOCK.INFO";
}

}  // namespace holdfast::cli
