#include "commands/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::commands {
namespace {

TEST(Glob, MatchesAsRedisDoes) {
  for (const auto& [pattern, text] : {std::pair{"*", ""},
                                      {"*", "anything"},
                                      {"", ""},
                                      {"a*c", "abbbc"},
                                      {"a*c", "ac"},
                                      {"h?llo", "hallo"},
                                      {"h[ae]llo", "hello"},
                                      {"h[^e]llo", "hallo"},
                                      {"h[a-c]llo", "hbllo"},
                                      {"h[c-a]llo", "hbllo"},
                                      {"h\\?llo", "h?llo"},
                                      {"[\\]]", "]"},
                                      {"[a", "a"},
                                      {"a\\", "a\\"},
                                      {"*a*b*", "xaxbx"},
                                      {"**", "x"},
                                      {"[^]x]", "ax]"},
                                      {"a[-]c", "a-c"}}) {
    EXPECT_TRUE(glob_matches(pattern, text)) << pattern << " " << text;
  }
  for (const auto& [pattern, text] : {std::pair{"", "a"},
                                      {"a", ""},
                                      {"a*c", "abd"},
                                      {"h?llo", "hllo"},
                                      {"h[^e]llo", "hello"},
                                      {"h[a-c]llo", "hdllo"},
                                      {"h\\?llo", "hallo"},
                                      {"A", "a"},
                                      {"[]", "x"},
                                      {"a*", "ba"},
                                      {"?", ""}}) {
    EXPECT_FALSE(glob_matches(pattern, text)) << pattern << " " << text;
  }
  EXPECT_TRUE(glob_matches("M[a-C]x*", "mbXyz", Case::ignored));
}

TEST(Glob, TakesTimeInProportionToPatternAndText) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(20'000, 'a')));
}

}  // namespace
}  // namespace holdfast::commands
