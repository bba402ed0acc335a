// What can be held, and by which words.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::client {

enum class Kind : std::uint8_t { mutex, shared_mutex, semaphore, election };

struct Vocabulary {
  std::string_view acquire, renew, release;  // commands
  std::string_view noun;                     // for people
};

constexpr Vocabulary vocabulary(Kind kind) {
  switch (kind) {
    case Kind::semaphore:
      return {"SEM.ACQUIRE", "SEM.RENEW", "SEM.RELEASE", "semaphore"};
    case Kind::election:
      return {"ELECT.CAMPAIGN", "ELECT.RENEW", "ELECT.RESIGN", "election"};
    case Kind::mutex:
    case Kind::shared_mutex:
      break;
  }
  return {"LOCK.ACQUIRE", "LOCK.RENEW", "LOCK.RELEASE", "lock"};
}

}  // namespace holdfast::client
