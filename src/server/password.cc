#include "server/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <optional>
#include <span>

#include "base/check.h"
#include "resp/number.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kScheme = "pbkdf2-sha256$";
constexpr std::size_t kHashBytes = 32;
// An encoding comes from the log; an absurd count must not stop the loop.
constexpr std::int64_t kMaxIterations = 1'000'000;

using Hash = std::array<std::uint8_t, kHashBytes>;

Hash derive(std::string_view password, std::span<const std::uint8_t> salt,
            std::uint32_t iterations) {
  Hash hash{};
  const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                     salt.data(), static_cast<int>(salt.size()),
                                     static_cast<int>(iterations), EVP_sha256(),
                                     static_cast<int>(hash.size()), hash.data());
  CHECK(done == 1, "PBKDF2 failed");
  return hash;
}

void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> bytes) {
  if (text.size() != bytes.size() * 2) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

struct Encoded {
  std::uint32_t iterations = 0;
  Salt salt{};
  Hash hash{};
};

std::optional<Encoded> read_encoded(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const std::size_t first = text.find('$');
  const std::size_t second = text.find('$', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  Encoded encoded;
  std::int64_t iterations = 0;
  if (!resp::parse_integer(text.substr(0, first), iterations) || iterations < 1 ||
      iterations > kMaxIterations ||
      !read_hex(text.substr(first + 1, second - first - 1), encoded.salt) ||
      !read_hex(text.substr(second + 1), encoded.hash)) {
    return std::nullopt;
  }
  encoded.iterations = static_cast<std::uint32_t>(iterations);
  return encoded;
}

}  // namespace

std::string encode_password(std::string_view password, const Salt& salt,
                            std::uint32_t iterations) {
  std::string text(kScheme);
  resp::append_integer(text, iterations);
  text.push_back('$');
  append_hex(text, salt);
  text.push_back('$');
  append_hex(text, derive(password, salt, iterations));
  return text;
}

bool password_matches(std::string_view password, std::string_view encoded) {
  const auto wanted = read_encoded(encoded);
  if (!wanted) return false;
  const Hash hash = derive(password, wanted->salt, wanted->iterations);
  return CRYPTO_memcmp(hash.data(), wanted->hash.data(), hash.size()) == 0;
}

bool PasswordCache::matches(std::string_view password, std::string_view encoded) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int length = 0;
  const auto* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                          reinterpret_cast<const unsigned char*>(password.data()), password.size(),
                          reinterpret_cast<unsigned char*>(digest.data()), &length);
  CHECK(made != nullptr, "HMAC failed");
  digest.resize(length);
  if (encoded == encoded_ && digest.size() == digest_.size() &&
      CRYPTO_memcmp(digest.data(), digest_.data(), digest.size()) == 0) {
    return true;
  }
  if (!password_matches(password, encoded)) return false;
  encoded_ = encoded;
  digest_ = std::move(digest);
  return true;
}

}  // namespace holdfast::server
