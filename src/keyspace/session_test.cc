// Sessions and the keys that end with them.
#include "keyspace/session.h"

#include <gtest/gtest.h>

#include "keyspace/state.h"
#include "keyspace/test_tools.h"

namespace holdfast::keyspace {
namespace {

constexpr ClusterTime kNow{1000};

std::uint64_t opened(Keyspace& keyspace, std::int64_t ttl_ms = 500) {
  const auto id = keyspace.sessions().open(ttl_ms, "worker", kNow);
  EXPECT_TRUE(id.has_value());
  return id.value_or(0);
}

void set(Keyspace& keyspace, std::string_view name) {
  keyspace.put(key_named(name), Value::integer(1));
}

BindOutcome bound_by(Keyspace& keyspace, std::uint64_t id, std::string_view name) {
  const Key key = key_named(name);
  return keyspace.sessions().bind(id, {&key, 1}).outcome;
}

// Whether nothing was left over.
bool end(Keyspace& keyspace, std::uint64_t id, std::size_t bound) {
  keyspace.sessions().end(id, bound, kNow);
  return !keyspace.sessions().info(id).has_value();
}

}  // namespace

TEST(Sessions, AnIdIsARevisionAndSoNeverUsedAgain) {
  Keyspace keyspace(1);
  set(keyspace, "k");
  const std::uint64_t first = opened(keyspace);
  EXPECT_EQ(first, keyspace.revision());
  const auto info = keyspace.sessions().info(first);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->name, "worker");
  EXPECT_EQ(info->ttl_ms, 500);
  EXPECT_EQ(info->opened, kNow);
  EXPECT_TRUE(end(keyspace, first, 10));
  EXPECT_EQ(keyspace.sessions().size(), 0u);
  EXPECT_GT(opened(keyspace), first);
  EXPECT_FALSE(keyspace.sessions().info(first).has_value());
}

TEST(Sessions, BoundKeysGoWithTheirSessionAndOthersStay) {
  Keyspace keyspace(1);
  const std::uint64_t id = opened(keyspace);
  for (const char* name : {"a", "b", "c"}) set(keyspace, name);
  EXPECT_EQ(bound_by(keyspace, id, "c"), BindOutcome::bound);
  EXPECT_EQ(bound_by(keyspace, id, "a"), BindOutcome::bound);
  EXPECT_EQ(keyspace.sessions().keys_of(id, 10), (std::vector<std::string_view>{"c", "a"}));
  EXPECT_EQ(keyspace.sessions().session_of(key_named("a")), id);
  EXPECT_TRUE(end(keyspace, id, 10));
  EXPECT_EQ(keyspace.size(), 1u);
  EXPECT_NE(keyspace.find(key_named("b")), nullptr);
}

TEST(Sessions, ABindingBelongsToTheKeyAsLongAsItExists) {
  Keyspace keyspace(1);
  const std::uint64_t id = opened(keyspace);
  set(keyspace, "written");
  set(keyspace, "deleted");
  bound_by(keyspace, id, "written");
  bound_by(keyspace, id, "deleted");
  keyspace.put_text(key_named("written"), "by another");
  keyspace.erase(key_named("deleted"));
  EXPECT_EQ(keyspace.sessions().info(id)->keys, 1u);
  set(keyspace, "deleted");
  EXPECT_TRUE(end(keyspace, id, 10));
  EXPECT_EQ(keyspace.find(key_named("written")), nullptr);
  EXPECT_NE(keyspace.find(key_named("deleted")), nullptr) << "another key of that name";
}

TEST(Sessions, KeysThatExpireOrAreFlushedLeaveTheirSession) {
  Keyspace keyspace(1);
  const std::size_t before = keyspace.memory();
  const std::uint64_t id = opened(keyspace);
  const std::size_t alone = keyspace.memory();
  set(keyspace, "expires");
  set(keyspace, "flushed");
  bound_by(keyspace, id, "expires");
  bound_by(keyspace, id, "flushed");
  keyspace.set_expiry(key_named("expires"), {kNow, {}});
  keyspace.expire_due(ClusterTime{2000}, 10);
  EXPECT_EQ(keyspace.sessions().info(id)->keys, 1u);
  keyspace.clear();
  EXPECT_EQ(keyspace.sessions().info(id)->keys, 0u);
  EXPECT_EQ(keyspace.memory(), alone);
  EXPECT_TRUE(end(keyspace, id, 10));
  EXPECT_EQ(keyspace.memory(), before);
}

