// What tests expect a checker to say of a story.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace holdfast::workload {

inline testing::AssertionResult has_objection(const std::string& said, std::string_view text) {
  if (said.find(text) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << (said.empty() ? "there is no objection" : said);
}

inline testing::AssertionResult has_no_objection(const std::string& said) {
  if (said.empty()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << said;
}

}  // namespace holdfast::workload

// `said`: the explanation of a verdict, "" if there is none.
#define EXPECT_OBJECTION(said, text) EXPECT_TRUE(has_objection(said, text))
#define EXPECT_NO_OBJECTION(said) EXPECT_TRUE(has_no_objection(said))
