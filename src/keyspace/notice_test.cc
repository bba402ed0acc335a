#include "keyspace/notice.h"

#include <gtest/gtest.h>

#include "keyspace/keyspace.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

constexpr std::uint8_t kAll = 7;
constexpr Key kDoor{"door", Slot(3)};

Origin origin(std::uint64_t connection) {
  return {NodeId(1), Incarnation(1), ConnectionId(connection), 1};
}

// "granted door a 1", "lost door a 1 expired": what happened since the last call.
std::vector<std::string> told(Keyspace& keyspace) {
  std::vector<std::string> lines;
  for (const Notice& notice : keyspace.notices().take()) {
    switch (notice.kind) {
      case NoticeKind::granted:
        lines.push_back("granted " + notice.owner + (notice.again ? " again" : "") + " to " +
                        std::to_string(notice.origin.connection.value));
        break;
      case NoticeKind::released:
        lines.push_back("released " + notice.owner);
        break;
      case NoticeKind::lost:
        lines.push_back("lost " + notice.owner + " " + std::string(name_of(notice.loss)));
        break;
      case NoticeKind::key:
        lines.push_back(std::string(notice.event) + " " + notice.name);
        break;
      case NoticeKind::setting:
        lines.push_back("setting " + notice.name + "=" + notice.value);
        break;
      case NoticeKind::membership:
        lines.push_back("membership " + notice.value);
        break;
    }
  }
  return lines;
}

using Lines = std::vector<std::string>;

class NoticeTest : public ::testing::Test {
 protected:
  AcquireResult acquire(std::string_view owner, std::int64_t wait_ms, std::uint64_t connection) {
    AcquireRequest request;
    request.owner = owner;
    request.ttl_ms = 1000;
    request.wait_ms = wait_ms;
    request.origin = origin(connection);
    return keyspace.locks().acquire(kDoor, request, now, Index(1));
  }
  void pass(std::int64_t ms) {
    now = now.plus_ms(ms);
    keyspace.expire_due(now, 100);
  }

  Keyspace keyspace{1};
  ClusterTime now{1000};
};

TEST_F(NoticeTest, AHoldingIsToldFromItsBeginningToItsEnd) {
  keyspace.notices().want(kAll);
  const std::uint64_t token = acquire("a", 0, 1).grant.token;
  acquire("a", 0, 2);
  acquire("b", 5000, 3);
  EXPECT_EQ(told(keyspace), (Lines{"granted a to 1", "granted a again to 2"}));
  keyspace.locks().release(kDoor, token, now);
  EXPECT_EQ(told(keyspace), (Lines{"released a", "granted b to 3"}));
  pass(1001);
  EXPECT_EQ(told(keyspace), (Lines{"lost b expired"}));
}

TEST_F(NoticeTest, AGrantThatNobodyAttendsIsLostAsWithdrawn) {
  keyspace.notices().want(kAll);
  const std::uint64_t token = acquire("a", 0, 1).grant.token;
  acquire("b", 5000, 3);
  keyspace.locks().release(kDoor, token, now);
  told(keyspace);
  EXPECT_TRUE(keyspace.locks().drop_waiter(kDoor, origin(3), now));
  EXPECT_EQ(told(keyspace), (Lines{"lost b withdrawn"}));
}

TEST_F(NoticeTest, WhatEndsBeyondTheBoundOfAnEntryIsToldWhenACommandMeetsIt) {
  keyspace.notices().want(kAll);
  acquire("a", 0, 1);
  told(keyspace);
  now = now.plus_ms(2000);
  acquire("b", 0, 2);
  EXPECT_EQ(told(keyspace), (Lines{"lost a expired", "granted b to 2"}));
}

TEST_F(NoticeTest, ARestoredBackupWithdrawsWhatWasHeld) {
  keyspace.notices().want(kAll);
  acquire("a", 0, 1);
  told(keyspace);
  EXPECT_TRUE(keyspace.clear_coordination(100));
  EXPECT_EQ(told(keyspace), (Lines{"lost a withdrawn"}));
}

TEST_F(NoticeTest, KeysAndSettings) {
  keyspace.notices().want(kAll);
  const Key key{"k", Slot(1)};
  keyspace.put_text(key, "1");
  keyspace.put_text(key, "2");
  keyspace.set_expiry(key, {now.plus_ms(10), {}});
  keyspace.set_setting("s", "v");
  pass(11);
  EXPECT_EQ(told(keyspace), (Lines{"new k", "setting s=v", "expired k"}));
}

TEST_F(NoticeTest, OnlyWhatIsWantedIsMade) {
  keyspace.notices().want(static_cast<std::uint8_t>(Topic::holdings));
  keyspace.put_text({"k", Slot(1)}, "1");
  keyspace.set_setting("s", "v");
  acquire("a", 0, 1);
  EXPECT_EQ(told(keyspace), (Lines{"granted a to 1"}));
}

TEST_F(NoticeTest, WithNobodyListeningNothingIsGatheredAndNoMemoryTaken) {
  for (int i = 0; i < 1000; ++i) {
    keyspace.put_text({"k" + std::to_string(i), Slot(1)}, "1");
    const std::uint64_t token = acquire("a", 0, 1).grant.token;
    keyspace.locks().release(kDoor, token, now);
    keyspace.set_setting("s", "v");
    pass(1);
  }
  EXPECT_TRUE(keyspace.notices().empty());
  EXPECT_EQ(keyspace.notices().take().capacity(), 0u) << "it never held anything";
}

TEST_F(NoticeTest, ListeningIsNoPartOfTheState) {
  Keyspace deaf{2};
  keyspace.notices().want(kAll);
  for (Keyspace* one : {&keyspace, &deaf}) {
    one->put_text({"k", Slot(1)}, "1");
    AcquireRequest request;
    request.owner = "a";
    request.ttl_ms = 1000;
    request.origin = origin(1);
    one->locks().acquire(kDoor, request, now, Index(1));
    one->set_setting("s", "v");
    one->expire_due(now.plus_ms(2000), 10);
  }
  EXPECT_EQ(keyspace.digest(), deaf.digest());
  EXPECT_EQ(keyspace.revision(), deaf.revision());
}

}  // namespace
}  // namespace holdfast::keyspace