TEST(Sessions, BindingIsForAllKeysOrNone) {
  Keyspace keyspace(1);
  const std::uint64_t mine = opened(keyspace);
  const std::uint64_t other = opened(keyspace);
  set(keyspace, "a");
  set(keyspace, "b");
  EXPECT_EQ(bound_by(keyspace, other, "b"), BindOutcome::bound);
  const std::uint64_t digest = keyspace.digest();
  const Key of_others[] = {key_named("a"), key_named("b")};
  const auto refused = keyspace.sessions().bind(mine, of_others);
  EXPECT_EQ(refused.outcome, BindOutcome::others);
  EXPECT_EQ(refused.at, 1u);
  EXPECT_EQ(refused.other, other);
  const Key missing[] = {key_named("a"), key_named("nowhere")};
  EXPECT_EQ(keyspace.sessions().bind(mine, missing).outcome, BindOutcome::no_key);
  EXPECT_EQ(bound_by(keyspace, mine + 1000, "a"), BindOutcome::no_session);
  EXPECT_EQ(keyspace.digest(), digest);
  const Key twice[] = {key_named("a"), key_named("a")};
  EXPECT_EQ(keyspace.sessions().bind(mine, twice).fresh, 1u);
  EXPECT_EQ(keyspace.sessions().bind(mine, twice).fresh, 0u);
}

TEST(Sessions, MuchThatIsBoundEndsInSteps) {
  Keyspace keyspace(1);
  const std::uint64_t id = opened(keyspace);
  for (int i = 0; i < 25; ++i) {
    set(keyspace, fmt::format("k{}", i));
    bound_by(keyspace, id, fmt::format("k{}", i));
  }
  EXPECT_FALSE(end(keyspace, id, 10));
  EXPECT_TRUE(keyspace.sessions().info(id)->ending);
  EXPECT_FALSE(keyspace.sessions().lives(id));
  EXPECT_EQ(keyspace.size(), 16u) << "one of the ten is the session's own";
  EXPECT_EQ(keyspace.sessions().ending(5), std::vector<std::uint64_t>{id});
  set(keyspace, "late");
  EXPECT_EQ(bound_by(keyspace, id, "late"), BindOutcome::no_session);
  EXPECT_FALSE(end(keyspace, id, 10));
  EXPECT_TRUE(end(keyspace, id, 10));
  EXPECT_EQ(keyspace.size(), 1u);
  EXPECT_FALSE(keyspace.sessions().any_ending());
}

TEST(Sessions, ASnapshotKeepsThemAndTheOrderInWhichKeysEnd) {
  Keyspace keyspace(1);
  const std::uint64_t id = opened(keyspace);
  const std::uint64_t ending = opened(keyspace);
  for (int i = 0; i < 40; ++i) {
    set(keyspace, fmt::format("k{}", i));
    bound_by(keyspace, i % 2 == 0 ? id : ending, fmt::format("k{}", 39 - i));
    bound_by(keyspace, i % 2 == 0 ? id : ending, fmt::format("k{}", i));
  }
  EXPECT_FALSE(end(keyspace, ending, 5));
  Keyspace copy(2);
  load(copy, snapshot_of(keyspace, 100));
  EXPECT_EQ(copy.digest(), keyspace.digest());
  EXPECT_EQ(copy.memory(), keyspace.memory());
  EXPECT_EQ(copy.sessions().keys_of(id, 100), keyspace.sessions().keys_of(id, 100));
  EXPECT_EQ(copy.sessions().ending(5), std::vector<std::uint64_t>{ending});
  EXPECT_TRUE(copy.sessions().take_changes().empty());
  EXPECT_EQ(end(keyspace, id, 7), end(copy, id, 7));
  EXPECT_EQ(copy.digest(), keyspace.digest());
}

