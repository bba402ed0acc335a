// Passwords as they are kept: never themselves, only a salted, slow hash (PBKDF2-HMAC-SHA256).
//
// Encoded as "pbkdf2-sha256$<iterations>$<salt hex>$<hash hex>". The hash is made by the node that
// the password was given to, before anything is sent or logged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::server {

using Salt = std::array<std::uint8_t, 16>;

// A few milliseconds: dear for who guesses, bearable for a loop that also serves others.
inline constexpr std::uint32_t kPasswordIterations = 10'000;

std::string encode_password(std::string_view password, const Salt& salt,
                            std::uint32_t iterations = kPasswordIterations);
// False also for an encoding that cannot be read.
bool password_matches(std::string_view password, std::string_view encoded);

// Remembers, in memory only and under a key of this process, which password matched an encoding, so
// that ten thousand clients that come back at once are not ten thousand slow hashes.
class PasswordCache {
 public:
  explicit PasswordCache(const Salt& key) : key_(key) {}
  bool matches(std::string_view password, std::string_view encoded);

 private:
  Salt key_;
  std::string encoded_;  // that the digest below matched
  std::string digest_;
};

}  // namespace holdfast::server
