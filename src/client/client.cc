#include "holdfast/client.h"

#include <fmt/format.h>

#include <utility>

#include "client/calls.h"
#include "client/shared.h"
#include "os/tls_context.h"

namespace holdfast {
namespace {

constexpr std::size_t kMostServers = 64;
constexpr std::chrono::milliseconds kShortest{10};
constexpr std::chrono::milliseconds kLongest{std::chrono::minutes(5)};

bool in_range(std::chrono::milliseconds time) { return kShortest <= time && time <= kLongest; }

Outcome<std::shared_ptr<const os::TlsContext>> load(const TlsOptions& options) {
  const bool named = !options.ca_file.empty() || !options.cert_file.empty() ||
                     !options.key_file.empty() || options.insecure;
  if (!options.on) {
    if (named)
      return client::refused_options(
          "tls has files or insecure set, but not on: nothing would be encrypted");
    return std::shared_ptr<const os::TlsContext>();
  }
  if (options.cert_file.empty() != options.key_file.empty()) {
    return client::refused_options("tls.cert_file and tls.key_file belong together: name both");
  }
  os::TlsSettings settings;
  settings.cert_file = options.cert_file;
  settings.key_file = options.key_file;
  settings.ca_file = options.ca_file;
  settings.verify = !options.insecure;
  settings.names = {"tls.cert_file", "tls.key_file", "tls.ca_file", ""};
  auto context = os::TlsContext::load(settings);
  if (!context) return client::refused_options(context.error().message);
  return *std::move(context);
}

Outcome<client::Setup> read(const ClientOptions& options) {
  if (options.servers.empty() || options.servers.size() > kMostServers) {
    return client::refused_options(fmt::format("servers must name 1 to {} nodes", kMostServers));
  }
  if (!in_range(options.timeout) || !in_range(options.patience)) {
    return client::refused_options("timeout and patience must be from 10 ms to 5 min");
  }
  client::Setup setup;
  for (const std::string& server : options.servers) {
    auto address = env::Address::parse(server);
    if (!address) return client::refused_options(address.error().message);
    setup.servers.push_back(*std::move(address));
  }
  auto tls = load(options.tls);
  if (!tls) return tls.failure();
  setup.world = client::real_world(*std::move(tls));
  setup.password = options.password;
  setup.timeout = holdfast::milliseconds(options.timeout.count());
  setup.patience = holdfast::milliseconds(options.patience.count());
  setup.find_leader = options.find_leader;
  return setup;
}

Outcome<Value> call_shared(client::Shared& shared, const Words& words, client::Repeat repeat) {
  const std::lock_guard guard(shared.mutex);
  return client::call(shared.link, *shared.setup, words, repeat);
}

}  // namespace

namespace client {

Shared::Shared(std::shared_ptr<const Setup> with)
    : setup(std::move(with)),
      link(setup),
      id_stem_(fmt::format("{:016x}{:016x}", setup->world->random(), setup->world->random())) {}

std::string Shared::new_id() {
  const std::lock_guard guard(mutex);
  return fmt::format("{}-{}", id_stem_, ++ids_);
}

}  // namespace client

Outcome<Client> Client::open(ClientOptions options) {
  auto setup = holdfast::read(options);
  if (!setup) return setup.failure();
  return Client(
      std::make_shared<client::Shared>(std::make_shared<const client::Setup>(*std::move(setup))));
}

Client::Client(std::shared_ptr<client::Shared> shared) : shared_(std::move(shared)) {}

Outcome<Value> Client::read(const Words& words) {
  return call_shared(*shared_, words, client::Repeat::freely);
}

Outcome<Value> Client::write(const Words& words) {
  return call_shared(*shared_, words, client::Repeat::unsent);
}

Outcome<Value> Client::write_once(const Words& words) {
  return write_once(shared_->new_id(), words);
}

Outcome<Value> Client::write_once(std::string_view id, const Words& words) {
  if (auto refused = client::refuse_words(words); !refused.empty()) {
    return client::refused_options(std::move(refused));
  }
  Words wrapped = {"ONCE", id};
  wrapped.insert(wrapped.end(), words.begin(), words.end());
  return call_shared(*shared_, wrapped, client::Repeat::safely);
}

std::string Client::connected_to() const {
  const std::lock_guard guard(shared_->mutex);
  return shared_->link.connected_to();
}

}  // namespace holdfast
