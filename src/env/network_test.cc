#include "env/network.h"

#include <gtest/gtest.h>

namespace holdfast::env {
namespace {

TEST(Address, ReadsHostAndPort) {
  EXPECT_EQ(*Address::parse("127.0.0.1:7379"), (Address{"127.0.0.1", 7379}));
  EXPECT_EQ(*Address::parse("[::1]:80"), (Address{"::1", 80}));
  EXPECT_EQ(Address::parse("[::1]:80")->text(), "[::1]:80");
  EXPECT_EQ(Address::parse("db.example:1")->text(), "db.example:1");
}

TEST(Address, RefusesWhatIsNone) {
  for (const char* text : {"", "host", ":1", "host:", "host:70000", "host:1x", "::1:5", "[]:5"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
}

TEST(Address, KnowsLoopback) {
  EXPECT_TRUE((Address{"127.3.2.1", 1}).is_loopback());
  EXPECT_TRUE((Address{"::1", 1}).is_loopback());
  EXPECT_FALSE((Address{"10.0.0.1", 1}).is_loopback());
}

}  // namespace
}  // namespace holdfast::env
