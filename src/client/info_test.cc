#include "client/info.h"

#include <gtest/gtest.h>

namespace holdfast::client {
namespace {

std::string other(std::uint16_t asked, const std::string& tls_port) {
  const Info info = {{"holdfast_address", "10.0.0.1:7379"}, {"holdfast_tls_port", tls_port}};
  return other_server({"10.0.0.1", asked}, info, "10.0.0.2:7379")->text();
}

TEST(Info, TheOtherServersTlsPortIsAsFarAway) {
  EXPECT_EQ(other(7379, "0"), "10.0.0.2:7379") << "in plain";
  EXPECT_EQ(other(7379, "7400"), "10.0.0.2:7379") << "in plain, and there is TLS";
  EXPECT_EQ(other(7400, "7400"), "10.0.0.2:7400");
  EXPECT_EQ(other(7379, "7379"), "10.0.0.2:7379") << "TLS only";
  EXPECT_EQ(other_server({"h", 1}, {}, "10.0.0.2:7379")->text(), "10.0.0.2:7379");
  EXPECT_FALSE(other_server({"h", 1}, {}, "-").ok());
}

TEST(Info, LinesWithoutAColonAreNoFields) {
  const Info info = parse_info("# Holdfast\r\nholdfast_version:1\r\nempty:\r\n\r\nlast:a:b");
  EXPECT_EQ(info, (Info{{"holdfast_version", "1"}, {"empty", ""}, {"last", "a:b"}}));
  EXPECT_TRUE(is_holdfast(info));
  EXPECT_FALSE(is_holdfast(parse_info("redis_version:7.0.15\r\n")));
  EXPECT_EQ(field(info, "missing"), "-");
}

}  // namespace
}  // namespace holdfast::client