TEST(Sessions, AKeyOfASessionThatIsNotThereCannotBeLoaded) {
  Keyspace keyspace(1);
  const std::uint64_t id = opened(keyspace);
  set(keyspace, "a");
  bound_by(keyspace, id, "a");
  Core core(1);
  core.revision = keyspace.revision();
  Object::Pointer loose = Object::make("a", ValueView::integer(1), id)->bind({id, id});
  const Object& object = core.add(Slot(3), std::move(loose), core.hash_of("a"));
  core.unbound.emplace_back(object.ending(), Slot(3));
  EXPECT_FALSE(bind_loaded_keys(core));
}

TEST(Sessions, ABackupsSessionsHaveEndedAndTheirKeysWithThem) {
  Keyspace source(1);
  const std::uint64_t id = opened(source);
  set(source, "bound");
  set(source, "free");
  bound_by(source, id, "bound");
  Keyspace target(2);
  const std::uint64_t before = opened(target);
  std::size_t rounds = 1;
  while (!target.clear_coordination(10)) ++rounds;
  EXPECT_EQ(rounds, 1u);
  EXPECT_FALSE(target.sessions().info(before).has_value());
  target.lift_revision(source.revision());
  const std::size_t empty = target.memory();
  for (const std::string& chunk : snapshot_of(source, 100)) {
    const auto restored = target.restore_chunk(chunk, {});
    ASSERT_TRUE(restored.ok()) << restored.error().message;
  }
  EXPECT_EQ(target.sessions().size(), 0u);
  EXPECT_EQ(target.size(), 1u);
  EXPECT_NE(target.find(key_named("free")), nullptr);
  target.clear();
  EXPECT_EQ(target.memory(), empty);
}

TEST(Sessions, AWalkSeesAllThatStay) {
  Keyspace keyspace(1);
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(opened(keyspace));
  std::size_t seen = 0;
  std::uint64_t cursor = 0;
  do {
    cursor = keyspace.sessions().scan(cursor, 7, [&](const SessionInfo&) { ++seen; });
    if (seen == 70) {
      EXPECT_TRUE(end(keyspace, ids[1], 1)) << "it was seen already";
    }
  } while (cursor != 0);
  EXPECT_GE(seen, 299u);
  EXPECT_EQ(keyspace.sessions().scan(kRevisionLimit, 7, [](const SessionInfo&) { FAIL(); }), 0u);
}

TEST(Sessions, WhoCountsTheirTimeIsToldWhatCameAndWent) {
  Keyspace keyspace(1);
  const std::uint64_t id = opened(keyspace, 700);
  end(keyspace, id, 1);
  EXPECT_TRUE(keyspace.anything_to_tell());
  const auto changes = keyspace.sessions().take_changes();
  EXPECT_FALSE(keyspace.anything_to_tell());
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_FALSE(changes[0].gone);
  EXPECT_EQ(changes[0].ttl_ms, 700);
  EXPECT_TRUE(changes[1].gone);
  EXPECT_EQ(changes[1].id, id);
  EXPECT_TRUE(keyspace.sessions().take_changes().empty());
}

TEST(Sessions, WhoOpenedOneIsToldOfItsEnd) {
  Keyspace keyspace(1);
  keyspace.notices().want(static_cast<std::uint8_t>(Topic::holdings));
  const Origin origin = origin_of(1, 2, 3, 4);
  const std::uint64_t id = keyspace.sessions().open(500, "worker", kNow, origin).value();
  const std::uint64_t closed = keyspace.sessions().open(500, "worker", kNow, origin).value();
  std::size_t bound = 10;
  keyspace.sessions().end(id, bound, kNow);
  keyspace.sessions().end(closed, bound, kNow, std::nullopt);
  const auto notices = keyspace.notices().take();
  ASSERT_EQ(notices.size(), 4u);
  EXPECT_EQ(notices[0].kind, NoticeKind::granted);
  EXPECT_EQ(notices[0].name, fmt::to_string(id));
  EXPECT_EQ(notices[0].origin, origin);
  EXPECT_EQ(notices[2].kind, NoticeKind::lost);
  EXPECT_EQ(notices[2].loss, Loss::expired);
  EXPECT_EQ(notices[3].kind, NoticeKind::released);
  EXPECT_EQ(notices[3].holding, HoldingKind::session);
}

}  // namespace holdfast::keyspace
