#include "holdfast/mutex.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "client/keeper.h"
#include "client/shared.h"

namespace holdfast {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr std::size_t kLongestName = 64 * 1024;
constexpr std::size_t kLongestOwner = 1024;
constexpr Milliseconds kShortestTtl{100};
constexpr Milliseconds kTenYears{std::int64_t{3650} * 24 * 60 * 60 * 1000};

std::string refuse(const std::string& name, const LockOptions& options) {
  if (name.empty() || name.size() > kLongestName) {
    return fmt::format("a lock's name has from 1 to {} bytes", kLongestName);
  }
  if (options.ttl < kShortestTtl || options.ttl > kTenYears) {
    return fmt::format("ttl must be from {} ms to ten years", kShortestTtl.count());
  }
  if (options.wait < Milliseconds(0) || options.wait > kTenYears) {
    return "wait must be from 0 to ten years";
  }
  if (options.owner.size() > kLongestOwner || options.value.size() > kLongestOwner) {
    return fmt::format("owner and value have at most {} bytes", kLongestOwner);
  }
  return {};
}

std::string this_owner(client::World& world) {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return fmt::format("{}:{}:{:016x}", host, ::getpid(), world.random());
}

}  // namespace

Outcome<Mutex> Mutex::acquire(const Client& client, std::string name, LockOptions options) {
  if (auto refused = refuse(name, options); !refused.empty()) {
    return Failure{Fate::not_done, "OPTIONS", std::move(refused)};
  }
  const auto& setup = client.shared()->setup;
  client::Wanted wanted{.name = std::move(name),
                        .owner = std::move(options.owner),
                        .value = std::move(options.value),
                        .ttl = holdfast::milliseconds(options.ttl.count()),
                        .wait = holdfast::milliseconds(options.wait.count())};
  if (wanted.owner.empty()) wanted.owner = this_owner(*setup->world);
  auto link = std::make_unique<client::Link>(setup);
  auto held = client::acquire(*link, *setup, wanted);
  if (!held) return held.failure();
  auto keeper = std::make_shared<client::Keeper>(setup, std::move(link), std::move(wanted),
                                                 *std::move(held), std::move(options.lost));
  Mutex mutex(keeper);  // from here on it is given back, whatever happens
  if (const auto failed = keeper->start(); !failed.empty()) {
    return Failure{Fate::not_done, "OPTIONS",
                   "there is no thread to renew the lock from: " + failed};
  }
  return mutex;
}

Mutex::Mutex(std::shared_ptr<client::Keeper> keeper) : keeper_(std::move(keeper)) {}

Mutex::~Mutex() {
  if (keeper_ != nullptr) (void)keeper_->release();
}

Mutex::Mutex(Mutex&& other) noexcept : keeper_(std::move(other.keeper_)) {}

Mutex& Mutex::operator=(Mutex&& other) noexcept {
  if (this == &other) return *this;
  if (keeper_ != nullptr) (void)keeper_->release();
  keeper_ = std::move(other.keeper_);
  return *this;
}

bool Mutex::held() const { return keeper_->held(); }

Milliseconds Mutex::remaining() const { return Milliseconds(keeper_->remaining().ms()); }

std::uint64_t Mutex::token() const { return keeper_->token(); }

std::uint64_t Mutex::fence() const { return keeper_->fence(); }

const std::string& Mutex::name() const { return keeper_->name(); }

Outcome<Done> Mutex::release() { return keeper_->release(); }

}  // namespace holdfast
