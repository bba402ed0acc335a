#include "routing/slot.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace holdfast::routing {
namespace {

TEST(Slot, MatchesTheReferenceValueOfTheClusterSpecification) {
  EXPECT_EQ(crc16("123456789"), 0x31c3);
  EXPECT_EQ(slot_of("123456789"), Slot(0x31c3));
  EXPECT_EQ(slot_of("foo"), Slot(12182));
  EXPECT_EQ(slot_of(""), Slot(0));
}

// As the polynomial says it, a bit at a time.
std::uint16_t bit_by_bit(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = ((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
  }
  return static_cast<std::uint16_t>(crc);
}

TEST(Slot, TheSumIsThatOfThePolynomialAtEveryLength) {
  std::string bytes;
  std::uint32_t next = 1;
  for (int length = 0; length < 100; ++length) {
    EXPECT_EQ(crc16(bytes), bit_by_bit(bytes)) << length;
    next = next * 1664525 + 1013904223;
    bytes.push_back(static_cast<char>(next >> 24));
  }
}

TEST(Slot, HonoursHashTags) {
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));  // an empty tag does not count
}

}  // namespace
}  // namespace holdfast::routing
