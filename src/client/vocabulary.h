// What can be held, and by which words.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::client {

enum class Kind : std::uint8_t { mutex, shared_mutex, semaphore, election, session };

struct Vocabulary {
  std::string_view acquire, renew, release;  // commands
  std::string_view noun;                     // for people
  // Whether it is its name, and no token or TTL has to be said. False: as a lock.
  bool by_name_alone = false;
};

constexpr Vocabulary vocabulary(Kind kind) {
  switch (kind) {
    case Kind::semaphore:
      return {"SEM.ACQUIRE", "SEM.RENEW", "SEM.RELEASE", "semaphore"};
    case Kind::election:
      return {"ELECT.CAMPAIGN", "ELECT.RENEW", "ELECT.RESIGN", "election"};
    case Kind::session:
      return {"SESSION.OPEN", "SESSION.KEEP", "SESSION.CLOSE", "session", true};
    case Kind::mutex:
    case Kind::shared_mutex:
      break;
  }
  return {"LOCK.ACQUIRE", "LOCK.RENEW", "LOCK.RELEASE", "lock"};
}

}  // namespace holdfast::client
