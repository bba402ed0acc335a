#include "server/password.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

constexpr Salt kSalt{1, 2, 3};

TEST(Password, MatchesWhatWasEncodedAndNothingElse) {
  const std::string encoded = encode_password("secret", kSalt, 100);
  EXPECT_TRUE(encoded.starts_with("pbkdf2-sha256$100$0102030000"));
  EXPECT_EQ(encoded.find("secret"), std::string::npos);
  EXPECT_TRUE(password_matches("secret", encoded));
  EXPECT_FALSE(password_matches("Secret", encoded));
  EXPECT_FALSE(password_matches("", encoded));
  EXPECT_NE(encode_password("secret", Salt{9}, 100), encoded);
}

TEST(Password, AnEncodingThatMakesNoSenseMatchesNothing) {
  const std::string good = encode_password("x", kSalt, 1);
  for (const std::string& bad :
       {std::string(), std::string("x"), std::string("pbkdf2-sha256$"),
        std::string("pbkdf2-sha256$1$zz$00"), good.substr(0, good.size() - 1), good + "0",
        std::string("pbkdf2-sha256$99999999999$") + good.substr(16)}) {
    EXPECT_FALSE(password_matches("x", bad)) << bad;
  }
}

TEST(Password, ACacheRemembersWhatMatchedAndForgetsWithANewEncoding) {
  PasswordCache cache(kSalt);
  const std::string encoded = encode_password("one", kSalt, 1);
  EXPECT_TRUE(cache.matches("one", encoded));
  EXPECT_TRUE(cache.matches("one", encoded));
  EXPECT_FALSE(cache.matches("two", encoded));
  const std::string other = encode_password("two", kSalt, 1);
  EXPECT_FALSE(cache.matches("one", other));
  EXPECT_TRUE(cache.matches("two", other));
}

}  // namespace
}  // namespace holdfast::server
