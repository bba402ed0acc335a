// Nodes of a cluster of our own: this very program, started as `holdfast server` on free ports of
// 127.0.0.1, each with a folder for its data and a log of what it prints.
//
// Threads: one. Owns: the processes, which end with it; the folder, if it was not named by anybody.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/result.h"
#include "env/network.h"
#include "os/child_process.h"

namespace holdfast::cli {

// Clients' ports on 127.0.0.1 of `count` nodes, for which all the ports that go with them are free: none of
// them is another's. An error if there are not so many.
Result<std::vector<env::Address>> find_ports(std::uint32_t count, Prng& prng);

class BenchNodes {
 public:
  // `folder`: missing or empty; "": a temporary one, which is removed in the end. The nodes are
  // started, nothing more.
  static Result<std::unique_ptr<BenchNodes>> start(std::uint32_t count, const std::string& folder,
                                                   Prng prng);
  ~BenchNodes();
  BenchNodes(const BenchNodes&) = delete;
  BenchNodes& operator=(const BenchNodes&) = delete;

  const std::vector<env::Address>& servers() const { return servers_; }
  const std::string& folder() const { return folder_; }
  // The folder is left, whoever named it.
  void keep() { keep_ = true; }
  bool keeps() const { return keep_; }

  void kill(std::size_t node);
  void restart(std::size_t node);
  void pause(std::size_t node);
  void resume(std::size_t node);
  // Looks for nodes that ended without having been killed: a node is not to do that.
  void look_after();
  // How and with which last words they did; and what could not be started again.
  const std::vector<std::string>& deaths() const { return deaths_; }

 private:
  explicit BenchNodes(std::string folder) : folder_(std::move(folder)) {}
  Result<os::ChildProcess> launch(std::size_t node) const;
  std::string log_of(std::size_t node) const;
  std::string last_words(std::size_t node) const;

  std::string folder_;
  bool keep_ = true;
  std::vector<env::Address> servers_;
  std::vector<os::ChildProcess> processes_;
  std::vector<std::string> deaths_;
};

}  // namespace holdfast::cli
