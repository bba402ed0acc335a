#include "load/talk.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "load/keyed_command.h"

namespace holdfast::load {
namespace {

constexpr std::string_view kTtlMs = "30000";
constexpr std::string_view kQueueMs = "600000";
constexpr Duration kPoll = milliseconds(10);
// As everybody writes it.
constexpr std::string_view kCompareAndDelete =
    "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";

[[noreturn]] void senseless(std::string_view asked, const Answer& answer) {
  throw std::runtime_error(fmt::format("{} was answered {}{}", asked, answer.kind, answer.text));
}

void expect_ok(std::string_view asked, const Answer& answer) {
  if (answer.kind != '+') senseless(asked, answer);
}

// ---- Writes

class Sets final : public Talk {
 public:
  Sets(const TalkOptions& options, std::uint32_t connection, Prng prng)
      : options_(options), prng_(prng), sets_(sets_of(options.value_sizes)), next_(connection) {}

  void begin(std::string& out) override {
    for (std::uint32_t i = 0; i < options_.pipeline && !over(); ++i, ++pending_) {
      auto& set = sets_[turn_++ % sets_.size()];
      set.append(out, options_.total > 0 ? options_.keys + next_ : prng_.below(options_.keys));
      next_ += options_.connections;
    }
  }
  Step on_answer(const Answer& answer, std::string& out) override {
    expect_ok("SET", answer);
    if (--pending_ == 0) begin(out);
    return {.units = 1, .ended = pending_ == 0};
  }

 private:
  bool over() const { return options_.total > 0 && next_ >= options_.total; }

  TalkOptions options_;
  Prng prng_;
  std::vector<KeyedCommand> sets_;
  std::uint64_t turn_ = 0;
  std::uint64_t next_;  // key, of those that are written once each
  std::uint32_t pending_ = 0;
};

class SetAndWait final : public Talk {
 public:
  SetAndWait(const TalkOptions& options, Prng prng)
      : keys_(options.keys),
        replicas_(options.wait),
        at_once_(options.pipeline > 1),
        prng_(prng),
        set_(sets_of(options.value_sizes).at(0)),
        wait_(command({"WAIT", fmt::format("{}", options.wait), "10000"})) {}

  void begin(std::string& out) override {
    set_.append(out, prng_.below(keys_));
    if (at_once_) out += wait_;
  }
  Step on_answer(const Answer& answer, std::string& out) override {
    if (answer.kind == '+') {
      if (!at_once_) out += wait_;
      return {};
    }
    if (answer.kind != ':' || answer.number < replicas_) senseless("WAIT", answer);
    begin(out);
    return {.units = 1};
  }

 private:
  std::uint64_t keys_;
  std::int64_t replicas_;
  bool at_once_;
  Prng prng_;
  KeyedCommand set_;
  std::string wait_;
};

// ---- Locks

class Locks final : public Talk {
 public:
  Locks(const TalkOptions& options, std::uint32_t connection, Prng prng, bool waits)
      : names_(waits ? 1 : options.keys),
        waits_(waits),
        run_(options.run),
        owner_(fmt::format("owner-{}", connection)),
        prng_(prng) {}

  void begin(std::string& out) override {
    name_ = fmt::format("lock:{}:{}", run_, prng_.below(names_));
    acquiring_ = true;
    if (waits_) {
      append_command(out, {"LOCK.ACQUIRE", name_, owner_, "TTL", kTtlMs, "WAIT", kQueueMs});
    } else {
      append_command(out, {"LOCK.ACQUIRE", name_, owner_, "TTL", kTtlMs});
    }
  }
  Step on_answer(const Answer& answer, std::string& out) override {
    if (!std::exchange(acquiring_, false)) {
      if (answer.number != 1) senseless("LOCK.RELEASE", answer);
      begin(out);
      return {.units = 1};
    }
    if (answer.nothing) {  // somebody else holds it: another name
      begin(out);
      return {};
    }
    if (answer.kind != '*' || answer.number <= 0) senseless("LOCK.ACQUIRE", answer);
    append_command(out, {"LOCK.RELEASE", name_, fmt::format("{}", answer.number)});
    return {};
  }

 private:
  std::uint64_t names_;
  bool waits_;
  std::string run_;
  std::string owner_;
  Prng prng_;
  std::string name_;
  bool acquiring_ = true;
};

class RedisLocks final : public Talk {
 public:
  RedisLocks(const TalkOptions& options, std::uint32_t connection, Prng prng, bool polls)
      : names_(polls ? 1 : options.keys),
        polls_(polls),
        run_(options.run),
        owner_(fmt::format("owner-{}", connection)),
        prng_(prng) {}

  void begin(std::string& out) override {
    name_ = fmt::format("lock:{}:{}", run_, prng_.below(names_));
    acquiring_ = true;
    append_command(out, {"SET", name_, owner_, "NX", "PX", kTtlMs});
  }
  Step on_answer(const Answer& answer, std::string& out) override {
    if (!std::exchange(acquiring_, false)) {
      if (answer.number != 1) senseless("EVAL", answer);
      if (polls_) return {.units = 1, .pause = pause()};
      begin(out);
      return {.units = 1};
    }
    if (answer.nothing && polls_) return {.pause = pause()};
    if (answer.nothing) {
      begin(out);
      return {};
    }
    expect_ok("SET NX", answer);
    append_command(out, {"EVAL", kCompareAndDelete, "1", name_, owner_});
    return {};
  }

 private:
  Duration pause() { return nanoseconds(prng_.between(kPoll.ns / 2, kPoll.ns * 3 / 2)); }

  std::uint64_t names_;
  bool polls_;
  std::string run_;
  std::string owner_;
  Prng prng_;
  std::string name_;
  bool acquiring_ = true;
};

}  // namespace

std::unique_ptr<Talk> make_talk(const TalkOptions& options, std::uint32_t connection, Prng prng) {
  const auto& kind = options.kind;
  if (kind == "fill" && options.total < options.connections) {
    throw std::runtime_error("fill: --total N, at least as many keys as there are connections");
  }
  if (kind == "set" || kind == "fill") return std::make_unique<Sets>(options, connection, prng);
  if (kind == "wait") return std::make_unique<SetAndWait>(options, prng);
  if (kind == "lock" || kind == "contend") {
    return std::make_unique<Locks>(options, connection, prng, kind == "contend");
  }
  if (kind == "redis-lock" || kind == "redis-poll") {
    return std::make_unique<RedisLocks>(options, connection, prng, kind == "redis-poll");
  }
  throw std::runtime_error("there is no load '" + kind + "'");
}

}  // namespace holdfast::load
