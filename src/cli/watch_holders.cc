// Who holds a lock, permits or an office, and how that ends.
//
// One connection listens to what nodes say of losses and elections; through another the cluster is
// asked who holds it: at first, after each new connection, when a loss is heard of, and every
// second. Elections are told by the channel alone, in order, as long as it stands.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/calendar.h"
#include "cli/json_text.h"
#include "cli/server_info.h"
#include "cli/watch.h"
#include "os/system_clock.h"

namespace holdfast::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kLookEvery = seconds(1);
constexpr Duration kDialPatience = seconds(2);
constexpr auto kDeafAfter = std::chrono::seconds(4);  // without an answer to PING

// A connection that listens, to whichever node takes it.
class Listener {
 public:
  Listener(const WatchOptions& options, std::vector<env::Address> servers)
      : options_(options), servers_(std::move(servers)) {}

  bool is_connected() const { return connection_ != nullptr; }

  // Tries each server once.
  bool connect() {
    for (std::size_t i = 0; i < servers_.size() && connection_ == nullptr; ++i) {
      auto opened = log_in(servers_[next_++ % servers_.size()], options_.access, kDialPatience);
      if (!opened) continue;
      auto connection = std::make_unique<client::Connection>(*std::move(opened));
      if (subscribe(*connection)) connection_ = std::move(connection);
    }
    heard_at_ = Clock::now();
    pinged_ = false;
    return is_connected();
  }

  struct News {
    bool loss = false;                    // somebody lost it
    std::optional<std::string> election;  // what the channel of elections says
  };

  // What comes within `patience`. Empty news: nothing came, or the connection broke.
  News listen(Duration patience) {
    auto reply = connection_->next_reply(patience);
    if (!reply || !keep_awake(*reply)) {
      connection_.reset();
      return {};
    }
    if (!*reply || (*reply)->items.size() != 3 || (*reply)->items[0].text != "message") return {};
    if ((*reply)->items[1].text == elect_channel()) return {false, (*reply)->items[2].text};
    return {true, std::nullopt};
  }

 private:
  std::string lost_channel() const { return "__holdfast__:lost:" + options_.name; }
  std::string elect_channel() const { return "__holdfast__:elect:" + options_.name; }

  bool subscribe(client::Connection& connection) const {
    const std::string lost = lost_channel();
    const std::string elect = elect_channel();
    if (!connection.send_request({"SUBSCRIBE", lost, elect}).ok()) return false;
    for (int i = 0; i < 2; ++i) {
      const auto reply = connection.next_reply(kDialPatience);
      if (!reply || !*reply || (*reply)->is_error()) return false;
    }
    return true;
  }

  // A node may be stopped, or a firewall have forgotten the connection. False: it is of no use.
  bool keep_awake(const std::optional<resp::Reply>& reply) {
    const auto now = Clock::now();
    if (reply) {
      heard_at_ = now;
      pinged_ = false;
      return true;
    }
    if (now - heard_at_ > kDeafAfter) return false;
    return std::exchange(pinged_, true) || connection_->send_request({"PING"}).ok();
  }

  const WatchOptions& options_;
  std::vector<env::Address> servers_;
  std::size_t next_ = 0;
  std::unique_ptr<client::Connection> connection_;
  Clock::time_point heard_at_;
  bool pinged_ = false;
};

std::string as_json(const WatchOptions& options, const HolderEvent& event) {
  std::string line = fmt::format(R"({{"{}":{},"event":"{}")", name_of(options.kind),
                                 json_text(options.name), event.event);
  if (event.token != 0) line += fmt::format(R"(,"token":{})", event.token);
  if (event.fence != 0) line += fmt::format(R"(,"fence":{})", event.fence);
  if (event.permits != 0) line += fmt::format(R"(,"permits":{})", event.permits);
  if (!event.owner.empty()) line += fmt::format(R"(,"owner":{})", json_text(event.owner));
  if (!event.reason.empty()) line += fmt::format(R"(,"reason":{})", json_text(event.reason));
  if (event.when_ms != 0) line += fmt::format(R"(,"when":{})", event.when_ms);
  return line + "}";
}

