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

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u16(std::uint16_t value) { fixed(value); }
  void u32(std::uint32_t value) { fixed(value); }
  void u64(std::uint64_t value) { fixed(value); }
  void i64(std::int64_t value) { fixed(static_cast<std::uint64_t>(value)); }
  // LEB128, one to ten bytes.
  void varint(std::uint64_t value);
  // varint length, then the bytes.
  void bytes(std::string_view value);
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
  std::uint64_t varint();
  // A view into the input. Longer than `limit`: not ok.
  std::string_view bytes(std::size_t limit = SIZE_MAX);
  std::string_view raw(std::size_t length);
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

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace holdfast
