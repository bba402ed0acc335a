// Which of the 16384 slots a key lies in: CRC16 of the key, or of its hash tag, as in Redis Cluster
// (https://redis.io/docs/reference/cluster-spec, "Keys distribution model").
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"

namespace holdfast::routing {

// CRC-16/XMODEM: polynomial 0x1021, start 0.
std::uint16_t crc16(std::string_view bytes);

// If the key has a '{' with a '}' after it and at least one byte between, only those bytes count.
Slot slot_of(std::string_view key);

}  // namespace holdfast::routing
