#include "holdfast/holding.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "client/calls.h"
#include "client/keeper.h"
#include "client/limits.h"
#include "client/shared.h"
#include "holdfast/election.h"
#include "holdfast/mutex.h"
#include "holdfast/semaphore.h"
#include "holdfast/shared_mutex.h"

namespace holdfast {
namespace {

using client::Keeper;
using client::Kind;
using client::Wanted;

constexpr std::size_t kLongestName = 64 * 1024;
constexpr std::size_t kLongestOwner = 1024;
constexpr std::uint64_t kHighestLimit = 1'000'000'000;

// Before anything is made of them that could overflow.
std::string refuse_wanted(const Wanted& wanted, std::chrono::milliseconds ttl,
                          std::chrono::milliseconds wait) {
  if (wanted.name.empty() || wanted.name.size() > kLongestName) {
    return fmt::format("a name of what is held has from 1 to {} bytes", kLongestName);
  }
  if (ttl < client::kShortestTtl || ttl > client::kTenYears) {
    return fmt::format("ttl must be from {} ms to ten years", client::kShortestTtl.count());
  }
  if (wait < std::chrono::milliseconds(0) || wait > client::kTenYears) {
    return "wait must be from 0 to ten years";
  }
  if (wanted.owner.size() > kLongestOwner || wanted.value.size() > kLongestOwner) {
    return fmt::format("owner and value have at most {} bytes", kLongestOwner);
  }
  if (wanted.kind != Kind::semaphore) return {};
  if (wanted.limit < 1 || wanted.limit > kHighestLimit) {
    return fmt::format("limit must be from 1 to {}", kHighestLimit);
  }
  if (wanted.permits < 1 || wanted.permits > wanted.limit) {
    return "permits must be from 1 to the limit";
  }
  return {};
}

std::string this_owner(client::World& world) {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return fmt::format("{}:{}:{:016x}", host, ::getpid(), world.random());
}

// Held, and renewed from now on.
Outcome<std::shared_ptr<Keeper>> keep(const Client& client, Wanted wanted,
                                      std::chrono::milliseconds ttl, std::chrono::milliseconds wait,
                                      std::function<void(std::string_view)> lost) {
  if (auto refused = refuse_wanted(wanted, ttl, wait); !refused.empty()) {
    return client::refused_options(std::move(refused));
  }
  const auto& setup = client.shared()->setup;
  wanted.ttl = holdfast::milliseconds(ttl.count());
  wanted.wait = holdfast::milliseconds(wait.count());
  if (wanted.owner.empty()) wanted.owner = this_owner(*setup->world);
  auto link = std::make_unique<client::Link>(setup);
  auto held = client::acquire(*link, *setup, wanted);
  if (!held) return held.failure();
  auto keeper = std::make_shared<Keeper>(setup, std::move(link), std::move(wanted),
                                         *std::move(held), std::move(lost));
  if (const auto failed = keeper->start(); !failed.empty()) {
    (void)keeper->release();
    return client::refused_options("there is no thread to renew it from: " + failed);
  }
  return keeper;
}

Wanted lock_wanted(Kind kind, std::string name, LockOptions& options) {
  return {.kind = kind,
          .name = std::move(name),
          .owner = std::move(options.owner),
          .value = std::move(options.value)};
}

}  // namespace

Holding::Holding(std::shared_ptr<Keeper> keeper) : keeper_(std::move(keeper)) {}

Holding::~Holding() {
  if (keeper_ != nullptr) (void)keeper_->release();
}

Holding::Holding(Holding&& other) noexcept : keeper_(std::move(other.keeper_)) {}

Holding& Holding::operator=(Holding&& other) noexcept {
  if (this == &other) return *this;
  if (keeper_ != nullptr) (void)keeper_->release();
  keeper_ = std::move(other.keeper_);
  return *this;
}

bool Holding::held() const { return keeper_->held(); }

std::chrono::milliseconds Holding::remaining() const {
  return std::chrono::milliseconds(keeper_->remaining().ms());
}

std::uint64_t Holding::token() const { return keeper_->token(); }

const std::string& Holding::name() const { return keeper_->name(); }

Outcome<Done> Holding::release() { return keeper_->release(); }

// ---- the kinds

Outcome<Mutex> Mutex::acquire(const Client& client, std::string name, LockOptions options) {
  Wanted wanted = lock_wanted(Kind::mutex, std::move(name), options);
  auto keeper = keep(client, std::move(wanted), options.ttl, options.wait, std::move(options.lost));
  if (!keeper) return keeper.failure();
  return Mutex(*std::move(keeper));
}

std::uint64_t Mutex::fence() const { return keeper_->fence(); }

Outcome<SharedMutex> SharedMutex::acquire(const Client& client, std::string name,
                                          LockOptions options) {
  Wanted wanted = lock_wanted(Kind::shared_mutex, std::move(name), options);
  auto keeper = keep(client, std::move(wanted), options.ttl, options.wait, std::move(options.lost));
  if (!keeper) return keeper.failure();
  return SharedMutex(*std::move(keeper));
}

std::uint64_t SharedMutex::fence() const { return keeper_->fence(); }

Outcome<Semaphore> Semaphore::acquire(const Client& client, std::string name, std::uint64_t limit,
                                      SemaphoreOptions options) {
  Wanted wanted{.kind = Kind::semaphore,
                .name = std::move(name),
                .owner = std::move(options.owner),
                .limit = limit,
                .permits = options.permits};
  auto keeper = keep(client, std::move(wanted), options.ttl, options.wait, std::move(options.lost));
  if (!keeper) return keeper.failure();
  return Semaphore(*std::move(keeper));
}

Outcome<Election> Election::campaign(const Client& client, std::string name,
                                     ElectionOptions options) {
  Wanted wanted{.kind = Kind::election,
                .name = std::move(name),
                .owner = std::move(options.candidate)};
  auto keeper = keep(client, std::move(wanted), options.ttl, options.wait, std::move(options.lost));
  if (!keeper) return keeper.failure();
  return Election(*std::move(keeper));
}

}  // namespace holdfast
