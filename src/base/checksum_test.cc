#include "base/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/prng.h"

namespace holdfast {
namespace {

TEST(Checksum, OfPartsIsThatOfTheWhole) {
  Prng prng(1);
  for (int round = 0; round < 300; ++round) {
    std::string whole;
    for (std::uint64_t i = prng.below(round < 100 ? 20 : 3000); i > 0; --i) {
      whole += static_cast<char>(prng.below(256));
    }
    ChecksumOfParts parts;
    for (std::size_t at = 0; at < whole.size();) {
      const std::size_t length = std::min<std::size_t>(whole.size() - at, prng.below(700));
      parts.add(std::string_view(whole).substr(at, length));
      at += length;
    }
    ASSERT_EQ(parts.value(), checksum(whole)) << whole.size();
  }
}

}  // namespace
}  // namespace holdfast
