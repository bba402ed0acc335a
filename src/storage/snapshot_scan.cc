// A snapshot file part by part: header, chunks, trailer. A chunk is only added to its checksum.
#include <fmt/format.h>

#include "base/checksum.h"
#include "base/codec.h"
#include "base/mutation.h"
#include "storage/file_scan.h"
#include "storage/snapshot_format.h"

namespace holdfast::storage {
namespace {

class SnapshotScan final : public FileScan {
 public:
  explicit SnapshotScan(std::uint64_t size) : size_(size) { expect_whole(kEnvelopeHeaderBytes); }

 private:
  enum class Step { envelope, header, part, chunk, trailer };

  std::string on_whole(std::string_view bytes) override {
    switch (step_) {
      case Step::envelope:
        return on_envelope(bytes);
      case Step::header:
        return on_header(bytes);
      case Step::part:
        return on_part_header(bytes);
      default:
        return on_trailer(bytes);
    }
  }

  std::string on_part(std::string_view bytes) override {
    sum_.add(bytes);
    return "";
  }

  std::string on_parts_end() override {
    if (sum_.value() != chunk_sum_ && !mutated(Mutation::scrub_believes_all)) {
      return fmt::format("chunk {} fails its checksum", chunks_);
    }
    all_ = mix(all_, chunk_sum_);
    ++chunks_;
    next_part();
    return "";
  }

  // How long it is stands in its beginning, and is not believed if it makes no sense.
  std::string on_envelope(std::string_view bytes) {
    Reader reader(bytes);
    reader.u64();
    reader.u32();
    const std::uint64_t rest = std::uint64_t{reader.u32()} + kEnvelopeBytes - kEnvelopeHeaderBytes;
    if (rest > kSnapshotHeaderMax) return "its header fails its checksum";
    begun_ = bytes;
    step_ = Step::header;
    expect_whole(rest);
    return "";
  }

  std::string on_header(std::string_view bytes) {
    begun_ += bytes;
    if (!open_snapshot_header({}, begun_)) return "its header fails its checksum";
    all_ = checksum(begun_);
    next_part();
    return "";
  }

  void next_part() {
    step_ = Step::part;
    expect_whole(kSnapshotChunkHeaderBytes);
  }

  std::string on_part_header(std::string_view bytes) {
    Reader reader(bytes);
    const std::uint32_t magic = reader.u32();
    const std::uint32_t length = reader.u32();
    const std::uint64_t number = reader.u64();
    chunk_sum_ = reader.u64();
    if (magic == kSnapshotTrailerMagic) {
      begun_ = bytes;
      step_ = Step::trailer;
      expect_whole(kSnapshotTrailerBytes - kSnapshotChunkHeaderBytes);
      return "";
    }
    if (magic != kSnapshotChunkMagic || number != chunks_ || length > kSnapshotChunkMax) {
      return fmt::format("chunk {} does not begin here", chunks_);
    }
    sum_ = ChecksumOfParts(snapshot_chunk_seed(number));
    step_ = Step::chunk;
    expect_parts(length);
    return "";
  }

  std::string on_trailer(std::string_view bytes) {
    const std::uint64_t offset = size_ - kSnapshotTrailerBytes;
    begun_ += bytes;
    if (begun_ != snapshot_trailer(chunks_, offset, all_)) {
      return "its trailer does not match what is before it";
    }
    expect_end();
    return "";
  }

  const std::uint64_t size_;
  Step step_ = Step::envelope;
  std::string begun_;  // of the header or the trailer
  std::uint64_t chunks_ = 0;
  std::uint64_t all_ = 0;
  std::uint64_t chunk_sum_ = 0;
  ChecksumOfParts sum_;
};

}  // namespace

std::unique_ptr<FileScan> scan_snapshot(std::uint64_t size) {
  return std::make_unique<SnapshotScan>(size);
}

}  // namespace holdfast::storage
