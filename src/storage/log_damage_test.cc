// What recovery makes of files that a crash has cut short, and of files that were damaged.

#include <gtest/gtest.h>

#include <optional>

#include "base/codec.h"
#include "base/test_rounds.h"
#include "storage/log_fixture.h"
#include "storage/log_format.h"

namespace holdfast::storage {
namespace {

using Image = std::map<std::string, std::string>;

struct Lying {
  std::string file;
  std::uint64_t offset = 0;
  RecordHeader header;
  std::uint64_t size() const { return record_bytes(header.length); }
};

class LogDamageTest : public LogFixture {
 protected:
  // Three segments with records of many sizes, two groups; each append a chain of its own.
  void SetUp() override {
    options.segment_bytes = 4096;
    ASSERT_EQ(open(), "");
    Prng prng(5);
    for (int i = 0; i < 24; ++i) {
      std::string bytes(prng.below(700), static_cast<char>('a' + i));
      if (i % 5 == 0) bytes += std::string(900, '\0') + "end";
      if (i % 7 == 0) write(kGroup, {}, i + 1);
      append(bytes, GroupId(i % 3 == 0 ? 4 : 0));
      flush_all();
    }
    append(std::string(1500, 'L'));  // the last one spans sectors
    flush_all();
    reopen();
    disk.run_all();
    whole = disk.image();
    groups = recovered.groups;
    close();
    // What a start changes by itself (tail copy, next segment) shall not look like damage.
    ASSERT_EQ(with(whole), "");
    ASSERT_TRUE(same());
  }

  // Opens these files; on an error nothing may have changed.
  std::string with(const Image& image) {
    disk = TestDisk();
    disk.load(image);
    const std::string error = open();
    if (!error.empty()) {
      EXPECT_EQ(disk.image(), image) << "a refused start changes nothing";
      EXPECT_NE(error.find("othing has been changed"), std::string::npos) << error;
    }
    close();
    return error;
  }
  bool same() const {
    if (groups.size() != recovered.groups.size()) return false;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto& a = groups[i].second;
      const auto& b = recovered.groups[i].second;
      if (a.promise != b.promise || a.before != b.before || a.entries.size() != b.entries.size()) {
        return false;
      }
    }
    return true;
  }
  std::vector<Lying> records() const {
    std::vector<Lying> all;
    for (const auto& [file, bytes] : whole) {
      std::size_t at = kSegmentHeaderBytes;
      while (const auto header = decode_record_header(std::string_view(bytes).substr(at))) {
        all.push_back({file, at, *header});
        at += static_cast<std::size_t>(record_bytes(header->length));
      }
    }
    return all;
  }
  static void zero(std::string& bytes, std::uint64_t offset, std::uint64_t length) {
    bytes.replace(static_cast<std::size_t>(offset), static_cast<std::size_t>(length),
                  static_cast<std::size_t>(length), '\0');
  }

