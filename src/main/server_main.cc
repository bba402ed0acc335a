#include "main/server_main.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "main/server_tls.h"
#include "os/entropy.h"
#include "os/event_loop.h"
#include "os/file_disk.h"
#include "os/process_figures.h"
#include "os/processor_share.h"
#include "os/secret_file.h"
#include "os/stderr_trace.h"
#include "os/system_clock.h"
#include "os/tcp.h"
#include "server/node.h"

namespace holdfast {
namespace {

int say(const std::string& message) {
  fmt::print(stderr, "holdfast: {}\n", message);
  return 1;
}

// A connection is a file: take as many as this user may have.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Looking for work takes processor time that is needed for work where there is not one for the disks'
// threads, beside one for each loop.
bool may_busy_poll(const server::Config& config, Trace& trace) {
  const double share = os::processor_share();
  const auto needed = static_cast<double>(config.loops) + 1;
  if (share >= needed) return true;
  trace.info("busy polling is off, whatever busy-poll-us says: too few processors",
             {{"processors", fmt::format("{:.2f}", share)}, {"needed", fmt::format("{:.0f}", needed)}});
  return false;
}

// The node's turn; and what may change while it runs is brought to where it matters.
class Turns final : public env::TurnHandler {
 public:
  Turns(server::Node& node, os::StderrTrace& trace, os::EventLoop& loop, bool may_busy_poll)
      : node_(node), trace_(trace), loop_(loop), may_busy_poll_(may_busy_poll) {}

  void on_turn_end() override {
    node_.on_turn_end();
    if (const auto level = os::parse_level(node_.config().log_level)) trace_.set_level(*level);
    loop_.set_busy_poll(microseconds(may_busy_poll_ ? node_.config().busy_poll_us : 0));
  }
  Instant wake_at() const override { return node_.wake_at(); }

 private:
  server::Node& node_;
  os::StderrTrace& trace_;
  os::EventLoop& loop_;
  const bool may_busy_poll_;
};

// Of the file that the configuration names; none if it names none.
Result<std::vector<std::string>> cluster_secrets(const server::Config& config) {
  if (config.cluster_secret.empty()) return std::vector<std::string>();
  const auto content = os::read_secret_file(config.cluster_secret);
  if (!content) return content.error();
  auto secrets = server::parse_secrets(*content);
  if (secrets) return secrets;
  return Error{
      fmt::format("cannot use the secret file {}: {}. openssl rand -hex 32 makes a secret.",
                  config.cluster_secret, secrets.error().message)};
}

// A node whose audit log cannot be written goes on, and counts what is missing there.
std::unique_ptr<os::FileDisk> open_audit_disk(const server::Config& config, os::EventLoop& loop,
                                              Trace& trace) {
  if (config.audit_log.empty()) return nullptr;
  auto disk = os::FileDisk::open(config.audit_log, loop);
  if (disk) return *std::move(disk);
  trace.error("the audit log cannot be written: what happens is missing there",
              {{"folder", config.audit_log}, {"reason", disk.error().message}});
  return nullptr;
}

// SIGHUP: what the node was told at its start may have become something else.
void read_again(server::Node& node, Trace& trace) {
  const auto used = node.use_certificates(node.config());
  const bool any = node.config().tls_port != 0 || node.config().peer_tls();
  if (used) return trace.info(any ? "certificates read again" : "no certificates to read again", {});
  trace.error("certificates stay as they were", {{"reason", used.error().message}});
}

// Nothing may be sent or acknowledged any more, so the loop does not get another turn.
[[noreturn]] void end_at_once(const std::string& message) {
  say(message);
  std::fflush(nullptr);
  std::_Exit(1);
}

}  // namespace

int run_server(const server::Config& config) {
  raise_file_limit();
  auto secrets = cluster_secrets(config);
  if (!secrets) return say(secrets.error().message);
  os::SystemClock clock;
  os::StderrTrace trace(
      os::parse_level(config.log_level).value_or(Level::info),
      config.log_format == "json" ? os::TraceFormat::json : os::TraceFormat::text);
  os::EventLoop loop(clock);
  os::TcpNetwork network(loop, trace, static_cast<int>(config.loops));
  ServerTls tls(loop, network, trace);
  if (auto begun = tls.begin(config); !begun) return say(begun.error().message);
  auto disk = os::FileDisk::open(config.data, loop);
  if (!disk) return say(disk.error().message);
  const auto audit_disk = open_audit_disk(config, loop, trace);
  server::Node node({.config = config,
                     .seed = os::random_seed(),
                     .process_id = static_cast<std::uint64_t>(::getpid()),
                     .secrets = *std::move(secrets),
                     .entropy = os::random_seed,
                     .audit_disk = audit_disk.get(),
                     .clients = &network.spread(),
                     .tls_clients = tls.clients(),
                     .tls_peers = tls.peers(),
                     .use_certificates =
                         [&tls](const server::Config& changed) { return tls.use(changed); },
                     .certificates = [&tls] { return tls.figures(); },
                     .fatal = end_at_once,
                     .stopped = [&loop] { loop.stop(); },
                     .loop = &loop,
                     .process_figures = os::process_figures},
                    clock, **disk, network, trace);
  if (auto started = node.start(); !started) return say(started.error().message);
  loop.on_terminate([&node](int) { node.shut_down(); });
  loop.on_hangup([&node, &trace] { read_again(node, trace); });
  Turns turns(node, trace, loop, may_busy_poll(config, trace));
  loop.run(turns);
  return 0;
}

}  // namespace holdfast
