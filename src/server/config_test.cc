#include "server/config.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::server {
namespace {

ConfigLayer layer(std::string name, std::string value, std::string origin = "here") {
  return {{{std::move(name), std::move(value), std::move(origin)}}};
}

std::string error_of(const ConfigLayer& one) {
  const auto made = make_config({&one, 1});
  return made ? std::string() : made.error().message;
}

TEST(Config, LaterLayersStandOverEarlierOnes) {
  const ConfigLayer layers[] = {layer("listen", "127.0.0.1:1000", "file"),
                                layer("election_ms", "400", "variable"),
                                layer("listen", "127.0.0.1:2000", "flag")};
  const auto made = make_config(layers);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->config.listen.port, 2000);
  EXPECT_EQ(made->config.election_ms, 400);
  EXPECT_EQ(made->config.heartbeat_ms, 50);
  EXPECT_EQ(made->origins[0], "flag");
  EXPECT_EQ(made->config.peer_listen().text(), "127.0.0.1:12000");
}

TEST(Config, AnErrorNamesOriginSettingValueAndRange) {
  EXPECT_EQ(error_of(layer("max-clients", "0", "--max-clients")),
            "--max-clients: max-clients = '0' is not possible: it is 1 … 1000000 connections");
  EXPECT_EQ(error_of(layer("loops", "65", "--loops")),
            "--loops: loops = '65' is not possible: it is 1 … 64 threads");
  EXPECT_NE(error_of(layer("max-clients", "12x")).find("'12x'"), std::string::npos);
  EXPECT_NE(error_of(layer("colour", "red")).find("no setting 'colour'"), std::string::npos);
  EXPECT_NE(error_of(layer("log-level", "loud")).find("debug, info"), std::string::npos);
  EXPECT_NE(error_of(layer("bootstrap", "perhaps")).find("true or false"), std::string::npos);
  EXPECT_NE(error_of(layer("listen", "7379")).find("HOST:PORT"), std::string::npos);
  EXPECT_NE(error_of(layer("listen", "host:0")).find("has no port"), std::string::npos);
}

TEST(Config, ARateIsNoneOrNotTooLow) {
  EXPECT_EQ(error_of(layer("snapshot-send-bytes-per-s", "0")), "");
  EXPECT_EQ(error_of(layer("snapshot-send-bytes-per-s", "65536")), "");
  EXPECT_NE(error_of(layer("snapshot-send-bytes-per-s", "65535")).find("or 0"), std::string::npos);
  EXPECT_NE(error_of(layer("snapshot-send-bytes-per-s", "-1")), "");
}

TEST(Config, WhatDependsOnEachOtherIsCheckedTogether) {
  EXPECT_NE(error_of(layer("election-ms", "149")).find("three heartbeats (150 ms)"),
            std::string::npos);
  EXPECT_NE(error_of(layer("listen", "127.0.0.1:60000")).find("peer-port"), std::string::npos);
  EXPECT_NE(error_of(layer("join", "127.0.0.1:60000")).find("@PEERPORT"), std::string::npos);
  EXPECT_EQ(error_of(layer("join", "127.0.0.1:60000@7")), "");
}

TEST(Config, AListOfPlaces) {
  const auto made = make_config({{layer("join", "localhost:1,127.0.0.1:2@30,[::1]:4")}});
  ASSERT_TRUE(made.ok());
  ASSERT_EQ(made->config.join.size(), 3U);
  EXPECT_EQ(made->config.join[0].peer().text(), "localhost:10001");
  EXPECT_EQ(made->config.join[1].peer().text(), "127.0.0.1:30");
  EXPECT_EQ(made->config.join[2].peer().text(), "[::1]:10004");
  EXPECT_NE(error_of(layer("join", "127.0.0.1:1,,127.0.0.1:2")), "");
  EXPECT_NE(error_of(layer("join", "127.0.0.1:1@0")), "");
  EXPECT_NE(error_of(layer("join", "127.0.0.1:1@65536")), "");
}

