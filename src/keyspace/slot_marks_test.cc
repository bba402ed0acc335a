#include "keyspace/slot_marks.h"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"

namespace holdfast::keyspace {
namespace {

TEST(SlotMarks, TellTheNextFromAnywhere) {
  SlotMarks marks;
  EXPECT_EQ(marks.next(0), kSlotCount);
  for (const std::uint32_t slot : {0u, 63u, 64u, 191u, kSlotCount - 1}) marks.set(slot);
  EXPECT_EQ(marks.next(0), 0u);
  EXPECT_EQ(marks.next(1), 63u);
  EXPECT_EQ(marks.next(63), 63u);
  EXPECT_EQ(marks.next(64), 64u);
  EXPECT_EQ(marks.next(65), 191u);
  EXPECT_EQ(marks.next(192), kSlotCount - 1);
  EXPECT_EQ(marks.next(kSlotCount - 1), kSlotCount - 1);
  EXPECT_EQ(marks.next(kSlotCount), kSlotCount);
}

TEST(SlotMarks, AreASetOfSlots) {
  Prng prng(3);
  SlotMarks one, other;
  std::set<std::uint32_t> expected;
  for (int i = 0; i < 300; ++i) {
    const auto slot = static_cast<std::uint32_t>(prng.below(kSlotCount));
    (i % 2 == 0 ? one : other).set(slot);
    expected.insert(slot);
  }
  const SlotMarks both = one | other;
  std::set<std::uint32_t> seen;
  for (auto slot = both.next(0); slot < kSlotCount; slot = both.next(slot + 1)) seen.insert(slot);
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace holdfast::keyspace
