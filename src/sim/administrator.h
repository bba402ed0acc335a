// The administrator of a simulated cluster: says which nodes are to go, to rest or to lead, over
// the wires and with the words that people use. He asks one node after the other until one has
// carried it out or says why it cannot be, and gives up after a while; so an order may be carried
// out, or not, or twice.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/prng.h"
#include "base/time.h"
#include "sim/network.h"

namespace holdfast::commands {
struct RosterNode;
}

namespace holdfast::sim {

class RawClient;
class World;

enum class Order : std::uint8_t { remove, drain, undrain, transfer };

class Administrator {
 public:
  explicit Administrator(World& world);
  ~Administrator();

  // About the node that has the address of this machine, as the leader's list says now. Nothing
  // happens if there is none, or nobody leads. He may not have noticed yet that a disk was lost, but
  // he never takes out the last node that is to vote and has its folder, nor all of these at once.
  void order(Order what, MachineId machine);
  // Whose disks will not keep what they have confirmed: they may stay or go, but they are not what he
  // leaves a cluster's data to.
  void rely_on_none_of(std::set<MachineId> machines) { unreliable_ = std::move(machines); }
  // Whether all nodes of the leader's list are to stay as they are, and no order is under way.
  bool at_peace() const;
  // Removes whose data folder is gone, lets everybody vote again, and tells who asks in vain where
  // the cluster is.
  void tidy();
  bool idle() const { return orders_.empty(); }
  // What has not been carried out is not tried any more.
  void stop() { orders_.clear(); }

 private:
  struct Task {
    Order what = Order::remove;
    NodeId node;
    Instant until;
  };
  bool is_borne(const commands::RosterNode& one) const;
  // It is to vote, has its folder on a disk that keeps it, and no order takes it out.
  bool stays(const commands::RosterNode& one) const;
  void show_the_way();
  void add(Order what, NodeId node);
  void look();
  void look_again(Duration after);
  void ask_another();
  bool is_answer(const std::string& text) const;

  World& world_;
  Prng prng_;
  std::deque<Task> orders_;
  std::set<MachineId> unreliable_;
  std::unique_ptr<RawClient> client_;
  bool planned_ = false;
  bool asked_ = false;
  Instant patience_;  // with the node that was asked
};

}  // namespace holdfast::sim
