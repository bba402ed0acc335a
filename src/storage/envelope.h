// What our small files have in common: magic, version, length, body, checksum of all before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::storage {

inline constexpr std::size_t kEnvelopeHeaderBytes = 16;
inline constexpr std::size_t kEnvelopeBytes = kEnvelopeHeaderBytes + 8;

struct Envelope {
  std::uint64_t magic = 0;
  std::uint32_t version = 0;  // the newest that this program knows
  std::string_view what;      // for people: "the identity file"
};

// magic (8), version (4), length of the body (4), body, checksum (8): in every version.
std::string seal(const Envelope& envelope, std::string_view body);
// The body of the envelope that `bytes` begins with; more may follow. The error names the file.
Result<std::string_view> unseal(const Envelope& envelope, std::string_view name,
                                std::string_view bytes);

// Whole, and of a version that this program does not know.
bool is_newer(const Envelope& envelope, std::string_view bytes);

}  // namespace holdfast::storage
