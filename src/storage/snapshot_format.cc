#include "storage/snapshot_format.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/codec.h"

namespace holdfast::storage {

std::string encode_snapshot_header(const SnapshotHeader& header) {
  std::string body;
  Writer writer(body);
  writer.u32(header.group.value);
  writer.u32(header.semantics);
  writer.u64(header.mark.index.value);
  writer.epoch(header.mark.epoch);
  writer.i64(header.stamp.ms);
  writer.i64(header.wall.ms);
  std::string membership;
  header.mark.membership.encode(membership);
  writer.bytes(membership);
  return seal(kSnapshotEnvelope, body);
}

std::uint64_t snapshot_chunk_seed(std::uint64_t number) { return mix(kSnapshotChunkMagic, number); }

std::uint64_t snapshot_chunk_checksum(std::string_view chunk, std::uint64_t number) {
  return checksum(chunk, snapshot_chunk_seed(number));
}

std::string snapshot_chunk_header(std::string_view chunk, std::uint64_t number, std::uint64_t sum) {
  std::string out;
  Writer writer(out);
  writer.u32(kSnapshotChunkMagic);
  writer.u32(static_cast<std::uint32_t>(chunk.size()));
  writer.u64(number);
  writer.u64(sum);
  CHECK(out.size() == kSnapshotChunkHeaderBytes);
  return out;
}

std::string snapshot_trailer(std::uint64_t chunks, std::uint64_t bytes, std::uint64_t all) {
  std::string out;
  Writer writer(out);
  writer.u32(kSnapshotTrailerMagic);
  writer.u32(0);
  writer.u64(chunks);
  writer.u64(bytes);
  writer.u64(all);
  writer.u64(checksum(out));
  CHECK(out.size() == kSnapshotTrailerBytes);
  return out;
}

Error damaged_snapshot(std::string_view name, std::uint64_t offset, std::string_view what) {
  return {
      fmt::format("{}, offset {}: the snapshot is damaged: {}. Nothing has been changed. "
                  "Entries before it are no longer in the log, so this node cannot go on "
                  "without it: restore the data folder from a backup; if the cluster's other "
                  "nodes are well, this node can also be replaced by a new one.",
                  name, offset, what)};
}

Result<OpenedSnapshot> open_snapshot_header(std::string_view name, std::string_view bytes) {
  auto body = unseal(kSnapshotEnvelope, name, bytes);
  if (!body) return body.error();
  Reader reader(*body);
  OpenedSnapshot opened;
  SnapshotHeader& header = opened.header;
  header.group = GroupId(reader.u32());
  header.semantics = reader.u32();
  header.mark.index = Index(reader.u64());
  header.mark.epoch = reader.epoch();
  header.stamp.ms = reader.i64();
  header.wall.ms = reader.i64();
  const std::string_view membership = reader.bytes();
  if (!reader.finished())
    return damaged_snapshot(name, kEnvelopeHeaderBytes, "its header makes no sense");
  auto decoded = consensus::Membership::decode(membership);
  if (!decoded) return damaged_snapshot(name, kEnvelopeHeaderBytes, decoded.error().message);
  header.mark.membership = std::move(*decoded);
  opened.bytes = body->size() + kEnvelopeBytes;
  return opened;
}

}  // namespace holdfast::storage