  Image whole;
  std::vector<std::pair<GroupId, GroupRecovery>> groups;
};

TEST_F(LogDamageTest, AFlippedBitIsFoundOrHarmless) {
  Prng prng(11);
  std::size_t refused = 0;
  std::size_t harmless = 0;
  constexpr std::size_t kStep = 3 * kSlowdown;
  for (const auto& [name, bytes] : whole) {
    for (std::size_t at = prng.below(kStep); at < bytes.size(); at += kStep) {
      Image image = whole;
      char& byte = image[name][at];
      byte = static_cast<char>(byte ^ (1 << prng.below(8)));
      const std::string error = with(image);
      if (error.empty()) {
        ++harmless;
        ASSERT_TRUE(same()) << name << " " << at;
        ASSERT_EQ(bytes[at], '\0') << name << " " << at << ": only unused bytes may differ";
      } else {
        ++refused;
        ASSERT_NE(error.find(".hfl"), std::string::npos) << error;
      }
    }
  }
  EXPECT_GT(refused, 4000u / kSlowdown);
  EXPECT_GT(harmless, 100u);
}

TEST_F(LogDamageTest, ATornTailAtEveryByte) {
  const Lying last = records().back();
  ASSERT_GT(last.size(), 3 * kSectorBytes);
  std::size_t torn = 0;
  for (std::uint64_t kept = 0; kept < last.size(); ++kept) {
    Image image = whole;
    zero(image[last.file], last.offset + kept, last.size() - kept);
    const std::string error = with(image);
    const std::uint64_t cut = last.offset + kept;
    const std::uint64_t next_sector = (cut + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
    const std::uint64_t header_end = last.offset + kRecordHeaderBytes;
    const std::uint64_t end = header_end + last.header.length;
    if (cut >= end) {  // only padding is gone
      EXPECT_EQ(error, "");
    } else if (kept == 0 || next_sector < (cut < header_end ? header_end : end)) {
      ASSERT_EQ(error, "") << kept;
      ASSERT_FALSE(same());
      ASSERT_EQ(last.header.index, found().entries.back().index.next()) << "all but the last";
      ASSERT_GE(recovered.torn_bytes + 1, kept) << "(the cut may fall on a zero byte)";
      ++torn;
    } else {
      // A disk writes whole sectors: a part of one missing is no crash's work.
      ASSERT_NE(error, "") << kept;
    }
  }
  EXPECT_GT(torn, kSectorBytes);
}

TEST_F(LogDamageTest, AnyLostSectorsOfTheLastWriteAreTorn) {
  const Lying last = records().back();
  const std::uint64_t first_sector = last.offset / kSectorBytes;
  const std::uint64_t sectors = (last.offset + last.size() - 1) / kSectorBytes - first_sector + 1;
  for (std::uint64_t mask = 1; mask < (1u << sectors); ++mask) {
    Image image = whole;
    for (std::uint64_t s = 0; s < sectors; ++s) {
      if ((mask >> s & 1) == 0) continue;
      const std::uint64_t begin = std::max(last.offset, (first_sector + s) * kSectorBytes);
      const std::uint64_t end = (first_sector + s + 1) * kSectorBytes;
      zero(image[last.file], begin, end - begin);
    }
    ASSERT_EQ(with(image), "") << mask;
    ASSERT_EQ(last.header.index, found().entries.back().index.next());
  }
}

// The same holes in any earlier record are damage: what was written later says that it had been
// on the disk.
TEST_F(LogDamageTest, AZeroedMiddleIsFound) {
  const auto all = records();
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const Lying& record = all[i];
    // The header, the length alone, a byte of content, the record, all to the end of the sector,
    // every whole sector that it touches.
    const std::uint64_t sector = record.offset / kSectorBytes * kSectorBytes;
    const std::uint64_t sector_end = sector + kSectorBytes;
    const std::pair<std::uint64_t, std::uint64_t> holes[] = {
        {record.offset, kRecordHeaderBytes},
        {record.offset + 44, 4},
        {record.offset + kRecordHeaderBytes - 8, 8},
        {record.offset, record.size()},
        {record.offset, sector_end - record.offset},
        {std::max(sector, kSegmentHeaderBytes), record.offset + record.size() - sector},
    };
    for (const auto& [offset, length] : holes) {
      Image image = whole;
      zero(image[record.file], offset, std::min(length, image[record.file].size() - offset));
      if (image == whole) continue;
      EXPECT_NE(with(image), "") << record.file << " " << offset << " " << length;
    }
  }
}

TEST_F(LogDamageTest, AllToTheEndOfAnEarlierSegmentIsFound) {
  const auto all = records();
  for (const Lying& record : all) {
    if (record.file == all.back().file) continue;
    Image image = whole;
    std::string& bytes = image[record.file];
    zero(bytes, record.offset, bytes.size() - record.offset);
    EXPECT_NE(with(image), "") << record.file << " " << record.offset;
  }
}

// Files are allocated whole: a shorter one is no crash's work.
TEST_F(LogDamageTest, ATruncatedFileIsFound) {
  for (const auto& [name, bytes] : whole) {
    for (std::size_t length = 0; length < bytes.size(); length += 37) {
      Image image = whole;
      image[name].resize(length);
      EXPECT_NE(with(image), "") << name << " " << length;
    }
  }
}

TEST_F(LogDamageTest, AMisdirectedRecordIsFound) {
  const auto all = records();
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    const Lying& from = all[i];
    const Lying& to = all[i + 1];
    Image image = whole;
    const std::string bytes = whole[from.file].substr(from.offset, from.size());
    std::string& target = image[to.file];
    if (to.offset + bytes.size() > target.size()) continue;
    target.replace(to.offset, bytes.size(), bytes);
    const std::string error = with(image);
    EXPECT_NE(error.find("a record lies here that belongs"), std::string::npos) << error;
  }
  // Behind the end of the log.
  Image image = whole;
  const Lying& last = all.back();
  const std::string first = whole[all[0].file].substr(all[0].offset, all[0].size());
  image[last.file].replace(last.offset + last.size(), first.size(), first);
  EXPECT_NE(with(image), "");
}

