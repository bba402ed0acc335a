#include "base/mutation.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace holdfast {
namespace {

TEST(Mutation, EachHasANameOfItsOwnAndSaysWhatItBreaks) {
  std::set<std::string_view> names;
  for (const MutationInfo& one : all_mutations()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_FALSE(one.breaks.empty()) << one.name;
  }
  EXPECT_GE(names.size(), 25u);
}

TEST(Mutation, NoneIsChosenUnlessAskedFor) {
  for (const MutationInfo& one : all_mutations()) EXPECT_FALSE(mutated(one.mutation)) << one.name;
}

TEST(Mutation, AnUnknownNameIsRefused) {
  const auto chosen = mutate("no_such_mutation");
  ASSERT_FALSE(chosen.ok());
  EXPECT_NE(chosen.error().message.find("no_such_mutation"), std::string::npos);
}

#ifdef HOLDFAST_MUTATIONS

TEST(Mutation, TheChosenOneAndNoOtherIsInForce) {
  for (const MutationInfo& chosen : all_mutations()) {
    ASSERT_TRUE(mutate(chosen.name).ok());
    for (const MutationInfo& one : all_mutations()) {
      EXPECT_EQ(mutated(one.mutation), one.mutation == chosen.mutation) << one.name;
    }
  }
  chosen_mutation = Mutation::none;
}

#else

TEST(Mutation, AUsualBuildHasNone) {
  for (const MutationInfo& one : all_mutations()) EXPECT_FALSE(mutate(one.name).ok()) << one.name;
  static_assert(!mutated(Mutation::minority_commits));
}

#endif

}  // namespace
}  // namespace holdfast
