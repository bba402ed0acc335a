#include "workload/actor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "workload/caches.h"
#include "workload/counters.h"
#include "workload/feeds.h"
#include "workload/holdings.h"
#include "workload/latches.h"
#include "workload/limits.h"
#include "workload/locks.h"
#include "workload/registers.h"
#include "workload/sessions.h"
#include "workload/sets.h"

namespace holdfast::workload {
namespace {

// How many things that go on from pipeline to pipeline a client has begun and not ended: it holds a
// lock while it does others. More, and a connection would do little but wait for locks.
constexpr std::size_t kLasting = 4;
// How many things altogether, however long a pipeline may be.
constexpr std::size_t kMostAtOnce = 256;

bool lasts(Op op) {
  return op == Op::cas || op == Op::write_ttl || op == Op::acquire || op == Op::open_session ||
         op == Op::latch_down || op == Op::pair_write || op == Op::take || op == Op::cache_get;
}

// The key of a read: mostly of a register, but of whatever else there is as well.
std::string key_to_read(const Mix& mix, const Names& names, Prng& prng) {
  std::vector<char> kinds;
  if (mix.write + mix.cas + mix.set_if + mix.erase != 0 || mix.read != 0) {
    kinds.insert(kinds.end(), 4, 'r');
  }
  if (mix.add != 0) kinds.push_back('c');
  if (mix.once_add != 0) kinds.push_back('o');
  if (mix.write_ttl != 0) kinds.push_back('t');
  if (mix.lock != 0) kinds.push_back('g');
  const char kind = kinds[prng.below(kinds.size())];
  const std::uint64_t number = prng.below(kind == 'g' ? mix.locks : mix.keys);
  if (kind == 't') return names.short_lived(prng.below(mix.clients), number);
  return names.name(kind, number);
}

}  // namespace

Actor::Actor(const Mix& mix, std::uint32_t client, Prng prng, History& history)
    : mix_(mix),
      prng_(prng),
      journal_(client, history),
      names_(mix, client),
      at_once_(std::clamp<std::size_t>(mix.pipeline, kLasting, kMostAtOnce)) {
  CHECK(mix.keys > 0 && mix.clients > 0 && (mix.lock + mix.hold == 0 || mix.locks > 0));
}

Actor::~Actor() = default;

std::optional<Op> Actor::choose() {
  constexpr Op kKinds[] = {Op::read,     Op::write,  Op::cas,      Op::erase,     Op::add,
                           Op::once_add, Op::insert, Op::read_all, Op::write_ttl, Op::acquire,
                           Op::open_session, Op::throttle, Op::latch_down, Op::pair_write,
                           Op::take,     Op::cache_get};
  std::array<std::uint32_t, std::size(kKinds)> shares = {
      mix_.read,     mix_.write,  mix_.cas + mix_.set_if, mix_.erase,     mix_.add,
      mix_.once_add, mix_.insert, mix_.read_all,          mix_.write_ttl, mix_.lock,
      mix_.session,  mix_.throttle, mix_.latch,           mix_.feed,
      mix_.hold,    mix_.cache};
  const auto lasting = std::count_if(activities_.begin(), activities_.end(),
                                     [](const Begun& begun) { return begun.lasts; });
  const bool full = static_cast<std::size_t>(lasting) >= kLasting;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (full && lasts(kKinds[i])) shares[i] = 0;
    sum += shares[i];
  }
  if (sum == 0) return std::nullopt;
  std::uint64_t dice = prng_.below(sum);
  std::size_t kind = 0;
  while (dice >= shares[kind]) dice -= shares[kind++];
  return kKinds[kind];
}

