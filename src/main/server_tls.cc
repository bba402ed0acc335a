#include "main/server_tls.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/calendar.h"
#include "os/system_clock.h"
#include "server/peer_frame.h"

namespace holdfast {
namespace {

constexpr std::int64_t kSoonMs = std::int64_t{14} * 86'400 * 1000;

constexpr const char* kToPlainClients =
    "-ERR this port speaks TLS only: connect with TLS (redis-cli --tls)\r\n";
constexpr const char* kToPlainPeers =
    "the node that was reached speaks TLS to other nodes, and the one that dialled does not. Start "
    "all nodes of a cluster with --peer-tls-cert-file and what belongs to it.";

using Ask = os::TlsSettings::Ask;

os::TlsSettings client_settings(const server::Config& config) {
  os::TlsSettings settings;
  settings.cert_file = config.tls_cert_file;
  settings.key_file = config.tls_key_file;
  settings.ca_file = config.tls_ca_cert_file;
  settings.ask = config.tls_auth_clients == "yes"        ? Ask::required
                 : config.tls_auth_clients == "optional" ? Ask::optional
                                                         : Ask::no;
  return settings;
}

os::TlsSettings peer_settings(const server::Config& config) {
  os::TlsSettings settings;
  settings.cert_file = config.peer_tls_cert_file;
  settings.key_file = config.peer_tls_key_file;
  settings.ca_file = config.peer_tls_ca_cert_file;
  settings.ask = Ask::required;
  settings.mutual = true;
  settings.name = config.peer_tls_name;
  settings.names = os::TlsSettings::kPeerNames;
  return settings;
}

using Loaded = Result<std::shared_ptr<const os::TlsContext>>;

Loaded load_if(bool wanted, const os::TlsSettings& settings) {
  if (!wanted) return std::shared_ptr<const os::TlsContext>();
  return os::TlsContext::load(settings);
}

}  // namespace

ServerTls::ServerTls(os::EventLoop& loop, os::TcpNetwork& tcp, Trace& trace)
    : loop_(loop), tcp_(tcp), trace_(trace) {}

Result<void> ServerTls::begin(const server::Config& config) {
  auto for_clients = load_if(config.tls_port != 0, client_settings(config));
  if (!for_clients) return for_clients.error();
  auto for_peers = load_if(config.peer_tls(), peer_settings(config));
  if (!for_peers) return for_peers.error();
  if (*for_clients != nullptr) {
    tell("clients", **for_clients);
    clients_ = std::make_unique<os::TlsNetwork>(
        loop_, tcp_, trace_,
        os::TlsNetwork::Options{*std::move(for_clients), kToPlainClients, true});
  }
  if (*for_peers != nullptr) {
    tell("peers", **for_peers);
    const std::string answer =
        server::make_frame(server::FrameKind::refused, server::encode_refusal(kToPlainPeers));
    peers_ = std::make_unique<os::TlsNetwork>(
        loop_, tcp_, trace_, os::TlsNetwork::Options{*std::move(for_peers), answer});
  }
  return {};
}

Result<void> ServerTls::use(const server::Config& config) {
  auto for_clients = load_if(clients_ != nullptr, client_settings(config));
  if (!for_clients) return for_clients.error();
  auto for_peers = load_if(peers_ != nullptr, peer_settings(config));
  if (!for_peers) return for_peers.error();
  if (clients_) {
    tell("clients", **for_clients);
    clients_->use(*std::move(for_clients));
  }
  if (peers_) {
    tell("peers", **for_peers);
    peers_->use(*std::move(for_peers));
  }
  return {};
}

std::vector<env::CertificateFigures> ServerTls::figures() const {
  std::vector<env::CertificateFigures> all;
  if (clients_) all.push_back({"clients", clients_->context().expires().ms / 1000});
  if (peers_) all.push_back({"peers", peers_->context().expires().ms / 1000});
  return all;
}

void ServerTls::tell(const char* whose, const os::TlsContext& context) {
  const std::int64_t left = context.expires().ms - os::SystemClock().wall().ms;
  const WallTime until = context.expires();
  const Level level = left < kSoonMs ? Level::warning : Level::info;
  if (!trace_.enabled(level)) return;
  trace_.write(level, level == Level::warning ? "certificate expires soon" : "certificate read",
               {{"for", whose},
                {"file", context.settings().cert_file},
                {"subject", context.subject()},
                {"valid_until", fmt::format("{}T{}Z", day_text(until), hour_text(until))}});
}

}  // namespace holdfast
