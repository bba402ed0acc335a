#include "cli/bench_nodes.h"

#include <gtest/gtest.h>

#include <set>

#include "server/config.h"

namespace holdfast::cli {
namespace {

TEST(BenchNodes, NoPortOfANodeIsAnothers) {
  Prng prng(1);
  const auto found = find_ports(100, prng);
  ASSERT_TRUE(found.ok()) << found.error().message;
  std::set<int> ports;
  for (const auto& address : *found) {
    for (const int offset : {0, int{server::kHttpPortOffset}, int{server::kPeerPortOffset},
                             2 * server::kPeerPortOffset}) {
      EXPECT_TRUE(ports.insert(address.port + offset).second) << address.port << " + " << offset;
    }
  }
}

}  // namespace
}  // namespace holdfast::cli
