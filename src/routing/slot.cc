#include "routing/slot.h"

#include <array>
#include <cstddef>

namespace holdfast::routing {
namespace {

using Table = std::array<std::uint16_t, 256>;

// Eight bytes at a time ("slicing-by-8": Kounavis, Berry, "A Systematic Approach to Building High
// Performance Software-Based CRC Generators", ISCC 2005): table n is what a byte does to the sum
// when n more bytes follow it.
constexpr std::size_t kSlice = 8;

constexpr std::array<Table, kSlice> make_tables() {
  std::array<Table, kSlice> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    tables[0][byte] = static_cast<std::uint16_t>(crc & 0xffff);
  }
  for (std::size_t n = 1; n < kSlice; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] =
          static_cast<std::uint16_t>(((before << 8) & 0xffff) ^ tables[0][before >> 8]);
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

}  // namespace

std::uint16_t crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  for (; bytes.size() >= kSlice; bytes.remove_prefix(kSlice)) {
    // Written out, since the compiler leaves it a loop, which takes twice as long.
    const std::uint32_t head = kTables[7][byte(0) ^ (crc >> 8)] ^ kTables[6][byte(1) ^ (crc & 0xff)];
    const std::uint32_t middle = kTables[5][byte(2)] ^ kTables[4][byte(3)] ^ kTables[3][byte(4)];
    crc = head ^ middle ^ kTables[2][byte(5)] ^ kTables[1][byte(6)] ^ kTables[0][byte(7)];
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crc = ((crc << 8) & 0xffff) ^ kTables[0][(crc >> 8) ^ byte(i)];
  }
  return static_cast<std::uint16_t>(crc);
}

Slot slot_of(std::string_view key) {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return Slot(static_cast<std::uint16_t>(crc16(key) % kSlotCount));
}

}  // namespace holdfast::routing
