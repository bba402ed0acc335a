// Who knows when sessions were last kept. That is no part of the replicated state, so only a read that
// the leader answers is given one of these, and nothing that an entry does may depend on it.
#pragma once

#include <cstdint>
#include <optional>

namespace holdfast::commands {

class KeepAlive {
 public:
  virtual ~KeepAlive() = default;

  // The session, which lives as far as the log says, is kept: it lives for ttl_ms from when the
  // command came in. Returns how many milliseconds of these are left; nothing if its end was proposed
  // already, so that nobody may be told any more that it lives, nor, as yet, that it has ended.
  virtual std::optional<std::int64_t> keep(std::uint64_t id, std::int64_t ttl_ms) = 0;
  // How long it lives yet if nobody keeps it, in milliseconds.
  virtual std::int64_t remaining(std::uint64_t id, std::int64_t ttl_ms) const = 0;
};

}  // namespace holdfast::commands
