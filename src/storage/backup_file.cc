#include "storage/backup_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/codec.h"
#include "storage/envelope.h"

namespace holdfast::storage {
namespace {

constexpr Envelope kEnvelope{0x5055'4b43'4142'4648, 1, "the backup"};  // "HFBACKUP"
constexpr std::uint64_t kTrailerMagic = 0x4c49'4154'4b42'4648;         // "HFBKTAIL"
constexpr std::size_t kMaxShards = 1 << 16;
constexpr std::size_t kMaxName = 1024;
// The trailer's checksum is that of blocks of so many bytes, one after the other.
constexpr std::size_t kBlock = 1 << 20;

Error damaged(std::string_view name, std::uint64_t offset, std::string_view what) {
  return {fmt::format(
      "{}, offset {}: the backup is damaged: {}. Nothing was changed. Use another backup.", name,
      offset, what)};
}

Error newer(std::string_view name, std::uint64_t version, std::uint64_t known) {
  return {fmt::format(
      "{}: the backup is written in version {} of its format; this program knows up to {}. Nothing "
      "was changed. Use the newer program that wrote it.",
      name, version, known)};
}

Result<BackupHeader> decode_header(std::string_view name, std::string_view body) {
  Reader reader(body);
  BackupHeader header;
  header.cluster_id = reader.u64();
  header.wall.ms = reader.i64();
  header.program = reader.bytes(kMaxName);
  const std::uint64_t count = reader.varint();
  if (count == 0 || count > kMaxShards) reader.fail();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    BackupShard shard;
    shard.space = reader.bytes(kMaxName);
    shard.shard = reader.varint();
    shard.size = reader.u64();
    header.shards.push_back(std::move(shard));
  }
  if (!reader.finished()) return damaged(name, kEnvelopeHeaderBytes, "its header makes no sense");
  return header;
}

}  // namespace

std::string encode_backup_header(const BackupHeader& header) {
  std::string body;
  Writer writer(body);
  writer.u64(header.cluster_id);
  writer.i64(header.wall.ms);
  writer.bytes(header.program);
  writer.varint(header.shards.size());
  for (const BackupShard& shard : header.shards) {
    writer.bytes(shard.space);
    writer.varint(shard.shard);
    writer.u64(shard.size);
  }
  return seal(kEnvelope, body);
}

void BackupTrailer::add(std::string_view bytes) {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kBlock - block_.size());
    block_ += part;
    bytes.remove_prefix(part.size());
    if (block_.size() < kBlock) return;
    all_ = mix(all_, checksum(block_));
    block_.clear();
  }
}

std::string BackupTrailer::finish() {
  all_ = mix(all_, checksum(block_));
  block_.clear();
  std::string out;
  Writer writer(out);
  writer.u64(kTrailerMagic);
  writer.u64(bytes_);
  writer.u64(all_);
  writer.u64(checksum(out));
  CHECK(out.size() == kBackupTrailerBytes);
  return out;
}

Result<Backup> read_backup(std::string_view name, std::string_view bytes) {
  Reader start(bytes);
  const std::uint64_t magic = start.u64();
  const std::uint32_t version = start.u32();
  const std::uint32_t length = start.u32();
  if (!start.ok() || magic != kEnvelope.magic) {
    return Error{fmt::format("{} is no backup of Holdfast's; nothing was changed", name)};
  }
  if (version > kEnvelope.version) return newer(name, version, kEnvelope.version);
  const std::string_view body = start.raw(length);
  const std::uint64_t sum = start.u64();
  if (!start.ok()) return damaged(name, bytes.size(), "it ends too early");
  if (version == 0 || sum != checksum(bytes.substr(0, kEnvelopeHeaderBytes + length))) {
    return damaged(name, 0, "its header fails its checksum");
  }
  auto header = decode_header(name, body);
  if (!header) return header.error();

  std::uint64_t offset = kEnvelopeBytes + length;
  const std::uint64_t first = offset;
  for (const BackupShard& shard : header->shards) {
    if (shard.size > bytes.size() - offset) return damaged(name, bytes.size(), "it ends too early");
    offset += shard.size;
  }
  BackupTrailer trailer;
  trailer.add(bytes.substr(0, offset));
  if (bytes.size() - offset < kBackupTrailerBytes) {
    return damaged(name, bytes.size(), "it ends too early");
  }
  const std::string expected = trailer.finish();
  if (bytes.substr(offset) != expected) {
    return damaged(name, offset, "its trailer does not match what is before it");
  }

  Backup backup;
  backup.header = *std::move(header);
  backup.sum = checksum(expected);
  offset = first;
  for (const BackupShard& shard : backup.header.shards) {
    const std::string_view file = bytes.substr(offset, shard.size);
    auto snapshot = read_snapshot(name, file, [](std::string_view) { return true; });
    if (!snapshot) return damaged(name, offset, "the snapshot that begins there is not whole");
    backup.shards.push_back({*std::move(snapshot), file});
    offset += shard.size;
  }
  return backup;
}

}  // namespace holdfast::storage
