#include "base/codec.h"

#include <bit>

namespace holdfast {

static_assert(std::endian::native == std::endian::little,
              "files and messages are little-endian; a big-endian build needs swaps here");

void Writer::varint(std::uint64_t value) {
  while (value >= 0x80) {
    u8(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  u8(static_cast<std::uint8_t>(value));
}

void Writer::bytes(std::string_view value) {
  varint(value.size());
  raw(value);
}

std::uint64_t Reader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) break;  // more than 64 bits
    value |= bits << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail();
  return 0;
}

std::string_view Reader::bytes(std::size_t limit) {
  const std::uint64_t length = varint();
  if (length > limit || length > in_.size()) {
    fail();
    return {};
  }
  return raw(static_cast<std::size_t>(length));
}

std::string_view Reader::raw(std::size_t length) {
  if (!ok_ || length > in_.size()) {
    fail();
    return {};
  }
  const std::string_view value = in_.substr(0, length);
  in_.remove_prefix(length);
  return value;
}

}  // namespace holdfast
