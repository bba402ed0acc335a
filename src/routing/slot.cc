#include "routing/slot.h"

#include <cstddef>
#include <cstring>

namespace holdfast::routing {
namespace {

constexpr std::size_t kBlock = 8;

// A block as the polynomial that it is: the first byte has the highest powers.
std::uint64_t block_at(const char* bytes) {
  std::uint64_t block;
  std::memcpy(&block, bytes, kBlock);
  return __builtin_bswap64(block);
}

// The fewer than eight bytes that do not fill a block, as one with zeros in front.
std::uint64_t odd_bytes(std::string_view bytes) {
  const std::size_t odd = bytes.size() % kBlock;
  if (odd == 0) return 0;
  if (bytes.size() >= kBlock) return block_at(bytes.data()) >> (64 - 8 * odd);
  std::uint64_t block = 0;
  for (const char c : bytes) block = block << 8 | static_cast<std::uint8_t>(c);
  return block;
}

}  // namespace

// The rest of the bytes, times x^16, when divided by P = x^16 + x^12 + x^5 + 1, in shifts and sums alone: no
// table is to be in the caches. Over GF(2) the square of a sum has the squares of its terms, so P^4 is
// x^64 + x^48 + x^20 + 1, and a rest by P^4, which is one word, has the same rest by P.
//
// The quotient q of s * x^64 by P^4 is s and what the lower terms of q * P^4 carry beyond x^64:
// q = s + (q >> 16) + (q >> 44). That is solved by applying 1 + a, 1 + a^2 and so on to s, where a is both
// shifts, until a power shifts all bits out.
std::uint16_t crc16(std::string_view bytes) {
  std::uint64_t rest = odd_bytes(bytes);
  for (std::size_t at = bytes.size() % kBlock; at < bytes.size(); at += kBlock) {
    std::uint64_t quotient = rest ^ rest >> 16 ^ rest >> 44;
    quotient ^= quotient >> 32;
    rest = quotient << 48 ^ quotient << 20 ^ quotient ^ block_at(bytes.data() + at);
  }
  // Likewise that of rest * x^16 by P.
  std::uint64_t quotient = rest ^ rest >> 4 ^ rest >> 11 ^ rest >> 16;
  quotient ^= quotient >> 8 ^ quotient >> 22 ^ quotient >> 32;
  quotient ^= quotient >> 16 ^ quotient >> 44;
  quotient ^= quotient >> 32;
  return static_cast<std::uint16_t>(quotient << 12 ^ quotient << 5 ^ quotient);
}

Slot slot_of(std::string_view key) {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return Slot(static_cast<std::uint16_t>(crc16(key) % kSlotCount));
}

}  // namespace holdfast::routing
