// Recovery of the log on arbitrary files: a Result, never a crash; and what it accepts, it can go
// on with and read again.
//
// The first byte says how the rest becomes files: as it is, behind a good segment header, or as a
// recipe for records with good checksums, so that the fuzzer gets behind those.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/codec.h"
#include "storage/file_scan.h"
#include "storage/log.h"
#include "storage/log_format.h"
#include "storage/test_disk.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kFolder = 7;
constexpr std::uint64_t kSegmentBytes = 4096;
constexpr std::uint64_t kFarIndex = std::uint64_t{1} << 62;

std::string with_header(std::uint64_t number, std::string_view records, std::uint64_t size) {
  std::string bytes = encode(SegmentHeader{kLogVersion, kFolder, number, size});
  bytes += records;
  bytes.resize(static_cast<std::size_t>(size), '\0');
  return bytes;
}

// Takes a few bytes of the recipe, appends one record.
void cook_record(Reader& recipe, std::uint64_t number, std::uint64_t& chain, std::string& out) {
  RecordHeader header;
  const std::uint8_t flags = recipe.u8();
  header.kind = static_cast<RecordKind>(recipe.u8() % 8);
  header.entry_kind = consensus::EntryKind::noop;
  if (header.kind == RecordKind::entry) header.entry_kind = consensus::EntryKind::batch;
  header.group = GroupId(flags & 3u);
  header.index = Index(recipe.u8());
  header.epoch = {recipe.u8(), NodeId(1)};
  std::string payload(recipe.raw(std::min<std::size_t>(recipe.u8(), recipe.left())));
  if (header.kind == RecordKind::start) {
    payload = encode(StartBody{{recipe.u8(), NodeId(1)}, Index(recipe.u8())});
  } else if ((flags & 4) != 0) {
    payload.append(600, '\0');
  }
  const std::uint64_t offset = kSegmentHeaderBytes + out.size();
  if ((flags & 8) == 0) chain = offset;
  header.chain = chain;
  header.place = {kFolder, number, offset};
  header.length = static_cast<std::uint32_t>(payload.size());
  header.zero_sectors = count_zero_sectors(payload, offset + kRecordHeaderBytes);
  header.content = content_of(header, payload);
  encode(header, out);
  out += payload;
  out.resize((out.size() + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment, '\0');
}

// Damage on top: some sectors lost, some bytes changed.
void spoil(Reader& recipe, std::string& bytes) {
  const std::uint8_t damages = recipe.u8() % 4;
  for (int i = 0; i < damages && !bytes.empty(); ++i) {
    const std::size_t at = recipe.u16() % bytes.size();
    const std::uint8_t with = recipe.u8();
    if (with == 0) {
      const std::size_t length = std::min(TestDisk::kSector, bytes.size() - at);
      bytes.replace(at, length, length, '\0');
    } else {
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(with));
    }
  }
}

void cook(Reader& recipe, TestDisk& disk) {
  std::uint64_t number = 1 + recipe.u8() % 3;
  const std::uint8_t segments = recipe.u8() % 4;
  for (std::uint8_t i = 0; i < segments; ++i, ++number) {
    std::string records;
    std::uint64_t chain = kSegmentHeaderBytes;
    const std::uint8_t count = recipe.u8() % 16;
    for (std::uint8_t r = 0; r < count && recipe.left() > 0; ++r) {
      cook_record(recipe, number, chain, records);
    }
    const std::uint64_t size = std::max<std::uint64_t>(kSegmentBytes, records.size() + 256);
    std::string bytes = with_header(number, records, size);
    spoil(recipe, bytes);
    disk.put(segment_name("log-", number), bytes);
  }
}

void lay_out(std::string_view input, TestDisk& disk) {
  Reader reader(input);
  const std::uint8_t mode = reader.u8() % 3;
  const std::string_view rest = reader.raw(reader.left());
  if (mode == 0) {
    disk.put(segment_name("log-", 1), std::string(rest));
  } else if (mode == 1) {
    const std::string_view first = rest.substr(0, rest.size() / 2);
    disk.put(segment_name("log-", 1), with_header(1, first, first.size() + 512));
    const std::string_view second = rest.substr(rest.size() / 2);
    disk.put(segment_name("log-", 2), with_header(2, second, second.size() + 512));
  } else {
    Reader recipe(rest);
    cook(recipe, disk);
  }
}

std::unique_ptr<Log> open(TestDisk& disk, LogRecovery& recovered) {
  static NoTrace trace;
  LogOptions options;
  options.segment_bytes = kSegmentBytes;
  options.folder_id = kFolder;
  const auto image = disk.image();
  auto opened = Log::open(
      disk, trace, options, [](const std::string& what) { CHECK(false, "{}", what); }, recovered);
  if (opened) return std::move(*opened);
  CHECK(disk.image() == image, "a refused start must change nothing");
  return nullptr;
}

// What a start accepts, a running node that looks at its files finds whole.
void look_again(TestDisk& disk, const Log& log) {
  for (const SegmentExtent& segment : log.extents()) {
    const auto scan = scan_segment(segment);
    const std::string bytes = disk.content(log.name_of(segment));
    const auto wrong = scan->feed(
        std::string_view(bytes).substr(0, static_cast<std::size_t>(segment.bytes_to_read())));
    CHECK(wrong.empty(), "{}", wrong);
    CHECK(scan->finish().empty());
  }
}

// Appends to each group what may come next, and expects it back.
void go_on(TestDisk& disk, std::unique_ptr<Log> log, const LogRecovery& before) {
  std::size_t acknowledged = 0;
  for (const auto& [group, state] : before.groups) {
    consensus::Entry entry;
    entry.index = Index(state.before.value + state.entries.size() + 1);
    if (entry.index.value > kFarIndex) return;
    entry.epoch = state.promise;
    entry.content = content_checksum(group, entry.index, entry.kind, "");
    log->write({group, {}, {}, {&entry, 1}}, [&acknowledged] { ++acknowledged; });
  }
  for (int i = 0; i < 8; ++i) {
    log->flush();
    disk.run_all();
  }
  CHECK(acknowledged == before.groups.size());
  look_again(disk, *log);
  log.reset();
  LogRecovery after;
  log = open(disk, after);
  CHECK(log != nullptr && after.groups.size() == before.groups.size() && after.torn_bytes == 0);
  look_again(disk, *log);
  for (std::size_t i = 0; i < after.groups.size(); ++i) {
    const GroupRecovery& then = before.groups[i].second;
    const GroupRecovery& now = after.groups[i].second;
    CHECK(now.promise == then.promise && now.before == then.before);
    CHECK(now.entries.size() == then.entries.size() + 1);
  }
}

}  // namespace
}  // namespace holdfast::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::storage;
  TestDisk disk;
  lay_out({reinterpret_cast<const char*>(data), size}, disk);
  LogRecovery recovered;
  if (auto log = open(disk, recovered)) go_on(disk, std::move(log), recovered);
  return 0;
}
