// The way in: whose folder is this, which cluster, from which log. And the way out.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutation.h"
#include "server/last_resort.h"
#include "server/node.h"
#include "storage/met_starts.h"
#include "storage/set_aside.h"

namespace holdfast::server {
namespace {

constexpr Duration kDrain = seconds(2);
constexpr Duration kSayAgain = seconds(30);
// Less than a client notices, and more than lies between two entries under load.
constexpr Duration kCommitNotice = milliseconds(1);
constexpr Duration kReadRoundPause = microseconds(200);
// More than a turn of a follower at work, so that load alone does not ask more of everybody.
constexpr Duration kReadRoundPatience = milliseconds(5);
// The end of the log that memory holds, too: whoever is further behind is sent a snapshot.
constexpr std::uint64_t kLogInMemory = 64 << 20;

bool is_ours(std::string_view name) {
  return name == "lock" || name.starts_with("identity") || name.starts_with("log-") ||
         name.starts_with("snapshot-") || name.starts_with("recovering") ||
         name.starts_with("damaged-") || name.starts_with(storage::kMetStarts);
}

bool is_wildcard(const env::Address& address) {
  return address.host == "0.0.0.0" || address.host == "::";
}

// Where TLS is spoken; for the log.
std::string tls_text(const Config& config) {
  const auto clients = config.tls_listen();
  std::string text = clients ? "clients at " + clients->text() : "";
  if (config.peer_tls()) text += text.empty() ? "peers" : ", peers";
  return text.empty() ? "none" : text;
}

std::string addresses(const storage::Identity& identity) {
  std::string text;
  for (const storage::Member& member : identity.members) {
    if (!text.empty()) text += ",";
    text += member.address;
  }
  return text;
}

}  // namespace

Result<void> Node::start() {
  if (auto looked = look_at_folder(); !looked) return looked;
  take_peer_port();
  if (auto may = may_start(); !may) return may;
  if (auto listening = listen(); !listening) return listening;
  return begin();
}

std::uint64_t Node::fresh_id() {
  std::uint64_t id = 0;
  while (id == 0) id = prng_.next();
  return id;
}

// ---- Whose folder -------------------------------------------------------------------------------

// Changes nothing on the disk: what is wrong is said before.
Result<void> Node::look_at_folder() {
  auto identity = storage::load_identity(disk_);
  if (!identity) return identity.error();
  identity_ = *std::move(identity);
  if (identity_.folder_uid != 0) return {};
  auto files = disk_.list();
  if (!files) return files.error();
  for (const env::FileInfo& file : *files) {
    if (is_ours(file.name)) continue;
    return Error{
        fmt::format("the data folder {} holds files that are not Holdfast's ({}). Nothing "
                    "has been changed. Name an empty folder with --data.",
                    options_.config.data, file.name)};
  }
  identity_.folder_uid = fresh_id();
  return {};
}

// The cluster, or the list, says where the others will look for this node.
void Node::take_peer_port() {
  Config& config = options_.config;
  if (config.peer_port != 0) return;
  if (identity_.members.size() > 1) {
    const storage::Member* self = identity_.find(identity_.node);
    const auto known = env::Address::parse(self == nullptr ? "" : self->peer_address);
    if (known) config.peer_port = known->port;
    return;
  }
  for (const Place& place : config.join) {
    if (place.client.port == config.listen.port) config.peer_port = place.peer().port;
  }
}

Result<void> Node::may_start() const {
  const Config& config = options_.config;
  const bool founded = identity_.cluster_id != 0;
  const std::size_t nodes = founded ? identity_.members.size() : config.join.size();
  // A list of one other node is a cluster to join.
  const bool meets_others =
      nodes > 1 || (nodes == 1 && !founded && config.join[0].client != config.listen);
  const bool all_loopback =
      config.listen.is_loopback() &&
      (founded || std::all_of(config.join.begin(), config.join.end(),
                              [](const Place& place) { return place.client.is_loopback(); }));
  if (meets_others && !all_loopback && keys_.empty() && !config.peer_tls()) {
    return Error{
        "nodes of one cluster that do not all listen on loopback (127.0.0.1) need a secret or "
        "certificates: without either whoever reaches a peer port could read and change all data. "
        "Nothing has been changed. Give every node the same file with --cluster-secret, or TLS with "
        "--peer-tls-cert-file (docs/guide/security.md). A single node may serve clients elsewhere "
        "with --bootstrap."};
  }
  if (meets_others && is_wildcard(config.listen)) {
    return Error{
        fmt::format("--listen {} is no address at which the other nodes could find this one. "
                    "Nothing has been changed. Name the address of this machine that they reach.",
                    config.listen.text())};
  }
  if (!founded && config.join.empty() && !config.listen.is_loopback() && !config.bootstrap) {
    return Error{
        fmt::format("the data folder {} is empty, and {} can be reached from elsewhere. To "
                    "make a new cluster of this one node there, add --bootstrap; to take "
                    "part in another, name its nodes with --join.",
                    config.data, config.listen.text())};
  }
  if (!founded) return {};
  if (identity_.find(identity_.node) == nullptr) return Error{std::string(kRemoved)};
  if (identity_.older_than && nodes < storage::kNodesToRecoverFrom) {
    return Error{fmt::format("{}: another node has met its start number {}. {}", kOlderCopy,
                             identity_.older_than, kTooFewToForget)};
  }
  if (nodes == 1) return {};
  const storage::Member& member = *identity_.find(identity_.node);
  const auto address = env::Address::parse(member.address);
  if (!address || address->port != config.listen.port ||
      member.peer_address != Place(*address, config.peer_port).peer().text()) {
    return Error{fmt::format(
        "this data folder is node {} of a cluster that knows it as {} (peers: {}), but it is told "
        "to listen on {} (peers: {}). Nothing has been changed. Start it with the address that it "
        "had; the others would not find it elsewhere.",
        identity_.node, member.address, member.peer_address, config.listen.text(),
        config.peer_listen().text())};
  }
  return {};
}

// Nobody is spoken to in plain where TLS was asked for.
env::Network& Node::peer_network() const {
  if (!options_.config.peer_tls()) return network_;
  CHECK(options_.tls_peers != nullptr, "TLS between nodes is asked for, and there is none");
  return *options_.tls_peers;
}

Result<void> Node::use_certificates(const Config& changed) {
  if (changed.peer_tls() != options_.config.peer_tls()) {
    return Error{"TLS between nodes is turned on or off at a restart of all of them"};
  }
  if (auto checked = check_certificate_settings(changed); !checked) return checked;
  if (options_.use_certificates) return options_.use_certificates(changed);
  return {};
}

Result<void> Node::listen_for_clients() {
  clients_ = std::make_unique<Clients>(*this);
  const auto accept = [this](env::Stream& stream) { return clients_->accept(stream); };
  const Config& config = options_.config;
  if (config.plain_clients()) {
    env::Network& clients = options_.clients == nullptr ? network_ : *options_.clients;
    auto plain = clients.listen(config.listen, accept);
    if (!plain) return plain.error();
    client_listener_ = *std::move(plain);
  }
  const auto address = config.tls_listen();
  if (!address) return {};
  CHECK(options_.tls_clients != nullptr, "TLS for clients is asked for, and there is none");
  auto tls = options_.tls_clients->listen(*address, accept);
  if (!tls) {
    return Error{fmt::format("{} This is the port for clients that speak TLS; --tls-port names "
                             "another.",
                             tls.error().message)};
  }
  tls_listener_ = *std::move(tls);
  return {};
}

Result<void> Node::listen() {
  if (auto clients = listen_for_clients(); !clients) return clients;
  const auto accept = [this](env::Stream& stream) -> std::shared_ptr<env::StreamHandler> {
    if (peers_) return peers_->accept(stream);
    return founding_ ? founding_->accept(stream) : nullptr;
  };
  auto peers = peer_network().listen(options_.config.peer_listen(), accept);
  if (!peers) {
    return Error{fmt::format("{} This is the port for other nodes; --peer-port names another.",
                             peers.error().message)};
  }
  peer_listener_ = *std::move(peers);
  return listen_for_http();
}

// ---- Which cluster ------------------------------------------------------------------------------

// Every start counts, durably, before anything is said to anybody.
Result<void> Node::begin() {
  const bool first = identity_.incarnation.value == 0;
  if (first || !mutated(Mutation::incarnation_reused)) {
    storage::count_start(identity_, fresh_id());
  }
  const Config& config = options_.config;
  begun_at_ = now();
  may_have_promised_ = milliseconds(identity_.election_ms);
  identity_.election_ms =
      std::max(identity_.election_ms, static_cast<std::uint32_t>(config.election_ms));
  if (identity_.cluster_id != 0 && identity_.members.size() == 1) {
    // Nobody else needs to find the only node where it was.
    identity_.members[0].address = config.listen.text();
    identity_.members[0].peer_address = config.peer_listen().text();
  }
  std::optional<Bootstrap> bootstrap;
  if (identity_.cluster_id == 0 && !config.join.empty()) {
    auto made = Bootstrap::make(identity_, config.listen, config.peer_listen().port, config.join,
                                fresh_id());
    if (!made) return made.error();
    bootstrap = *std::move(made);
    const Place& self = bootstrap->list()[bootstrap->place()];
    if (self.peer().port != config.peer_listen().port) {
      return Error{
          fmt::format("--join says that {} meets other nodes at port {}, but --peer-port "
                      "says {}",
                      self.client.text(), self.peer().port, config.peer_listen().port)};
    }
  }
  if (auto stored = storage::store_identity(disk_, identity_); !stored) return stored;

  FoundingLinks::Events& events = *this;
  founding_ = std::make_unique<FoundingLinks>(
      Hello{PeerLane::founding, identity_.cluster_id, identity_.node, identity_.folder_uid,
            identity_.incarnation, NodeId{}, {}},
      keys_, peer_network(), trace_, events);
  if (identity_.cluster_id != 0) {
    if (auto opened = open_own_log(); !opened) return opened;
    return serve();
  }
  if (!bootstrap) {
    const Place self(config.listen, config.peer_listen().port);
    if (auto made = establish(found_alone(identity_, self, fresh_id())); !made) return made;
    trace_.info("cluster founded", {{"members", addresses(identity_)}});
    return serve();
  }
  bootstrap_ = std::move(bootstrap);
  founding_->ask(*bootstrap_);
  return {};
}

// A longer election time-out of an earlier process is kept in mind as long as its promises may hold: a
// third process, too, has to refuse for so long.
void Node::forget_old_promises(Instant turn) {
  const auto own = static_cast<std::uint32_t>(options_.config.election_ms);
  if (identity_.election_ms == own || turn - begun_at_ < milliseconds(identity_.election_ms)) return;
  storage::Identity next = identity_;
  next.election_ms = own;
  if (auto stored = storage::store_identity(disk_, next); !stored) {
    return fail(stored.error().message);
  }
  identity_ = std::move(next);
}

Result<void> Node::open_log(bool must_exist) {
  const storage::LogOptions options{
      .segment_bytes = static_cast<std::uint64_t>(options_.config.segment_bytes),
      .folder_id = identity_.folder_uid,
      .must_exist = must_exist,
      .damage = &log_damage_};
  log_damage_.clear();
  auto log = storage::Log::open(
      disk_, trace_, options, [this](const std::string& what) { fail(what); }, recovery_);
  if (!log) return log.error();
  log_ = *std::move(log);
  if (recovery_.torn_bytes > 0) {
    ++unfinished_writes_;
    trace_.info("unfinished last write cut off", {{"bytes", fmt::to_string(recovery_.torn_bytes)},
                                                  {"meaning", "it was never acknowledged"}});
  }
  return {};
}

// The log comes first: a folder that is part of a cluster always has one, so that later a log that
// is missing is known to be lost.
Result<void> Node::establish(const storage::Identity& identity) {
  if (!log_) {
    if (auto opened = open_log(false); !opened) return opened;
  }
  if (auto stored = storage::store_identity(disk_, identity); !stored) return stored;
  identity_ = identity;
  return {};
}

void Node::continue_founding(Instant now) {
  if (ended_ || !bootstrap_) return;
  if (!adopted_ && !serve_soon_) adopted_ = bootstrap_->on_tick(now);
  if (adopted_) {
    if (auto made = establish(*adopted_); !made) return fail(made.error().message);
    adopted_.reset();
    serve_soon_ = true;
  }
  if (serve_soon_) {
    serve_soon_ = false;
    bootstrap_.reset();
    founding_->stop_asking();
    if (auto serving = serve(); !serving) fail(serving.error().message);
    return;
  }
  if (now >= say_at_) {
    say_at_ = now + (say_at_ == Instant{} ? seconds(3) : kSayAgain);
    trace_.info("waiting to be part of a cluster", {{"for", bootstrap_->waiting_for()}});
  }
}

FoundingAnswer Node::on_founding_report(const FoundingReport& report) {
  if (ended_) return {};
  const bool empty = bootstrap_ && !adopted_ && !serve_soon_;
  if (adopted_) return {};  // not yet durable: ask again
  FoundingReaction reaction =
      empty ? bootstrap_->on_report(report, now()) : answer_report(identity_, report);
  if (reaction.join) ask_for_number(report.folder_uid, *reaction.join);
  if (!reaction.store) return reaction.answer;
  const auto done =
      empty ? establish(*reaction.store) : storage::store_identity(disk_, *reaction.store);
  if (!done) {
    fail(done.error().message);
    return {};
  }
  identity_ = *reaction.store;
  if (empty) {
    serve_soon_ = true;
    trace_.info("cluster founded", {{"members", addresses(identity_)}});
  } else {
    trace_.info("place given", {{"node", fmt::to_string(reaction.answer.node.value)},
                                {"folder", fmt::format("{:016x}", report.folder_uid)}});
    if (peers_) peers_->members_changed(identity_);
  }
  return reaction.answer;
}

void Node::on_founding_answer(std::uint32_t place, const FoundingAnswer& answer) {
  if (!bootstrap_ || adopted_ || serve_soon_) return;
  const std::string before = bootstrap_->waiting_for();
  adopted_ = bootstrap_->on_answer(place, answer);
  if (!adopted_ && bootstrap_->waiting_for() != before) say_at_ = now();
}

// ---- Serving ------------------------------------------------------------------------------------

replica::ReplicaOptions Node::replica_options() const {
  const Config& config = options_.config;
  replica::ReplicaOptions options;
  options.protocol.self = identity_.node;
  options.protocol.heartbeat_interval = milliseconds(config.heartbeat_ms);
  options.protocol.election_timeout = milliseconds(config.election_ms);
  options.protocol.leads_last = config.priority == "last";
  options.protocol.uncommitted_bytes = options_.pending_bytes;
  options.protocol.commit_notice = kCommitNotice;
  options.protocol.read_round_pause = kReadRoundPause;
  options.protocol.read_round_patience = kReadRoundPatience;
  options.incarnation = identity_.incarnation;
  options.snapshot_after_bytes = static_cast<std::uint64_t>(config.snapshot_after_bytes);
  options.snapshot_after_most_bytes = static_cast<std::uint64_t>(config.snapshot_after_max_bytes);
  options.keep_tail_bytes = options.snapshot_after_bytes / 8;
  options.tail_bytes = std::min(options.snapshot_after_bytes, kLogInMemory);
  options.check_walk = seconds(config.check_walk_s);
  options.founders = founding_roster();
  options.replace_after = seconds(config.replace_after_s);
  options.recovering = recovering_;
  options.may_have_promised = may_have_promised_;
  return options;
}

Result<void> Node::serve() {
  Peers::Options options;
  options.identity = identity_;
  bool damaged = false;
  if (auto met = storage::load_met_starts(disk_, damaged)) {
    options.met = *std::move(met);
  } else if (damaged) {
    trace_.warning("the other nodes' starts are forgotten",
                   {{"reason", met.error().message},
                    {"meaning", "an older copy of their folders would be believed by this node until it has "
                                "met them again"}});
  } else {
    return met.error();
  }
  options.peer_timeout = std::max(seconds(1), milliseconds(3 * options_.config.election_ms));
  options.founding = founding_.get();
  options.keys = keys_;
  PeerEvents& events = *this;
  peers_ = std::make_unique<Peers>(std::move(options), peer_network(), disk_, trace_, events);

  if (auto opened = open_replica(); !opened) return opened;
  trace_.info("serving", {{"node", fmt::to_string(identity_.node.value)},
                          {"incarnation", fmt::to_string(identity_.incarnation.value)},
                          {"cluster", fmt::format("{:016x}", identity_.cluster_id)},
                          {"clients", options_.config.listen.text()},
                          {"peers", options_.config.peer_listen().text()},
                          {"tls", tls_text(options_.config)},
                          {"members", addresses(identity_)}});
  if (const auto record = setting(kRecoveredSetting); !record.empty()) {
    trace_.warning("this cluster was made out of one survivor's folder: what only others had is lost",
                   {{"record", std::string(record)}});
  }
  clients_->leader_changed();
  return {};
}

// ---- The way out --------------------------------------------------------------------------------

void Node::shut_down() {
  if (std::exchange(ending_since_, ending_since_ ? ending_since_ : now())) {
    end_now_ = true;
    return;
  }
  trace_.info("shutting down", {});
  client_listener_.reset();
  tls_listener_.reset();
  if (clients_) clients_->drain();
  if (identity_.members.size() > 1) hand_over(NodeId());
}

void Node::continue_shutdown(Instant now) {
  if (!ending_since_) return;
  const bool leads = replica_ && replica_->role() == consensus::Role::leader;
  const bool handed_over = !leads || identity_.members.size() == 1;
  const bool idle = (!clients_ || clients_->idle()) && (!audit_ || audit_->idle());
  if (!end_now_ && !(handed_over && idle) && now - *ending_since_ < kDrain) return;
  ended_ = true;
  trace_.info("stopped", {{"in_order", handed_over && idle ? "yes" : "no: it took too long"}});
  options_.stopped();
}

void Node::fail(const std::string& message) {
  if (std::exchange(ended_, true)) return;
  trace_.error("cannot go on", {{"reason", message}});
  options_.fatal(message);
}

}  // namespace holdfast::server
