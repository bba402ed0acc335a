#include "cli/access.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

TEST(Access, WhatBelongsToTlsNeedsIt) {
  EXPECT_TRUE(Access{}.context().ok());
  EXPECT_EQ(*Access{}.context(), nullptr);
  Access access{.cacert = "ca.pem"};
  EXPECT_NE(access.context().error().message.find("--tls"), std::string::npos);
  access = {.tls = true, .cert = "cert.pem"};
  EXPECT_NE(access.context().error().message.find("--key"), std::string::npos);
  access = {.tls = true, .cacert = "/no/such/ca.pem"};
  const std::string said = access.context().error().message;
  EXPECT_NE(said.find("/no/such/ca.pem"), std::string::npos) << said;
  EXPECT_NE(said.find("--cacert"), std::string::npos) << said;
}

}  // namespace
}  // namespace holdfast::cli
