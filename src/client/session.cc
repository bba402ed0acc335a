#include "holdfast/session.h"

#include <fmt/format.h>

#include "client/calls.h"
#include "client/keeper.h"
#include "client/limits.h"
#include "client/shared.h"

namespace holdfast {
namespace {

using client::Keeper;
using client::Kind;
using client::Repeat;

constexpr std::size_t kLongestSessionName = 1024;
constexpr std::size_t kMostKeys = 1000;

// An id, under ONCE: however often it is asked for, one session is opened.
Outcome<std::uint64_t> ask_to_open(client::Link& link, const client::Shared& shared,
                                   std::string_view request, const SessionOptions& options) {
  const std::string ttl = fmt::to_string(options.ttl.count());
  Words words = {"ONCE", request, "SESSION.OPEN", "TTL", ttl};
  if (!options.name.empty()) words.insert(words.end(), {"NAME", options.name});
  const auto id = client::call(link, *shared.setup, words, Repeat::safely);
  if (!id) return id.failure();
  if (id->kind != Value::Kind::integer || id->integer <= 0) {
    return client::strange("SESSION.OPEN", Fate::unknown);
  }
  return static_cast<std::uint64_t>(id->integer);
}

// Opened, and known to live. Its time counts from its opening, which was after the first request
// was sent; if the answer was long in coming, little may be left of it.
Outcome<client::Held> open_one(client::Link& link, client::Shared& shared,
                               const SessionOptions& options) {
  client::World& world = *shared.setup->world;
  const Duration ttl = milliseconds(options.ttl.count());
  const Instant began = world.now();
  const auto id = ask_to_open(link, shared, shared.new_id(), options);
  if (!id) return id.failure();
  client::Held held{*id, 0, client::Tenure(ttl)};
  held.tenure.confirm(began, ttl);
  if (world.now() < held.tenure.renew_at()) return held;
  const Instant asked = world.now();
  const auto left =
      client::call(link, *shared.setup, {"SESSION.KEEP", fmt::to_string(*id)}, Repeat::freely);
  if (!left) return left.failure();
  if (left->kind != Value::Kind::integer) {
    return client::strange("SESSION.KEEP", Fate::not_done);
  }
  held.tenure.confirm(asked, milliseconds(left->integer));
  return held;
}

}  // namespace

Outcome<Session> Session::open(const Client& client, SessionOptions options) {
  if (options.ttl < client::kShortestTtl || options.ttl > client::kTenYears) {
    return client::refused_options(
        fmt::format("ttl must be from {} ms to ten years", client::kShortestTtl.count()));
  }
  if (options.name.size() > kLongestSessionName) {
    return client::refused_options(
        fmt::format("a session's name has at most {} bytes", kLongestSessionName));
  }
  client::Shared& shared = *client.shared();
  auto link = std::make_unique<client::Link>(shared.setup);
  auto held = open_one(*link, shared, options);
  if (!held) return held.failure();
  client::Wanted wanted{.kind = Kind::session,
                        .name = fmt::to_string(held->token),
                        .owner = {},
                        .ttl = milliseconds(options.ttl.count())};
  auto keeper = std::make_shared<Keeper>(shared.setup, std::move(link), std::move(wanted),
                                         *std::move(held), std::move(options.lost));
  if (const auto failed = keeper->start(); !failed.empty()) {
    (void)keeper->release();
    return client::refused_options("there is no thread to keep it from: " + failed);
  }
  return Session(client, std::move(keeper));
}

Session::Session(Client client, std::shared_ptr<Keeper> keeper)
    : client_(std::move(client)), keeper_(std::move(keeper)) {}

Session::~Session() {
  if (keeper_ != nullptr) (void)keeper_->release();
}

Session::Session(Session&& other) noexcept = default;

Session& Session::operator=(Session&& other) noexcept {
  if (this == &other) return *this;
  if (keeper_ != nullptr) (void)keeper_->release();
  client_ = std::move(other.client_);
  keeper_ = std::move(other.keeper_);
  return *this;
}

std::uint64_t Session::id() const { return keeper_->token(); }

bool Session::alive() const { return keeper_->held(); }

std::chrono::milliseconds Session::remaining() const {
  return std::chrono::milliseconds(keeper_->remaining().ms());
}

Outcome<std::uint64_t> Session::bind(const std::vector<std::string_view>& keys) {
  if (keys.empty() || keys.size() > kMostKeys) {
    return client::refused_options(fmt::format("from 1 to {} keys are bound at a time", kMostKeys));
  }
  Words words = {"SESSION.BIND", keeper_->name()};
  words.insert(words.end(), keys.begin(), keys.end());
  const auto bound = client_.write_once(words);
  if (!bound) return bound.failure();
  if (bound->kind != Value::Kind::integer) return client::strange("SESSION.BIND", Fate::unknown);
  return static_cast<std::uint64_t>(bound->integer);
}

Outcome<Done> Session::close() { return keeper_->release(); }

}  // namespace holdfast
