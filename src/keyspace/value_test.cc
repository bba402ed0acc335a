#include "keyspace/value.h"

#include <gtest/gtest.h>

#include <limits>

namespace holdfast::keyspace {
namespace {

TEST(Value, CanonicalIntegersAreKeptAsNumbers) {
  for (const char* text : {"0", "42", "-7", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_TRUE(Value::string(text).is_integer()) << text;
    EXPECT_EQ(Value::string(text).to_string(), text);
    EXPECT_EQ(Value::string(text).encoding(), "int");
    EXPECT_EQ(Value::string(text).length(), std::string_view(text).size());
  }
}

TEST(Value, OtherTextStaysText) {
  for (const char* text : {"", "-", "-0", "042", "+1", " 1", "1 ", "1.0", "9223372036854775808",
                           "-9223372036854775809", "00000000000000000000001"}) {
    EXPECT_FALSE(Value::string(text).is_integer()) << text;
    EXPECT_EQ(Value::string(text).to_string(), text);
  }
  EXPECT_FALSE(Value::string(std::string("1\0", 2)).is_integer());
}

TEST(Value, EncodingIsEmbeddedUpTo44BytesAndRawAfterAnEdit) {
  EXPECT_EQ(Value::string(std::string(44, 'x')).encoding(), "embstr");
  EXPECT_EQ(Value::string(std::string(45, 'x')).encoding(), "raw");
  Value value = Value::string("12");
  value.edit() += "3";
  EXPECT_EQ(value.to_string(), "123");
  EXPECT_EQ(value.encoding(), "raw");
  EXPECT_FALSE(value.is_integer());
  value.assign("123");
  EXPECT_EQ(value, Value::integer(123));
}

TEST(Value, OverwritingReusesMemoryButGivesBackMuchOfIt) {
  Value value = Value::string(std::string(1000, 'x'));
  const std::size_t before = value.memory();
  value.assign(std::string(900, 'y'));
  EXPECT_EQ(value.memory(), before);
  value.assign("short");
  EXPECT_EQ(value.memory(), 0u);
}

}  // namespace
}  // namespace holdfast::keyspace
