#include "workload/actor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "workload/counters.h"
#include "workload/locks.h"
#include "workload/registers.h"
#include "workload/sets.h"

namespace holdfast::workload {
namespace {

// How many things a client has begun and not ended: it holds a lock while it does others.
constexpr std::size_t kAtOnce = 4;

// The key of a read: mostly of a register, but of whatever else there is as well.
std::string key_to_read(const Mix& mix, const Names& names, Prng& prng) {
  std::vector<char> kinds;
  if (mix.write + mix.cas + mix.erase != 0 || mix.read != 0) kinds.insert(kinds.end(), 4, 'r');
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
    : mix_(mix), prng_(prng), journal_(client, history), names_(mix, client) {
  CHECK(mix.keys > 0 && mix.clients > 0 && (mix.lock == 0 || mix.locks > 0));
}

Actor::~Actor() = default;

std::unique_ptr<Activity> Actor::choose() {
  constexpr Op kKinds[] = {Op::read,     Op::write,  Op::cas,      Op::erase,     Op::add,
                           Op::once_add, Op::insert, Op::read_all, Op::write_ttl, Op::acquire};
  const std::array<std::uint32_t, std::size(kKinds)> shares = {
      mix_.read,     mix_.write,  mix_.cas,      mix_.erase,     mix_.add,
      mix_.once_add, mix_.insert, mix_.read_all, mix_.write_ttl, mix_.lock};
  std::uint64_t sum = 0;
  for (const auto share : shares) sum += share;
  CHECK(sum > 0, "a mix without a share");
  std::uint64_t dice = prng_.below(sum);
  std::size_t kind = 0;
  while (dice >= shares[kind]) dice -= shares[kind++];

  const std::uint64_t key = prng_.below(mix_.keys);
  const auto one = [&](Op op, std::string name, std::string arg, std::vector<std::string> words,
                       ReadAnswer read) {
    return std::make_unique<OneCommand>(journal_, op, std::move(name), std::move(arg),
                                        std::move(words), read);
  };
  const std::string reg = names_.name('r', key);
  const std::string fresh = names_.fresh_value();
  const std::int64_t amount = prng_.between(1, 3);
  switch (kKinds[kind]) {
    case Op::read: {
      const std::string name = key_to_read(mix_, names_, prng_);
      return one(Op::read, name, {}, {"GET", name}, read_text);
    }
    case Op::write:
      return one(Op::write, reg, fresh, {"SET", reg, fresh}, read_ok);
    case Op::cas:
      if (watching()) return one(Op::read, reg, {}, {"GET", reg}, read_text);
      return std::make_unique<CompareAndSet>(journal_, reg, fresh);
    case Op::erase:
      return one(Op::erase, reg, {}, {"DEL", reg}, read_one_or_zero);
    case Op::add: {
      const std::string name = names_.name('c', key);
      const std::string text = fmt::format("{}", amount);
      return one(Op::add, name, text, {"INCRBY", name, text}, read_integer);
    }
    case Op::once_add:
      return std::make_unique<OnceAdd>(journal_, names_.name('o', key), mix_.prefix + fresh,
                                       amount);
    case Op::insert:
      return std::make_unique<SetOperation>(journal_, names_, key, fresh);
    case Op::read_all:
      return std::make_unique<SetOperation>(journal_, names_, key, "");
    case Op::write_ttl:
      return std::make_unique<ShortLived>(journal_, names_.short_lived(journal_.client(), key),
                                          fresh, prng_.between(30, 1500));
    default:
      break;
  }
  const std::uint64_t lock = prng_.below(mix_.locks);
  return std::make_unique<LockLife>(
      journal_, names_, LockLife::draw(prng_, names_.name('l', lock), names_.name('g', lock)));
}

bool Actor::watching() const {
  return std::any_of(activities_.begin(), activities_.end(),
                     [](const auto& activity) { return activity->watches(); });
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
  for (const auto& activity : activities_) {
    if (activity->wake_at() <= now) ask(*activity);
  }
  while (!winding_down_ && round.size() < wanted && activities_.size() < kAtOnce) {
    activities_.push_back(choose());
    ask(*activities_.back());
  }
  if (round.size() == 0) {
    CHECK(!activities_.empty(), "asked for commands after the end");
    const auto first =
        std::min_element(activities_.begin(), activities_.end(),
                         [](const auto& a, const auto& b) { return a->wake_at() < b->wake_at(); });
    ask(**first);
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
  for (const auto& activity : activities_) activity->on_broken(now);
  forget_ended();
}

void Actor::forget_ended() {
  std::erase_if(activities_, [this](const auto& activity) {
    return activity->over() && std::none_of(sent_.begin(), sent_.end(), [&](const Activity* sent) {
             return sent == activity.get();
           });
  });
}

Duration Actor::pause() {
  // Short pauses are the most likely ones, as with people and programs; never at once.
  const auto mean = std::max<std::int64_t>(mix_.think.ns, 1);
  const std::int64_t a = prng_.between(0, 2 * mean);
  const std::int64_t b = prng_.between(0, 2 * mean);
  return nanoseconds(1 + (prng_.below(4) == 0 ? std::max(a, b) : std::min(a, b)));
}

bool Actor::wind_down() {
  if (!winding_down_) {
    winding_down_ = true;
    for (const auto& activity : activities_) activity->hurry();
    forget_ended();
  }
  return activities_.empty();
}

void Actor::finish(Instant now) {
  for (const auto& activity : activities_) activity->finish(now);
  activities_.clear();
  sent_.clear();
}

}  // namespace holdfast::workload
