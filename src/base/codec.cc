#include "base/codec.h"

#include <bit>

namespace holdfast {

static_assert(std::endian::native == std::endian::little,
              "files and messages are little-endian; a big-endian build needs swaps here");

void Writer::long_varint(std::uint64_t value) {
  char buffer[kLongestVarint];
  raw({buffer, static_cast<std::size_t>(put_varint(buffer, value) - buffer)});
}

std::uint64_t Reader::long_varint() {
  std::uint64_t value = 0;
  std::size_t read = 0;
  for (unsigned shift = 0; shift < 64 && read < in_.size(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in_[read++]);
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) break;  // more than 64 bits
    value |= bits << shift;
    if (byte < 0x80) {
      in_.remove_prefix(read);
      return value;
    }
  }
  fail();
  return 0;
}

}  // namespace holdfast
