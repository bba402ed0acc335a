// The load itself: clients, and what is done to nodes meanwhile, in one loop on this thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/bench_client.h"
#include "cli/bench_faults.h"
#include "cli/bench_figures.h"
#include "cli/bench_keys.h"
#include "cli/bench_nodes.h"
#include "cli/bench_options.h"
#include "os/event_loop.h"
#include "os/system_clock.h"
#include "os/tcp.h"
#include "os/tls.h"

namespace holdfast::cli {

class BenchLoad final : private env::TurnHandler {
 public:
  // `tls`: null, in plain. `nodes`: ours, or null. All that is handed in outlives it.
  BenchLoad(const BenchOptions& options, std::shared_ptr<const os::TlsContext> tls,
            const std::vector<env::Address>& servers,
            BenchNodes* nodes, const os::SystemClock& clock, Figures& figures, BenchKeys& keys);

  // Until the time is up, or SIGINT or SIGTERM; then what was begun is ended. On a second signal
  // that is given up.
  void run();
  bool interrupted() const { return signals_ > 0; }

  // REQUIRES: it was run. In the order in which operations were asked.
  workload::History take_history();
  // What servers said that they must not, and what could not be done as planned.
  std::vector<std::string> problems() const;
  std::size_t disturbances_left() const { return faults_ ? faults_->left() : 0; }

 private:
  void on_turn_end() override;
  Instant wake_at() const override;
  void begin_winding_down(Instant now);
  void finish(Instant now);

  BenchNodes* nodes_;
  const env::Clock& clock_;
  Figures& figures_;
  BenchKeys& keys_;
  bool keeps_history_;
  Duration length_;

  NoTrace trace_;
  os::EventLoop loop_;
  os::TcpNetwork network_;
  std::unique_ptr<os::TlsNetwork> tls_;
  BenchClient::Plan plan_;
  std::vector<std::unique_ptr<BenchClient>> clients_;
  std::unique_ptr<BenchFaults> faults_;

  Instant began_;
  Instant next_;  // the end of the load; then when to give up winding down
  Instant look_at_ = Instant::never();
  bool winding_down_ = false;
  int signals_ = 0;
};

}  // namespace holdfast::cli
