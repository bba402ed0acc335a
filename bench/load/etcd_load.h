// Puts to etcd as its own clients make them: gRPC over HTTP/2, several calls at once on each
// connection.
//
// etcd's own generator is not packaged by Debian, and `etcdctl check perf` never goes faster than
// its loads; this goes as fast as etcd answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "env/network.h"

namespace holdfast::load {

struct EtcdPlan {
  std::vector<env::Address> servers;  // connections go to them in turn
  std::uint32_t connections = 50;
  std::uint32_t calls = 1;  // at once, on each connection
  std::uint64_t keys = 100'000;
  std::uint32_t value_size = 16;
  Duration length{};
  Duration warm_up{};  // before it, not counted
};

// One line of JSON: units, seconds, per_second. Throws std::runtime_error when a call fails.
std::string run_etcd(const EtcdPlan& plan);

}  // namespace holdfast::load
