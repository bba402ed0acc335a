#include "workload/history_json.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace holdfast::workload {
namespace {

constexpr std::string_view kLine =
    R"({"client":1,"connection":2,"place":3,"op":"cas","key":"k\"\\","arg":"a b","ret":"\u00ff\u0000",)"
    R"("call_ns":-5,"return_ns":9223372036854775807,"ended":"unknown"})";

TEST(HistoryJson, ReadsAndWritesALine) {
  const auto history = read_json_lines(kLine);
  ASSERT_TRUE(history.ok()) << history.error().message;
  ASSERT_EQ(history->size(), 1U);
  const Operation expected{.client = 1,
                           .connection = 2,
                           .place = 3,
                           .op = Op::cas,
                           .key = "k\"\\",
                           .arg = "a b",
                           .ret = std::string("\xff\0", 2),
                           .call_ns = -5,
                           .return_ns = INT64_MAX,
                           .ended = Ended::unknown};
  EXPECT_EQ(history->front(), expected);
  EXPECT_EQ(to_json_line(expected), std::string(kLine) + "\n");
}

TEST(HistoryJson, EveryByteAndEveryKindComesBack) {
  Prng prng(7);
  History history;
  const auto bytes = [&] {
    std::string text;
    for (auto i = prng.below(40); i > 0; --i) text += static_cast<char>(prng.below(256));
    return text;
  };
  for (std::size_t i = 0; i < 300; ++i) {
    Operation operation;
    operation.client = static_cast<std::uint32_t>(prng.next());
    operation.connection = static_cast<std::uint32_t>(prng.next());
    operation.place = i % 7 == 0 ? kNoPlace : static_cast<std::uint32_t>(i);
    operation.op = static_cast<Op>(i % kOps);
    operation.ended = static_cast<Ended>(i % 3);
    operation.key = bytes();
    operation.arg = bytes();
    operation.ret = bytes();
    operation.call_ns = static_cast<std::int64_t>(prng.next());
    operation.return_ns = static_cast<std::int64_t>(prng.next());
    history.push_back(operation);
  }
  const auto again = read_json_lines(to_json_lines(history));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(*again == history);
}

TEST(HistoryJson, TakesOrderAndSpacesAsOthersWriteThem) {
  const auto history = read_json_lines(
      "\r\n  { \"ended\" : \"ok\", \"op\":\"read\",\"key\":\"\\/\\n\", \"arg\":\"\",\"ret\":\"\","
      "\"place\":0,\"client\":0 ,\"connection\":0,\"return_ns\":2,\"call_ns\":1 } \r\n\n");
  ASSERT_TRUE(history.ok()) << history.error().message;
  ASSERT_EQ(history->size(), 1U);
  EXPECT_EQ(history->front().key, "/\n");
  EXPECT_EQ(history->front().ended, Ended::ok);
}

// Replaces a part of a good second line and expects an error that names the line and the reason.
void expect_error(std::string_view part, std::string_view by, std::string_view why) {
  std::string line(kLine);
  const std::size_t at = line.find(part);
  ASSERT_NE(at, std::string::npos) << part;
  line.replace(at, part.size(), by);
  const auto history = read_json_lines(std::string(kLine) + "\n" + line + "\n");
  ASSERT_FALSE(history.ok()) << line;
  EXPECT_NE(history.error().message.find("line 2 of the history"), std::string::npos);
  EXPECT_NE(history.error().message.find(why), std::string::npos) << history.error().message;
}

TEST(HistoryJson, RefusesWhatItDoesNotWrite) {
  expect_error("{", "[", "begins with {");
  expect_error("\"unknown\"}", "\"unknown\"", "ends with }");
  expect_error("\"unknown\"}", "\"unknown\"} x", "ends with }");
  expect_error("\"client\":1,", "", "missing");
  expect_error("\"client\":1", "\"client\":1,\"client\":1", "twice");
  expect_error("\"client\":1", "\"custom\":1", "no field 'custom'");
  expect_error("\"client\":1", "client:1", "\"name\":value");
  expect_error("\"client\":1", "\"client\":4294967296", "out of range");
  expect_error("\"client\":1", "\"client\":-1", "out of range");
  expect_error("\"client\":1", "\"client\":1.5", "ends with }");
  expect_error("\"client\":1", "\"client\":\"1\"", "no number");
  expect_error("9223372036854775807", "9223372036854775808", "no number");
  expect_error("\"cas\"", "\"swap\"", "no op 'swap'");
  expect_error("\"unknown\"", "\"info\"", "nothing ends as 'info'");
  expect_error("a b", "a\tb", "no text");
  expect_error("a b", "a\xc3\xa4", "no text");
  expect_error("a b", "\\x", "no text");
  expect_error("a b", "\\u0100", "no text");
  expect_error("a b", "\\u00g0", "no text");
}

TEST(HistoryJson, KeepsItsLimits) {
  const std::string two = std::string(kLine) + "\n" + std::string(kLine);
  EXPECT_TRUE(read_json_lines(two, {.operations = 2, .line_bytes = kLine.size()}).ok());
  EXPECT_FALSE(read_json_lines(two, {.operations = 1}).ok());
  EXPECT_FALSE(read_json_lines(two, {.line_bytes = kLine.size() - 1}).ok());
}

}  // namespace
}  // namespace holdfast::workload
