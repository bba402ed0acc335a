#include "keyspace/deadlines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/prng.h"

namespace holdfast::keyspace {
namespace {

struct Item : Timed {
  Deadline deadline;
};

// What the heap gives, against sorting everything.
TEST(Deadlines, GivesWhatIsSoonestUnderRandomChanges) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Prng random(seed);
    Deadlines deadlines;
    std::vector<std::unique_ptr<Item>> items;
    for (std::uint64_t i = 0; i < 60; ++i) {
      items.push_back(std::make_unique<Item>());
      Deadline& deadline = items.back()->deadline;
      deadline.created = i + 1;
      deadline.slot = Slot(static_cast<std::uint16_t>(random.below(3)));
      deadline.kind = static_cast<DeadlineKind>(random.below(4));
      deadline.item = items.back().get();
    }
    for (int step = 0; step < 600; ++step) {
      Item& item = *items[random.below(items.size())];
      const std::uint64_t what = random.below(100);
      if (what < 60) {
        item.deadline.when = {static_cast<std::int64_t>(random.below(20))};
        deadlines.schedule(item.deadline);
      } else if (what < 99) {
        deadlines.cancel(item, item.deadline.kind);
      } else {
        deadlines.drop_keys();
        for (auto& each : items) {
          if (each->deadline.kind == DeadlineKind::key) each->heap_index = Timed::kNowhere;
        }
      }
      const Deadline* expected = nullptr;
      std::size_t keys = 0;
      for (const auto& each : items) {
        if (!each->scheduled()) continue;
        keys += each->deadline.kind == DeadlineKind::key ? 1 : 0;
        if (expected == nullptr || each->deadline.before(*expected)) expected = &each->deadline;
      }
      ASSERT_EQ(deadlines.keys(), keys);
      ASSERT_EQ(deadlines.first() == nullptr, expected == nullptr);
      if (expected != nullptr) {
        ASSERT_EQ(deadlines.first()->item, expected->item);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::keyspace
