#include "storage/chain.h"

#include <utility>

namespace holdfast::storage {
namespace {

// Copying less than this costs less than another part of the gathered write.
constexpr std::size_t kCopyBelow = 2048;

}  // namespace

void Chain::add(RecordHeader header, const SharedBytes& payload) {
  CHECK(payload.size() <= kRecordPayloadMax);
  header.place = begin_;
  header.place.offset = end_;
  header.chain = begin_.offset;
  header.length = static_cast<std::uint32_t>(payload.size());
  header.zero_sectors = count_zero_sectors(payload.view(), end_ + kRecordHeaderBytes);
  encode(header, scratch_);
  if (payload.size() < kCopyBelow) {
    scratch_.append(payload.view());
  } else {
    seal();
    parts_.push_back(payload);
  }
  const std::uint64_t size = record_bytes(payload.size());
  scratch_.append(static_cast<std::size_t>(size) - kRecordHeaderBytes - payload.size(), '\0');
  end_ += size;
}

std::vector<SharedBytes> Chain::take_parts() {
  seal();
  return std::move(parts_);
}

void Chain::seal() {
  if (!scratch_.empty()) parts_.push_back(SharedBytes(std::exchange(scratch_, {})));
}

}  // namespace holdfast::storage
