#include "keyspace/object.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>

#include "base/prng.h"

namespace holdfast::keyspace {
namespace {

// As a table does it.
void settle(Object::Pointer& object, Object::Pointer replacement) {
  if (replacement != nullptr) object = std::move(replacement);
}

TEST(Object, ASmallKeyIsOnePieceAndWastesNothing) {
  const std::string name(16, 'k');
  EXPECT_EQ(Object::make(name, ValueView::plain(std::string(32, 'v')), 1)->memory(), 80u);
  EXPECT_EQ(Object::make(name, ValueView::integer(7), 1)->memory(), 64u);
}

TEST(Object, EditsKeepTheirMemoryButGiveBackMuchOfIt) {
  auto object = Object::make("k", ValueView::plain(std::string(1000, 'x')), 1);
  const std::size_t before = object->memory();
  EXPECT_EQ(object->assign(ValueView::plain(std::string(900, 'y'))), nullptr);
  EXPECT_EQ(object->memory(), before);
  settle(object, object->assign(ValueView::plain(std::string(300, 'y'))));
  EXPECT_LT(object->memory(), 500u);
  settle(object, object->assign(ValueView::plain("short")));
  EXPECT_EQ(object->memory(), 48u);
  settle(object, object->assign(ValueView::plain(std::string(200, 'z'))));
  const std::size_t here = object->memory();
  EXPECT_EQ(object->assign(ValueView::plain(std::string(100, 'z'))), nullptr);
  EXPECT_EQ(object->memory(), here);
  settle(object, object->assign(ValueView::plain("short")));
  EXPECT_EQ(object->memory(), 48u);
}

TEST(Object, TextAndIntegersFollowEachOtherInPlace) {
  const auto object = Object::make("counter", ValueView::integer(1), 1);
  EXPECT_EQ(object->assign(ValueView::integer(INT64_MIN)), nullptr);
  EXPECT_EQ(object->value(), ValueView::integer(INT64_MIN));
  EXPECT_EQ(object->assign(ValueView::plain("text")), nullptr);
  EXPECT_EQ(object->value(), ValueView::plain("text"));
  EXPECT_EQ(object->assign(ValueView::raw("")), nullptr);
  EXPECT_EQ(object->value(), ValueView::raw(""));
  EXPECT_EQ(object->assign(ValueView::integer(2)), nullptr);
  EXPECT_EQ(object->value(), ValueView::integer(2));
}

TEST(Object, TheEndingKeepsItsAddress) {
  auto object = Object::make("k", ValueView::integer(1), 5);
  EXPECT_EQ(object->ending(), nullptr);
  EXPECT_FALSE(object->due(ClusterTime::never()));
  settle(object, object->set_expiry({ClusterTime{10}, {11}}));
  const Ending* const ending = object->ending();
  ASSERT_NE(ending, nullptr);
  for (const std::size_t length : {1000u, 3u, 200u, 240u, 241u, 0u}) {
    settle(object, object->assign(ValueView::plain(std::string(length, 'x'))));
    EXPECT_EQ(object->value().length(), length);
    EXPECT_EQ(object->ending(), ending);
    EXPECT_EQ(ending->object, object.get());
  }
  EXPECT_EQ(object->bind({3, 4}), nullptr);
  EXPECT_EQ(object->set_expiry({}), nullptr);
  EXPECT_EQ(object->ending(), ending) << "it ends with its session";
  EXPECT_EQ(object->binding()->session, 3u);
  EXPECT_FALSE(object->expiry().set());
  EXPECT_EQ(object->created(), 5u);
}

TEST(Object, WhatIsTakenOutIsWhatWasPutIn) {
  for (const std::size_t length : {0u, 5u, 240u, 241u, 5000u}) {
    const std::string text(length, 'x');
    for (const ValueView value : {ValueView::plain(text), ValueView::raw(text)}) {
      EXPECT_EQ(Object::make("k", value, 1)->take_value().view(), value);
      EXPECT_EQ(Object::make("k", value, 1)->take_text(), text);
    }
  }
  EXPECT_EQ(Object::make("k", ValueView::integer(-3), 1)->take_value().view(), ValueView::integer(-3));
  EXPECT_EQ(Object::make("k", ValueView::integer(-3), 1)->take_text(), "-3");
}

TEST(Object, AnyValueFollowsAnyOther) {
  Prng random(1);
  const std::string name = "a name";
  int overwritten = 0;
  for (int round = 0; round < 200; ++round) {
    auto object = Object::make(name, ValueView::integer(0), 1);
    std::string text;
    for (int step = 0; step < 50; ++step) {
      if (random.below(5) == 0) {
        const bool expires = random.below(2) == 0;
        settle(object, object->set_expiry(expires ? Expiry{ClusterTime{step}, {step}} : Expiry{}));
        EXPECT_EQ(object->expiry().set(), expires);
      }
      const std::uint64_t kind = random.below(4);
      text.assign(random.below(kind == 0 ? 600 : 60), static_cast<char>('a' + step % 26));
      const ValueView value = kind == 1   ? ValueView::integer(step)
                              : kind == 2 ? ValueView::raw(text)
                                          : ValueView::plain(text);
      std::string owned = text;
      const bool gives = random.below(2) == 0 && kind == 2;
      const std::size_t memory = object->memory();
      if (!gives && random.below(2) == 0 && object->overwrite(value)) {
        ASSERT_EQ(object->memory(), memory);
        ++overwritten;
      } else {
        settle(object, object->assign(gives ? ValueView::raw(owned) : value, gives ? &owned : nullptr));
      }
      ASSERT_EQ(object->value(), value) << round << " " << step;
      ASSERT_EQ(object->name(), name);
    }
  }
  EXPECT_GT(overwritten, 1000);
}

TEST(Object, WhatDoesNotFitIsNotOverwritten) {
  const auto object = Object::make("k", ValueView::plain("short"), 1);
  EXPECT_FALSE(object->overwrite(ValueView::plain(std::string(100, 'x'))));
  EXPECT_EQ(object->value(), ValueView::plain("short"));
  EXPECT_TRUE(object->overwrite(ValueView::integer(7)));
  EXPECT_EQ(object->value(), ValueView::integer(7));
  const auto outside = Object::make("k", ValueView::plain(std::string(1000, 'x')), 1);
  EXPECT_FALSE(outside->overwrite(ValueView::plain(std::string(1000, 'y')))) << "a snapshot may have it";
  EXPECT_FALSE(outside->overwrite(ValueView::integer(7)));
  EXPECT_EQ(outside->value(), ValueView::plain(std::string(1000, 'x')));
}

}  // namespace
}  // namespace holdfast::keyspace
