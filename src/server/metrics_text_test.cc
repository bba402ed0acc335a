#include "server/metrics_text.h"

#include "server/client_test_tools.h"

namespace holdfast::server::testing {
namespace {

class MetricsTextTest : public ClientsTest {
 protected:
  std::string text() { return clients.metrics_text({.readiness = {true, "ready"}}); }
  bool has(std::string_view line) {
    return text().find("\n" + std::string(line) + "\n") != std::string::npos;
  }
};

TEST_F(MetricsTextTest, ACommandCountsFromItsArrivalToItsAnswer) {
  TestClient client(clients);
  client.say("SET a 1");
  turn();
  pass(milliseconds(3));
  answer(0, "+OK\r\n");
  EXPECT_TRUE(has("holdfast_commands_total{command=\"set\"} 1"));
  EXPECT_TRUE(has("holdfast_command_duration_seconds_bucket{command=\"set\",le=\"0.0025\"} 0"));
  EXPECT_TRUE(has("holdfast_command_duration_seconds_bucket{command=\"set\",le=\"0.005\"} 1"));
  EXPECT_TRUE(has("holdfast_command_duration_seconds_bucket{command=\"set\",le=\"+Inf\"} 1"));
  EXPECT_TRUE(has("holdfast_command_duration_seconds_sum{command=\"set\"} 0.003"));
  EXPECT_TRUE(has("holdfast_command_duration_seconds_count{command=\"set\"} 1"));
}

TEST_F(MetricsTextTest, ErrorsAreCountedByKindAndOddKindsTogether) {
  TestClient client(clients);
  client.say("SET a 1");
  client.say("SET a 2");
  client.say("SET a 3");
  turn();
  answer(0, "-WRONGTYPE no\r\n");
  answer(1, "-a\"b no\r\n");
  answer(2, "-\xff no\r\n");
  EXPECT_TRUE(has("holdfast_errors_total{kind=\"WRONGTYPE\"} 1"));
  EXPECT_TRUE(has("holdfast_errors_total{kind=\"\"} 2"));
  EXPECT_TRUE(has("holdfast_commands_failed_total{command=\"set\"} 3"));
}

TEST_F(MetricsTextTest, CertificatesTellHowLongTheyAreValid) {
  EXPECT_EQ(text().find("holdfast_certificate"), std::string::npos);
  node.shown = {{"clients", 1'800'000'000}, {"peers", 1'900'000'000}};
  EXPECT_TRUE(has("holdfast_certificate_expiry_timestamp_seconds{for=\"clients\"} 1800000000"));
  EXPECT_TRUE(has("holdfast_certificate_expiry_timestamp_seconds{for=\"peers\"} 1900000000"));
}

TEST_F(MetricsTextTest, ALeaderTellsTheLagOfEachReplica) {
  EXPECT_EQ(text().find("holdfast_replica_lag_entries{"), std::string::npos);
  node.replica_status.emplace();
  auto& protocol = node.replica_status->protocol;
  protocol.role = consensus::Role::leader;
  protocol.last = Index(100);
  protocol.peers = {{.node = NodeId(2), .match = Index(90)}, {.node = NodeId(3), .match = Index(100)}};
  EXPECT_TRUE(has("holdfast_replica_lag_entries{node=\"2\",address=\"10.0.0.2:7379\"} 10"));
  EXPECT_TRUE(has("holdfast_replica_lag_entries{node=\"3\",address=\"10.0.0.3:7379\"} 0"));
  EXPECT_TRUE(has("holdfast_role{role=\"leader\"} 1"));
  EXPECT_TRUE(has("holdfast_role{role=\"follower\"} 0"));
}

}  // namespace
}  // namespace holdfast::server::testing
