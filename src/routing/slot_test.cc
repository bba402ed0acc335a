#include "routing/slot.h"

#include <gtest/gtest.h>

namespace holdfast::routing {
namespace {

TEST(Slot, MatchesTheReferenceValueOfTheClusterSpecification) {
  EXPECT_EQ(crc16("123456789"), 0x31c3);
  EXPECT_EQ(slot_of("123456789"), Slot(0x31c3));
  EXPECT_EQ(slot_of("foo"), Slot(12182));
  EXPECT_EQ(slot_of(""), Slot(0));
}

TEST(Slot, HonoursHashTags) {
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));  // an empty tag does not count
}

}  // namespace
}  // namespace holdfast::routing