std::unique_ptr<Activity> Actor::begin(Op kind, Instant now) {
  const std::uint64_t key = prng_.below(mix_.keys);
  const auto one = [&](Op op, std::string name, std::string arg, std::vector<std::string> words,
                       ReadAnswer read) {
    return std::make_unique<OneCommand>(journal_, op, std::move(name), std::move(arg),
                                        std::move(words), read);
  };
  const std::string reg = names_.name('r', key);
  const std::string fresh = names_.fresh_value();
  const std::int64_t amount = prng_.between(1, 3);
  switch (kind) {
    case Op::read: {
      const std::string name = key_to_read(mix_, names_, prng_);
      return one(Op::read, name, {}, {"GET", name}, read_text);
    }
    case Op::write:
      return one(Op::write, reg, fresh, {"SET", reg, fresh}, read_ok);
    case Op::cas:
      if (mix_.set_if != 0 && prng_.below(mix_.cas + mix_.set_if) < mix_.set_if) {
        return std::make_unique<SetIfUnchanged>(journal_, reg, fresh);
      }
      if (watching()) return one(Op::read, reg, {}, {"GET", reg}, read_text);
      return std::make_unique<CompareAndSet>(journal_, reg, fresh);
    case Op::erase:
      return one(Op::erase, reg, {}, {"DEL", reg}, read_one_or_zero);
    case Op::add: {
      const std::string name = names_.name('c', key), text = fmt::format("{}", amount);
      return one(Op::add, name, text, {"INCRBY", name, text}, read_integer);
    }
    case Op::once_add:
      return std::make_unique<OnceAdd>(journal_, names_.name('o', key),
                                       mix_.prefix + names_.fresh_name(), amount);
    case Op::insert:
      return std::make_unique<SetOperation>(journal_, names_, key, fresh);
    case Op::read_all:
      return std::make_unique<SetOperation>(journal_, names_, key, "");
    case Op::write_ttl:
      return std::make_unique<ShortLived>(journal_, names_.short_lived(journal_.client(), key),
                                          fresh, prng_.between(30, 1500));
    case Op::open_session:
      return std::make_unique<SessionLife>(journal_, names_, SessionLife::draw(prng_, names_, mix_.locks));
    case Op::throttle:
      return ask_limit(journal_, prng_, names_.name('h', key), key);
    case Op::pair_write:
      if (!watches_feed_) {
        watches_feed_ = true;
        return std::make_unique<FeedWatch>(journal_, names_.name('w', 0));
      }
      if (watching()) return one(Op::read, reg, {}, {"GET", reg}, read_text);
      return std::make_unique<PairWrite>(journal_, names_.name('w', 0) + "." + names_.name('w', key),
                                         fresh, prng_.below(2) == 0 ? 0 : prng_.between(20, 300));
    case Op::latch_down: {
      const std::int64_t turn = now.ns / LatchTurn::kEach.ns;
      const std::int64_t wait_ms = prng_.below(3) == 0 ? prng_.between(20, 1500) : 0;
      return std::make_unique<LatchTurn>(
          journal_, names_.name('d', static_cast<std::uint64_t>(turn)), names_.fresh_name(), wait_ms,
          static_cast<int>(prng_.between(1, 3)));
    }
    case Op::cache_get:
      return use_cache(journal_, prng_, names_.name('k', key), fresh);
    case Op::take:
      return std::make_unique<HoldingLife>(journal_, names_,
                                           HoldingLife::draw(prng_, names_, mix_.locks));
    default:
      break;
  }
  const std::uint64_t lock = prng_.below(mix_.locks);
  return std::make_unique<LockLife>(
      journal_, names_, LockLife::draw(prng_, names_.name('l', lock), names_.name('g', lock)));
}

bool Actor::watching() const {
  return std::any_of(activities_.begin(), activities_.end(),
                     [](const Begun& begun) { return begun.activity->watches(); });
}

std::vector<Command> Actor::next(Instant now) {
  CHECK(sent_.empty(), "asked for more before everything was answered");
  Round round(journal_, prng_, now);
  std::vector<Activity*> asked;
  const std::uint64_t wanted = 1 + prng_.below(mix_.pipeline == 0 ? 1 : mix_.pipeline);
  const auto ask = [&](Activity& activity) {
    const std::size_t before = round.size();
    activity.ask(round);
    CHECK(round.size() > before, "a round without a command");
    asked.insert(asked.end(), round.size() - before, &activity);
  };
  for (const Begun& begun : activities_) {
    if (begun.activity->wake_at() <= now) ask(*begun.activity);
  }
  while (!winding_down_ && round.size() < wanted && activities_.size() < at_once_) {
    const std::optional<Op> kind = choose();
    if (!kind) break;
    activities_.push_back({begin(*kind, now), lasts(*kind)});
    ask(*activities_.back().activity);
  }
  if (round.size() == 0) {
    CHECK(!activities_.empty(), "asked after the end, or a mix without a share");
    const auto first = std::min_element(activities_.begin(), activities_.end(),
                                        [](const Begun& a, const Begun& b) {
                                          return a.activity->wake_at() < b.activity->wake_at();
                                        });
    ask(*first->activity);
  }
  sent_.assign(asked.begin(), asked.end());
  return round.take();
}

void Actor::answered(const resp::Reply& reply, Instant now) {
  CHECK(!sent_.empty(), "an answer to nothing");
  Activity& activity = *sent_.front();
  sent_.pop_front();
  activity.on_answer({meaning_of(reply), &reply, now});
  forget_ended();
}

void Actor::broken(bool sent, Instant now) {
  ++journal_.connection;
  journal_.place = 0;
  while (!sent_.empty()) {
    Activity& activity = *sent_.front();
    sent_.pop_front();
    activity.on_answer({sent ? Meaning::unknown : Meaning::not_done, nullptr, now});
  }
  for (const Begun& begun : activities_) begun.activity->on_broken(now);
  forget_ended();
}

void Actor::forget_ended() {
  std::erase_if(activities_, [this](const Begun& begun) {
    return begun.activity->over() &&
           std::find(sent_.begin(), sent_.end(), begun.activity.get()) == sent_.end();
  });
}

Duration Actor::pause() {
  // Short pauses are the most likely ones, as with people and programs.
  const std::int64_t mean = mix_.think.ns;
  if (mean <= 0) return {};
  const std::int64_t a = prng_.between(0, 2 * mean);
  const std::int64_t b = prng_.between(0, 2 * mean);
  return nanoseconds(1 + (prng_.below(4) == 0 ? std::max(a, b) : std::min(a, b)));
}

bool Actor::wind_down() {
  if (!winding_down_) {
    winding_down_ = true;
    for (const Begun& begun : activities_) begun.activity->hurry();
    forget_ended();
  }
  return activities_.empty();
}

void Actor::finish(Instant now) {
  for (const Begun& begun : activities_) begun.activity->finish(now);
  activities_.clear();
  sent_.clear();
}

}  // namespace holdfast::workload
