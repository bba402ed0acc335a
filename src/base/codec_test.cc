#include "base/codec.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Codec, ReadsBackWhatWasWritten) {
  std::string out;
  Writer writer(out);
  writer.u8(7);
  writer.u16(65535);
  writer.u32(1u << 31);
  writer.u64(UINT64_MAX);
  writer.i64(-5);
  writer.varint(300);
  writer.varint(UINT64_MAX);
  writer.bytes("abc");
  writer.epoch(Epoch{9, NodeId(2)});
  Reader reader(out);
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u16(), 65535);
  EXPECT_EQ(reader.u32(), 1u << 31);
  EXPECT_EQ(reader.u64(), UINT64_MAX);
  EXPECT_EQ(reader.i64(), -5);
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_EQ(reader.varint(), UINT64_MAX);
  EXPECT_EQ(reader.bytes(), "abc");
  EXPECT_EQ(reader.epoch(), (Epoch{9, NodeId(2)}));
  EXPECT_TRUE(reader.finished());
}

TEST(Codec, AShortReadFailsForGood) {
  Reader reader("ab");
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.finished());
}

TEST(Codec, ALengthIsBoundedBeforeUse) {
  std::string out;
  Writer(out).varint(UINT64_MAX);
  Reader reader(out);
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());

  std::string text;
  Writer(text).bytes("four");
  Reader limited(text);
  EXPECT_EQ(limited.bytes(3), "");
  EXPECT_FALSE(limited.ok());
}

TEST(Codec, AVarintIsAsLongAsItsNumber) {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const std::uint64_t highest = bits == 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
    const std::size_t length = bits == 0 ? 1 : (bits + 6) / 7;
    std::string out;
    Writer(out).varint(highest);
    EXPECT_EQ(out.size(), length) << bits;
    Reader reader(out);
    EXPECT_EQ(reader.varint(), highest);
    EXPECT_TRUE(reader.finished());
    // What is behind it does not count, whatever it is.
    for (const std::string behind : {"a", "\x85\x06", "\xff\xff\xff", "abcdefghijk"}) {
      const std::string more = out + behind;
      Reader longer(more);
      EXPECT_EQ(longer.varint(), highest) << bits;
      EXPECT_EQ(longer.left(), behind.size());
    }
    // Cut off anywhere it is none.
    for (std::size_t cut = 0; cut < length; ++cut) {
      Reader shorter(std::string_view(out).substr(0, cut));
      EXPECT_EQ(shorter.varint(), 0u);
      EXPECT_FALSE(shorter.ok());
      EXPECT_EQ(shorter.left(), 0u);
    }
  }
}

TEST(Codec, AVarintMayBeLongerThanItsNumberNeeds) {
  Reader reader(std::string_view("\x85\x00\x80\x80\x00", 5));
  EXPECT_EQ(reader.varint(), 5u);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_TRUE(reader.finished());
}

TEST(Codec, AVarintOfMoreThan64BitsIsRefused) {
  std::string one_too_many(9, '\xff');
  one_too_many += '\x02';
  Reader tenth(one_too_many);
  EXPECT_EQ(tenth.varint(), 0u);
  EXPECT_FALSE(tenth.ok());
  const std::string bytes(11, '\xff');
  Reader reader(bytes);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace holdfast
