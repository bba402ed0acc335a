#include "base/codec.h"

#include <algorithm>
#include <bit>

namespace holdfast {

static_assert(std::endian::native == std::endian::little,
              "files and messages are little-endian; a big-endian build needs swaps here");

void Writer::long_varint(std::uint64_t value) {
  char buffer[kLongestVarint];
  raw({buffer, static_cast<std::size_t>(put_varint(buffer, value) - buffer)});
}

Reader::LongVarint Reader::long_varint(std::string_view in) {
  std::uint64_t value = 0;
  const std::size_t most = std::min(in.size(), kLongestVarint);
  for (std::size_t i = 0; i < most; ++i) {
    const std::uint64_t byte = static_cast<std::uint8_t>(in[i]);
    value |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (i + 1 == kLongestVarint && byte > 1) break;  // more than 64 bits
    return {value, i + 1};
  }
  return {0, 0};
}

}  // namespace holdfast
