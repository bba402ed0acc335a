#include "replica/batch.h"

#include <gtest/gtest.h>

namespace holdfast::replica {
namespace {

TEST(Batch, GivesBackHeaderAndRecords) {
  BatchWriter writer;
  EXPECT_TRUE(writer.empty());
  const auto first = writer.add("one");
  const auto second = writer.add("");
  const auto third = writer.add(std::string(300, 'x'));
  const std::string payload = writer.finish({.semantics = 1,
                                             .stamp = {1234},
                                             .wall = {-5},
                                             .expire_bound = 7,
                                             .random = UINT64_MAX});
  BatchReader reader(payload);
  EXPECT_EQ(reader.header().semantics, 1);
  EXPECT_EQ(reader.header().stamp, ClusterTime{1234});
  EXPECT_EQ(reader.header().wall, WallTime{-5});
  EXPECT_EQ(reader.header().expire_bound, 7u);
  EXPECT_EQ(reader.header().random, UINT64_MAX);
  std::string_view record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record, "one");
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record, "");
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.size(), 300u);
  EXPECT_FALSE(reader.next(record));
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(payload.substr(first, 3), "one");
  EXPECT_EQ(second, first + 3 + 1) << "behind its length";
  EXPECT_EQ(payload.substr(third), std::string(300, 'x'));
}

TEST(Batch, APulseIsABatchWithoutRecords) {
  const std::string payload = BatchWriter().finish({.stamp = {9}});
  BatchReader reader(payload);
  std::string_view record;
  EXPECT_FALSE(reader.next(record));
  EXPECT_TRUE(reader.ok());
}

TEST(Batch, ADamagedPayloadIsNotOk) {
  BatchWriter writer;
  writer.add("hello");
  const std::string payload = writer.finish({});
  for (std::size_t length = 0; length < payload.size(); ++length) {
    const auto cut = std::string_view(payload).substr(0, length);
    BatchReader reader(cut);
    std::string_view record;
    while (reader.next(record)) {
    }
    // Cut right behind the header it is a pulse; anywhere else it is damaged.
    EXPECT_EQ(reader.ok(), length == payload.size() - 6) << length;
  }
}

}  // namespace
}  // namespace holdfast::replica