TEST_F(LogDamageTest, SwappedAndMissingFilesAreFound) {
  const std::string one = segment_name("log-", 1);
  const std::string two = segment_name("log-", 2);
  Image image = whole;
  std::swap(image[one], image[two]);
  EXPECT_NE(with(image).find("it was written as log file"), std::string::npos);
  image = whole;
  image.erase(two);
  EXPECT_NE(with(image).find(two + " is missing"), std::string::npos);
  image = whole;
  image.erase(one);
  EXPECT_NE(with(image).find("are still needed"), std::string::npos);
  image = whole;
  image[one].resize(image[one].size() - 1);
  EXPECT_NE(with(image).find("bytes instead of"), std::string::npos);
  image = whole;
  image[one].clear();
  EXPECT_NE(with(image), "");
  image = whole;
  image[one] += "more";
  EXPECT_NE(with(image), "");
}

// A node may set aside what is damaged; what is missing may be somewhere else.
TEST_F(LogDamageTest, DamageIsToldApartFromFilesThatAreMissingOrOfAnotherFolder) {
  std::string damage;
  options.damage = &damage;
  const std::string one = segment_name(options.prefix, 1);
  Image image = whole;
  image.erase(one);
  EXPECT_NE(with(image), "");
  EXPECT_EQ(damage, "");
  ++options.folder_id;
  EXPECT_NE(with(whole), "");
  EXPECT_EQ(damage, "");
  --options.folder_id;
  image = whole;
  image[one][kSegmentHeaderBytes + 20] ^= 1;
  EXPECT_NE(with(image), "");
  EXPECT_EQ(damage.find(one + ", offset 64: "), 0U) << damage;
  options.damage = nullptr;
}

TEST_F(LogDamageTest, NoFilesWhereThereMustBeSome) {
  options.must_exist = true;
  EXPECT_NE(with({}).find("no log files"), std::string::npos);
  EXPECT_EQ(with(whole), "");
}

TEST_F(LogDamageTest, ANewerVersionIsRefused) {
  for (auto& [name, bytes] : whole) {
    Image image = whole;
    SegmentHeader header;
    ASSERT_EQ(decode(bytes, header), "");
    header.version = kLogVersion + 1;
    image[name].replace(0, kSegmentHeaderBytes, encode(header));
    EXPECT_NE(with(image).find("newer program"), std::string::npos);
  }
}

TEST_F(LogDamageTest, AForeignFolderIsRefused) {
  options.folder_id = kFolder + 1;
  EXPECT_NE(with(whole).find("another data folder"), std::string::npos);
}

TEST_F(LogDamageTest, ErrorsSayWhereAndWhatToDo) {
  const Lying middle = records()[3];
  Image image = whole;
  image[middle.file][middle.offset + 20] ^= 1;
  const std::string error = with(image);
  EXPECT_NE(error.find(fmt::format("{}, offset {}", middle.file, middle.offset)),
            std::string::npos);
  EXPECT_NE(error.find("replace the node"), std::string::npos);
  EXPECT_NE(error.find("backup"), std::string::npos);
}

TEST_F(LogDamageTest, OtherFilesAreLeftAlone) {
  Image image = whole;
  image["log-notes.txt"] = "mine";
  image["snapshot-0-1.hfs"] = "theirs";
  image[segment_temporary_name("log-", 99)] = "left over";
  EXPECT_EQ(with(image), "");
  EXPECT_TRUE(same());
  EXPECT_TRUE(disk.has("log-notes.txt"));
  EXPECT_TRUE(disk.has("snapshot-0-1.hfs"));
  EXPECT_FALSE(disk.has(segment_temporary_name("log-", 99)));
}

}  // namespace
}  // namespace holdfast::storage
