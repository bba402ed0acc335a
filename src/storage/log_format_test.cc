#include "storage/log_format.h"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

RecordHeader some_header() {
  RecordHeader header;
  header.kind = RecordKind::entry;
  header.entry_kind = consensus::EntryKind::batch;
  header.group = GroupId(3);
  header.index = Index(42);
  header.epoch = {7, NodeId(2)};
  header.content = 0x1122334455667788;
  header.length = 1000;
  header.zero_sectors = 1;
  header.place = {0xf01d, 5, 4096};
  header.chain = 2048;
  return header;
}

TEST(LogFormat, RecordHeaderRoundTrip) {
  std::string bytes;
  encode(some_header(), bytes);
  ASSERT_EQ(bytes.size(), kRecordHeaderBytes);
  const auto back = decode_record_header(bytes + "more");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->group, GroupId(3));
  EXPECT_EQ(back->index, Index(42));
  EXPECT_EQ(back->epoch, (Epoch{7, NodeId(2)}));
  EXPECT_EQ(back->content, 0x1122334455667788u);
  EXPECT_EQ(back->length, 1000u);
  EXPECT_EQ(back->zero_sectors, 1u);
  EXPECT_EQ(back->place, (Place{0xf01d, 5, 4096}));
  EXPECT_EQ(back->chain, 2048u);
  std::string again;
  encode(*back, again);
  EXPECT_EQ(again, bytes);
}

TEST(LogFormat, EveryBitOfAHeaderCounts) {
  std::string bytes;
  encode(some_header(), bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_record_header(damaged)) << bit;
  }
  EXPECT_FALSE(decode_record_header(bytes.substr(1)));
  EXPECT_FALSE(decode_record_header(""));
}

TEST(LogFormat, SegmentHeaderRoundTrip) {
  const std::string bytes = encode(SegmentHeader{kLogVersion, 1, 2, 3});
  SegmentHeader back;
  EXPECT_EQ(decode(bytes, back), "");
  EXPECT_EQ(back.folder, 1u);
  EXPECT_EQ(back.segment, 2u);
  EXPECT_EQ(back.size, 3u);
  EXPECT_NE(decode(bytes.substr(1), back), "");
  EXPECT_NE(decode(std::string(64, '\0'), back), "");
  EXPECT_EQ(decode(encode(SegmentHeader{kLogVersion + 1, 1, 2, 3}), back), "")
      << "the reader is to speak of the version";
  EXPECT_EQ(back.version, kLogVersion + 1);
}

// The bytes of the format itself: whoever changes them changes the version.
TEST(LogFormat, IsWhatItWas) {
  const std::string segment = encode(SegmentHeader{1, 2, 3, 4});
  EXPECT_EQ(segment.substr(0, 16), std::string("HFLOGSEG\1\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(segment[16], 2);
  EXPECT_EQ(segment[24], 3);
  EXPECT_EQ(segment[32], 4);
  std::string record;
  encode(some_header(), record);
  EXPECT_EQ(record.substr(0, 8), std::string("HREC\3\2\0\0", 8));
  EXPECT_EQ(record.substr(64, 8), std::string("\2\0\0\0\0\0\0\0", 8)) << "the epoch's node";
}

TEST(LogFormat, ZeroSectorsAreCountedWhereTheyBegin) {
  EXPECT_EQ(count_zero_sectors("", 0), 0u);
  EXPECT_EQ(count_zero_sectors(std::string(512, '\0'), 0), 1u);
  EXPECT_EQ(count_zero_sectors(std::string(512, '\0'), 96), 1u) << "its share of the second";
  EXPECT_EQ(count_zero_sectors(std::string(416, '\0'), 96), 0u);
  EXPECT_EQ(count_zero_sectors(std::string(1536, '\0'), 512), 3u);
  EXPECT_EQ(count_zero_sectors(std::string(1536, 'x'), 512), 0u);
  EXPECT_EQ(count_zero_sectors(std::string(513, '\0') + "x", 512), 1u);
}

TEST(LogFormat, Names) {
  EXPECT_EQ(segment_name("log-", 42), "log-000000000000002a.hfl");
  EXPECT_EQ(segment_number("log-", "log-000000000000002a.hfl"), 42u);
  EXPECT_EQ(segment_number("log-", "log-000000000000002A.hfl"), std::nullopt);
  EXPECT_EQ(segment_number("log-", "log-2a.hfl"), std::nullopt);
  EXPECT_EQ(segment_number("log-", segment_temporary_name("log-", 42)), std::nullopt);
  EXPECT_EQ(segment_number("log-", ""), std::nullopt);
}

}  // namespace
}  // namespace holdfast::storage
