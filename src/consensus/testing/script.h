// Protocol stories as text: commands, a line of dashes, and everything that happened.
//
//   # Node 1 asks for votes; nothing leaves before its promise is durable.
//   campaign 1
//   ----
//   1: campaigns
//     ...
//
// Comments and commands are kept, what follows the dashes is compared, or rewritten: run
// consensus_test with HOLDFAST_REWRITE=1 and read the difference. Commands, one a line:
//
//   nodes 1 2 3 [learners 4] [spare 5 6] [window_messages=N] [window_bytes=N] [message_bytes=N]
//         [uncommitted_bytes=N] [promise1=3.2] [log1=1.1,2.3,2.3:1+2] [leases]
//         [last=3]      who is to lead only if nobody else can
//                       what node 1 found on disk; the last entry makes 1 and 2 the voters
//   campaign N            moves N's clock until it campaigns
//   elect N               the same, and everything delivered, without telling
//   elapse N MS           moves N's clock, with ticks
//   jump N MS             moves N's clock at once, as for a process that was stopped
//   propose N TEXT        read N TICKET [lease]  transfer N TO        liveness N PEER up|down
//   deliver|drop [from=N] [to=N] [kind=K]        what waits now, not what that brings about
//   sync N [COUNT]        completes writes, oldest first
//   stabilize [N ...]     delivers and completes until nothing moves (only among these nodes)
//   crash N [KEPT]        loses the writes under way but for the oldest KEPT
//   restart N             lose N    (its log, while it is down)
//   compact N INDEX [KEEP]    snapshot FROM TO    sent N TO ok|failed    install N
//   cut FROM TO           isolate N              heal
//   membership N 1,2,3 [learners 4,5]            asks N for these voters and learners
//   appoint N             fault N                (inputs that Raft cannot serve)
//   log N                 status [N]             members [N]      network
//   quietly COMMAND       the same without telling
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consensus/testing/cluster.h"

namespace holdfast::consensus::testing {

class Script {
 public:
  // `base`: what the `nodes` command does not say.
  explicit Script(ClusterOptions base = {});

  // Runs the text of a whole file and returns it with the outcomes of this run.
  std::string run(const std::string& text);

 private:
  std::string execute(const std::string& line);
  void make_cluster(const std::vector<std::string>& words);
  bool run_time(const std::vector<std::string>& words);
  bool run_input(const std::vector<std::string>& words, const std::string& line);
  bool run_network(const std::vector<std::string>& words);
  bool run_disk(const std::vector<std::string>& words);
  bool run_look(const std::vector<std::string>& words);
  void say(const std::string& line);

  ClusterOptions base_;
  std::unique_ptr<Cluster> cluster_;
  std::string out_;
};

}  // namespace holdfast::consensus::testing
