// Little-endian encoding for our files and peer messages.
//
// The writer appends to a string it does not own. The reader never reads past its input: after the
// first short or absurd read ok() is false for good and every later value is zero or empty, so a
// caller may read a whole record and ask once. Lengths are bounded before they are used.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace holdfast {

// Writes it as LEB128, and returns what is behind it. REQUIRES: there is room for kLongestVarint bytes.
inline constexpr std::size_t kLongestVarint = 10;
inline char* put_varint(char* at, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u16(std::uint16_t value) { fixed(value); }
  void u32(std::uint32_t value) { fixed(value); }
  void u64(std::uint64_t value) { fixed(value); }
  void i64(std::int64_t value) { fixed(static_cast<std::uint64_t>(value)); }
  // LEB128, one to ten bytes. Nearly all are one: that is decided where it is called.
  void varint(std::uint64_t value) {
    if (value < 0x80) return u8(static_cast<std::uint8_t>(value));
    long_varint(value);
  }
  // varint length, then the bytes.
  void bytes(std::string_view value) {
    varint(value.size());
    raw(value);
  }
  void raw(std::string_view value) { out_.append(value); }
  void epoch(Epoch value) {
    u64(value.round);
    u64(value.node.value);
  }

 private:
  template <class T>
  void fixed(T value) {
    char buffer[sizeof(T)];
    std::memcpy(buffer, &value, sizeof(T));
    out_.append(buffer, sizeof(T));
  }
  void long_varint(std::uint64_t value);

  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(fixed<std::uint64_t>()); }
  // Up to three bytes are read where it is called.
  std::uint64_t varint() {
    if (!in_.empty() && static_cast<std::uint8_t>(in_.front()) < 0x80) return u8();
    if (in_.size() >= 3) {
      const auto byte = [this](std::size_t i) { return std::uint64_t{static_cast<std::uint8_t>(in_[i])}; };
      const bool two = byte(1) < 0x80;
      if (two || byte(2) < 0x80) {
        const std::uint64_t value = (byte(0) & 0x7f) | (byte(1) & 0x7f) << 7 | (two ? 0 : byte(2) << 14);
        in_.remove_prefix(two ? 2 : 3);
        return value;
      }
    }
    const LongVarint read = long_varint(in_);
    if (read.bytes == 0) fail();
    in_.remove_prefix(read.bytes);
    return read.value;
  }
  // A view into the input. Longer than `limit`: not ok.
  std::string_view bytes(std::size_t limit = SIZE_MAX) {
    const std::uint64_t length = varint();
    if (length <= limit) return raw(length);
    fail();
    return {};
  }
  std::string_view raw(std::uint64_t length) {
    if (length > in_.size()) {
      fail();
      return {};
    }
    const std::string_view value = in_.substr(0, length);
    in_.remove_prefix(length);
    return value;
  }
  Epoch epoch() {
    Epoch value;
    value.round = u64();
    value.node = NodeId(u64());
    return value;
  }

  bool ok() const { return ok_; }
  // ok and everything read: no bytes left over.
  bool finished() const { return ok_ && in_.empty(); }
  std::size_t left() const { return in_.size(); }
  void fail() {
    ok_ = false;
    in_ = {};
  }

 private:
  template <class T>
  T fixed() {
    T value{};
    if (in_.size() < sizeof(T)) {
      fail();
      return value;
    }
    std::memcpy(&value, in_.data(), sizeof(T));
    in_.remove_prefix(sizeof(T));
    return value;
  }
  struct LongVarint {
    std::uint64_t value;
    std::size_t bytes;  // 0: there is none
  };
  // Is not told of the reader, so that a reader can live in registers.
  static LongVarint long_varint(std::string_view in);

  std::string_view in_;  // empty once a read has failed
  bool ok_ = true;
};

}  // namespace holdfast
