#include "cli/access.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

std::string other(std::uint16_t asked, const std::string& tls_port) {
  const Info info = {{"holdfast_address", "10.0.0.1:7379"}, {"holdfast_tls_port", tls_port}};
  return other_server({"10.0.0.1", asked}, info, "10.0.0.2:7379")->text();
}

TEST(Access, TheOtherServersTlsPortIsAsFarAway) {
  EXPECT_EQ(other(7379, "0"), "10.0.0.2:7379") << "in plain";
  EXPECT_EQ(other(7379, "7400"), "10.0.0.2:7379") << "in plain, and there is TLS";
  EXPECT_EQ(other(7400, "7400"), "10.0.0.2:7400");
  EXPECT_EQ(other(7379, "7379"), "10.0.0.2:7379") << "TLS only";
  EXPECT_EQ(other_server({"h", 1}, {}, "10.0.0.2:7379")->text(), "10.0.0.2:7379");
  EXPECT_FALSE(other_server({"h", 1}, {}, "-").ok());
}

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
