// What lies in a snapshot file, for those who write, read and look at one; docs/formats/snapshot.md
// tells it in prose.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/envelope.h"
#include "storage/snapshot_file.h"

namespace holdfast::storage {

inline constexpr Envelope kSnapshotEnvelope{0x485350414e534648, 1,
                                            "the snapshot file"};   // "HFSNAPSH"
inline constexpr std::uint32_t kSnapshotChunkMagic = 0x4b4e4843;    // "CHNK"
inline constexpr std::uint32_t kSnapshotTrailerMagic = 0x4c494154;  // "TAIL"
inline constexpr std::size_t kSnapshotChunkHeaderBytes = 24;

std::string encode_snapshot_header(const SnapshotHeader& header);
struct OpenedSnapshot {
  SnapshotHeader header;
  std::uint64_t bytes = 0;  // that it takes in the file
};
Result<OpenedSnapshot> open_snapshot_header(std::string_view name, std::string_view bytes);

// A chunk's checksum knows which chunk it is: seeded with this.
std::uint64_t snapshot_chunk_seed(std::uint64_t number);
std::uint64_t snapshot_chunk_checksum(std::string_view chunk, std::uint64_t number);
// `sum`: snapshot_chunk_checksum() of the same.
std::string snapshot_chunk_header(std::string_view chunk, std::uint64_t number, std::uint64_t sum);
// `bytes`: of the file before it. `all`: checksum of the header, each chunk's mixed in, in order.
std::string snapshot_trailer(std::uint64_t chunks, std::uint64_t bytes, std::uint64_t all);

Error damaged_snapshot(std::string_view name, std::uint64_t offset, std::string_view what);

}  // namespace holdfast::storage