TEST(Config, ThePeerPortLeavesLoopbackWithASecretOrTlsOnly) {
  const ConfigLayer layers[] = {layer("listen", "192.0.2.1:7379"),
                                layer("cluster-secret", "/etc/holdfast/secret")};
  const auto open = make_config({layers, 1});
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(open->config.peer_listen().text(), "127.0.0.1:17379");
  const auto made = make_config(layers);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->config.peer_listen().text(), "192.0.2.1:17379");
  Config tls = open->config;
  tls.peer_tls_cert_file = "cert.pem";
  EXPECT_EQ(tls.peer_listen().text(), "192.0.2.1:17379");
}

TEST(Config, TlsNeedsWhatBelongsToIt) {
  const auto error = [](std::vector<ConfigLayer> layers) {
    const auto made = make_config(layers);
    return made ? std::string() : made.error().message;
  };
  std::vector<ConfigLayer> layers = {layer("tls-port", "7380")};
  EXPECT_NE(error(layers).find("tls-key-file"), std::string::npos);
  layers.push_back(layer("tls-cert-file", "cert.pem"));
  layers.push_back(layer("tls-key-file", "key.pem"));
  EXPECT_NE(error(layers).find("tls-ca-cert-file"), std::string::npos);
  layers.push_back(layer("tls-auth-clients", "no"));
  EXPECT_EQ(error(layers), "");
  layers.push_back(layer("tls-auth-clients", "perhaps"));
  EXPECT_NE(error(layers).find("yes, optional or no"), std::string::npos);
  layers = {layer("peer-tls-cert-file", "cert.pem"), layer("peer-tls-key-file", "key.pem")};
  EXPECT_NE(error(layers).find("all three"), std::string::npos);
  layers.push_back(layer("peer-tls-ca-cert-file", "ca.pem"));
  EXPECT_EQ(error(layers), "");
  EXPECT_NE(error({layer("peer-tls-name", "node")}), "");
}

TEST(Config, ClientsMaySpeakTlsOnly) {
  const auto made = [](std::string listen, std::string port) {
    const ConfigLayer layers[] = {
        layer("listen", std::move(listen)), layer("tls-port", std::move(port)),
        layer("tls-cert-file", "c"), layer("tls-key-file", "k"), layer("tls-auth-clients", "no")};
    const auto config = make_config(layers);
    CHECK(config.ok(), "{}", config.error().message);
    return config->config;
  };
  const Config both = made("192.0.2.1:7379", "7400");
  EXPECT_TRUE(both.plain_clients());
  EXPECT_EQ(both.tls_listen()->text(), "192.0.2.1:7400");
  for (const char* listen : {"192.0.2.1:0", "192.0.2.1:7400"}) {
    const Config only = made(listen, "7400");
    EXPECT_FALSE(only.plain_clients());
    EXPECT_EQ(only.listen.text(), "192.0.2.1:7400") << "where others know it";
    EXPECT_EQ(only.peer_listen().port, 17400);
  }
  EXPECT_FALSE(Config{}.tls_listen());
}

// What --print-config prints is a configuration file that gives the same configuration.
TEST(Config, PrintedValuesCanBeReadBack) {
  const ConfigLayer layers[] = {layer("join", "127.0.0.1:1,127.0.0.1:2"),
                                layer("data", "a \"folder\"\\\n"), layer("bootstrap", "yes")};
  const auto made = make_config(layers);
  ASSERT_TRUE(made.ok());
  const std::string text = print_config(*made);
  EXPECT_NE(text.find("data = \"a \\\"folder\\\"\\\\\\u000A\""), std::string::npos) << text;
  EXPECT_NE(text.find("join = \"127.0.0.1:1,127.0.0.1:2\""), std::string::npos) << text;
  std::set<std::string_view> names;
  for (const Setting& setting : all_settings()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    Config again;
    EXPECT_TRUE(apply_setting(again, setting.name, setting.get(made->config, setting)).ok())
        << setting.name;
    EXPECT_NE(text.find(fmt::format("\n{} = ", setting.name)), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::server
