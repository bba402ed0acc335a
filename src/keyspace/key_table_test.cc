// The table beside a simple one: the same keys, in the same order, whatever was done.
#include "keyspace/key_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "base/prng.h"
#include "base/test_rounds.h"
#include "keyspace/sizes.h"

namespace holdfast::keyspace {
namespace {

class Tables {
 public:
  explicit Tables(std::uint64_t seed) : hashes_{seed} {}

  void add(const std::string& name) {
    if (positions_.contains(name)) return;
    ASSERT_EQ(table_.find(name, hashes_(name)), KeyTable::kNone);
    positions_[name] = names_.size();
    names_.push_back(name);
    table_.add(Object::make(name, ValueView::integer(++count_), 1), hashes_(name), hashes_);
  }
  void remove(std::size_t at) {
    const std::string name = names_[at];
    ASSERT_EQ(table_.find(name, hashes_(name)), at);
    table_.remove(static_cast<std::uint32_t>(at), hashes_);
    positions_.erase(name);
    if (at + 1 != names_.size()) {
      names_[at] = names_.back();
      positions_[names_[at]] = at;
    }
    names_.pop_back();
    ASSERT_EQ(table_.find(name, hashes_(name)), KeyTable::kNone);
  }
  void replace(std::size_t at) {
    const Object& old = table_.at(at);
    auto fresh = Object::make(old.name(), ValueView::plain(std::string(300, 'x')), 2);
    const Object* const expected = fresh.get();
    ASSERT_EQ(&table_.replace(static_cast<std::uint32_t>(at), std::move(fresh)), expected);
  }
  void agree() const {
    ASSERT_EQ(table_.size(), names_.size());
    ASSERT_EQ(table_.empty(), names_.empty());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      ASSERT_EQ(table_.at(i).name(), names_[i]);
      ASSERT_EQ(table_.find(names_[i], hashes_(names_[i])), i);
      // Wherever it is looked for first.
      for (const std::size_t likely : {i, i + 1, std::size_t{0}, names_.size(), names_.size() * 2}) {
        const auto position = static_cast<std::uint32_t>(likely);
        ASSERT_EQ(table_.find(names_[i], hashes_(names_[i]), position), i) << likely;
      }
    }
    for (int i = 0; i < 50; ++i) {
      const std::string absent = fmt::format("absent{}", i);
      ASSERT_EQ(table_.find(absent, hashes_(absent)), KeyTable::kNone);
      ASSERT_EQ(table_.find(absent, hashes_(absent), 0), KeyTable::kNone);
    }
  }
  std::size_t size() const { return names_.size(); }
  std::size_t bytes() const {
    return table_.block_bytes() == 0 ? 0 : allocation_bytes(table_.block_bytes());
  }
  std::size_t told() const { return table_.memory(); }
  KeyTable take() { return std::move(table_); }

 private:
  const NameHash hashes_;
  KeyTable table_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> positions_;
  std::int64_t count_ = 0;
};

TEST(KeyTable, IsAsASimpleOneWhileItGrowsAndShrinks) {
  for (std::uint64_t seed = 1; seed <= rounds(30); ++seed) {
    Tables tables(seed);
    Prng random(seed);
    // Up and down, at times past the point where an index begins, at times to the end.
    for (const std::uint64_t most : {5u, 15u, 16u, 40u, 3u, 400u, 0u, 1000u, 20u, 0u}) {
      while (tables.size() < most) {
        tables.add(fmt::format("key{}", random.below(100'000)));
        if (random.below(3) == 0) tables.remove(random.below(tables.size()));
        if (tables.size() > 0 && random.below(5) == 0) tables.replace(random.below(tables.size()));
      }
      tables.agree();
      while (tables.size() > most) {
        tables.remove(random.below(tables.size()));
        if (random.below(4) == 0) tables.add(fmt::format("key{}", random.below(100'000)));
      }
      tables.agree();
    }
    EXPECT_EQ(tables.bytes(), 0u) << "all is given back";
    EXPECT_EQ(tables.told(), 0u);
  }
}

TEST(KeyTable, HoldsManyInOneSlot) {
  // So many that the index has few bits of the hash left, and the tag must help. Under sanitizers it has a
  // few more.
  constexpr auto kMany = static_cast<std::size_t>(rounds(200'000));
  Tables tables(7);
  for (std::size_t i = 0; i < kMany; ++i) tables.add(fmt::format("{{tag}}:{}", i));
  tables.agree();
  EXPECT_LT(tables.bytes(), kMany * 17);
  Prng random(7);
  while (tables.size() > kMany / 4) tables.remove(random.below(tables.size()));
  tables.agree();
  while (tables.size() > 100) tables.remove(tables.size() - 1);
  tables.agree();
  EXPECT_LT(tables.bytes(), 100u * 80);
}

TEST(KeyTable, TellsAboutWhatItTakes) {
  Tables tables(3);
  std::size_t bytes = 0;
  std::size_t told = 0;
  for (int i = 0; i < 1000; ++i) {
    tables.add(fmt::format("k{}", i));
    bytes += tables.bytes();
    told += tables.told();
    EXPECT_LT(tables.bytes(), tables.told() + tables.told() / 4 + 16) << i;
    EXPECT_LT(tables.told(), tables.bytes() + tables.bytes() / 4 + 16) << i;
  }
  EXPECT_LT(bytes, told + told / 16);
  EXPECT_LT(told, bytes + bytes / 16);
}

TEST(KeyTable, NamesMayBeAnything) {
  Tables tables(1);
  tables.add("");
  tables.add(std::string("\0", 1));
  tables.add(std::string("\0\0", 2));
  tables.add(std::string(100'000, 'x'));
  tables.add(std::string(100'001, 'x'));
  tables.agree();
}

TEST(KeyTable, AMovedOneIsEmpty) {
  Tables tables(1);
  for (int i = 0; i < 20; ++i) tables.add(fmt::format("k{}", i));
  KeyTable taken = tables.take();
  EXPECT_EQ(taken.size(), 20u);
  EXPECT_EQ(tables.bytes(), 0u);
  KeyTable other;
  other = std::move(taken);
  EXPECT_EQ(other.at(19).name(), "k19");
  other = KeyTable();
  EXPECT_TRUE(other.empty());
}

}  // namespace
}  // namespace holdfast::keyspace