// Cluster time follows the calendar; what comes without a time has just happened.
std::string as_text(const HolderEvent& event) {
  const WallTime when = event.when_ms != 0 ? WallTime{event.when_ms} : os::SystemClock().wall();
  std::string line = fmt::format("{} {}  {:<9}", day_text(when), hour_text(when), event.event);
  if (event.token != 0) line += fmt::format(" token {}", event.token);
  if (event.fence != 0 && event.fence != event.token) line += fmt::format(" fence {}", event.fence);
  if (event.permits != 0) line += fmt::format(" permits {}", event.permits);
  if (!event.owner.empty()) line += "  " + event.owner;
  if (!event.reason.empty()) line += ": " + event.reason;
  return line;
}

class HoldersWatch {
 public:
  HoldersWatch(const WatchOptions& options, Client client, std::vector<env::Address> servers)
      : options_(options), client_(std::move(client)), listener_(options, std::move(servers)) {}

  int run() {
    while (!watch_interrupted()) {
      // First listen, then look: nothing lies between the two.
      const bool fresh = !listener_.is_connected() && listener_.connect();
      const bool by_channel = options_.kind == Held::election && listener_.is_connected();
      if (fresh || look_ || !by_channel) {
        if (const auto code = look()) return *code;
      }
      if (options_.no_wait && begun_) return 0;
      if (const auto code = wait()) return *code;
    }
    return 0;
  }

 private:
  using Step = std::optional<int>;

  Step look() {
    look_ = false;
    const auto answer = client_.read({info_command(options_.kind), options_.name});
    if (!answer) return trouble(answer.failure());
    const auto sight = read_sight(options_.kind, *answer);
    if (!sight) return refuse(sight.error().message);
    begun_ = true;
    out_of_reach_ = false;
    return tell(options_.kind == Held::election ? election_.update(*sight)
                                                : holders_.update(*sight));
  }

  Step wait() {
    if (!listener_.is_connected()) {
      ::usleep(200'000);
      look_ = true;
      return std::nullopt;
    }
    const Listener::News news = listener_.listen(kLookEvery);
    look_ = news.loss && options_.kind != Held::election;
    return news.election ? tell(election_.hear(*news.election)) : std::nullopt;
  }

  Step tell(const std::vector<HolderEvent>& events) {
    for (const HolderEvent& event : events) {
      if (!watch_line(options_.json ? as_json(options_, event) : as_text(event))) {
        return refuse("nobody reads what is printed");
      }
      if (++told_ == options_.count) return 0;
    }
    return std::nullopt;
  }

  int refuse(const std::string& why) const {
    watch_says(options_, "refused", why);
    return kWatchRefused;
  }

  Step trouble(const Failure& failure) {
    if (!is_passing(failure)) return refuse(failure.message);
    if (!begun_) {
      watch_says(options_, "unreachable", failure.message);
      return kWatchUnreachable;
    }
    look_ = true;
    if (!std::exchange(out_of_reach_, true)) {
      watch_says(options_, "waiting",
                 failure.message + " What changes meanwhile is told only as it stands afterwards");
    }
    return std::nullopt;
  }

  const WatchOptions& options_;
  Client client_;
  Listener listener_;
  HoldersView holders_;
  ElectionView election_;
  std::uint64_t told_ = 0;
  bool look_ = true;
  bool begun_ = false;
  bool out_of_reach_ = false;
};

}  // namespace

int watch_holders(const WatchOptions& options, Client client) {
  std::vector<env::Address> servers;
  for (const std::string& server : options.servers) {
    auto address = env::Address::parse(server);
    if (!address) {
      watch_says(options, "refused", address.error().message);
      return kUsage;
    }
    servers.push_back(*std::move(address));
  }
  return HoldersWatch(options, std::move(client), std::move(servers)).run();
}

}  // namespace holdfast::cli
