// Who looks on where a test asks its nodes and clients itself.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "sim/host.h"

namespace holdfast::sim {

// Lets nodes end: a removed one does, of its own accord.
struct Nobody final : HostObserver {
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string&) override {}
};

// Of a node that ends a test wants to know.
struct NobodyIfAllLive final : HostObserver {
  void on_turn(MachineId) override {}
  void on_death(MachineId, const std::string& why) override { FAIL() << why; }
};

}  // namespace holdfast::sim
