// When a key shall end, as clients say it and as the log counts it.
//
// Everything that expires is counted in cluster time. A relative time counts from the entry's
// stamp; an absolute one is calendar time, kept as given for EXPIRETIME and converted once, when
// the entry is applied: deadline = stamp.cluster + (at - stamp.wall).
#pragma once

#include <cstdint>
#include <optional>

#include "commands/context.h"

namespace holdfast::commands {

enum class TimeUnit : std::uint8_t { seconds, milliseconds };
enum class TimeBase : std::uint8_t { from_now, absolute };

// Nothing if the sum does not fit. The deadline may lie in the past.
std::optional<keyspace::Expiry> expiry_at(std::int64_t number, TimeUnit unit, TimeBase base,
                                          Stamp now);

}  // namespace holdfast::commands
