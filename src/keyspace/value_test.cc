#include "keyspace/value.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace holdfast::keyspace {
namespace {

TEST(Value, CanonicalIntegersAreKeptAsNumbers) {
  for (const char* text : {"0", "42", "-7", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_TRUE(ValueView::string(text).is_integer()) << text;
    EXPECT_EQ(ValueView::string(text).to_string(), text);
    EXPECT_EQ(ValueView::string(text).encoding(), "int");
    EXPECT_EQ(ValueView::string(text).length(), std::string_view(text).size());
  }
}

TEST(Value, OtherTextStaysText) {
  for (const char* text : {"", "-", "-0", "042", "+1", " 1", "1 ", "1.0", "9223372036854775808",
                           "-9223372036854775809", "00000000000000000000001"}) {
    EXPECT_FALSE(ValueView::string(text).is_integer()) << text;
    EXPECT_EQ(ValueView::string(text).to_string(), text);
  }
  EXPECT_FALSE(ValueView::string(std::string_view("1\0", 2)).is_integer());
}

TEST(Value, EncodingIsEmbeddedUpTo44BytesAndRawAfterAnEdit) {
  const std::string embedded(44, 'x');
  const std::string longer(45, 'x');
  EXPECT_EQ(ValueView::string(embedded).encoding(), "embstr");
  EXPECT_EQ(ValueView::string(longer).encoding(), "raw");
  const ValueView edited = ValueView::raw("123");
  EXPECT_EQ(edited.to_string(), "123");
  EXPECT_EQ(edited.encoding(), "raw");
  EXPECT_FALSE(edited.is_integer());
  EXPECT_NE(edited, ValueView::string("123"));
  EXPECT_EQ(ValueView::string("123"), ValueView::integer(123));
}

TEST(Value, AnOwnedOneIsWhatItWasMadeOf) {
  for (const ValueView view : {ValueView::integer(-7), ValueView::string("text"),
                               ValueView::raw("12"), ValueView::raw("")}) {
    EXPECT_EQ(Value(view).view(), view);
  }
  EXPECT_EQ(Value::raw("12").view(), ValueView::raw("12"));
  EXPECT_EQ(Value().view(), ValueView::integer(0));
  EXPECT_EQ(Value::integer(5).memory(), 0u);
  EXPECT_GE(Value::string(std::string(1000, 'x')).memory(), 1000u);
}

}  // namespace
}  // namespace holdfast::keyspace
