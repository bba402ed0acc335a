// Histories that are legal by construction, with one lie put into each: the checker whose concern
// it is has to object, whatever else is in the history.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/prng.h"
#include "base/test_rounds.h"
#include "workload/checkers/check_all.h"
#include "workload/checkers/holds.h"
#include "workload/checkers/windows.h"
#include "workload/fake_world.h"

namespace holdfast::workload {
namespace {

struct Lies {
  FakeOutcome& outcome;
  Prng& prng;
  CheckOptions options;
  std::vector<Finals> finals;

  History& history() { return outcome.history; }

  // One of the operations for which this holds.
  Operation* pick(const std::function<bool(const Operation&)>& holds) {
    std::vector<Operation*> all;
    for (Operation& one : history()) {
      if (holds(one)) all.push_back(&one);
    }
    return all.empty() ? nullptr : all[prng.below(all.size())];
  }
  const Operation* find(const std::function<bool(const Operation&)>& holds) {
    const auto found = std::find_if(history().begin(), history().end(), holds);
    return found == history().end() ? nullptr : &*found;
  }
  const Operation* writer_of(std::string_view key, std::string_view value) {
    return find([&](const Operation& one) {
      return key_written(one) == key && value_written(one) == value;
    });
  }
};

bool ok(const Operation& one) { return one.ended == Ended::ok; }
bool ok(const Operation& one, Op op) { return ok(one) && one.op == op; }
bool before(const Operation& a, const Operation& b) { return a.return_ns < b.call_ns; }
bool adds(const Operation& one) { return one.op == Op::add || one.op == Op::once_add; }
bool granted(const Operation& one) { return ok(one, Op::acquire) && !one.ret.empty(); }
bool writes_over(const Operation& one, std::string_view key) {
  return ok(one) && key_written(one) == key && !value_written(one).empty();
}

// A value that was there before the one that `later` wrote, for certain.
const Operation* overwritten_by(Lies& lies, const Operation& later) {
  return lies.find([&](const Operation& one) {
    return writes_over(one, key_written(later)) && before(one, later);
  });
}

// ---- registers

bool stale_read(Lies& lies) {
  const Operation* old = nullptr;
  Operation* read = lies.pick([&](const Operation& one) {
    if (!ok(one, Op::read) || one.ret.empty()) return false;
    const Operation* writer = lies.writer_of(one.key, one.ret);
    return writer != nullptr && ok(*writer) && before(*writer, one) &&
           overwritten_by(lies, *writer) != nullptr;
  });
  if (read == nullptr) return false;
  old = overwritten_by(lies, *lies.writer_of(read->key, read->ret));
  read->ret = value_written(*old);
  return true;
}

bool read_of_nothing(Lies& lies) {
  Operation* read = lies.pick([&](const Operation& one) {
    if (!ok(one, Op::read) || one.ret.empty() || !one.key.starts_with('g')) return false;
    const Operation* writer = lies.writer_of(one.key, one.ret);
    return writer != nullptr && ok(*writer) && before(*writer, one);
  });
  if (read != nullptr) read->ret.clear();
  return read != nullptr;
}

bool read_of_a_failed_write(Lies& lies) {
  const Operation* failed = lies.pick(
      [](const Operation& one) { return one.op == Op::write && one.ended == Ended::failed; });
  if (failed == nullptr) return false;
  Operation* read = lies.pick([&](const Operation& one) {
    return ok(one, Op::read) && one.key == failed->key && one.call_ns > failed->call_ns;
  });
  if (read != nullptr) read->ret = failed->arg;
  return read != nullptr;
}

bool write_that_was_seen_failed(Lies& lies) {
  Operation* write = lies.pick([&](const Operation& one) {
    return one.op == Op::write && one.ended != Ended::failed &&
           lies.find([&](const Operation& read) {
             return ok(read, Op::read) && read.key == one.key && read.ret == one.arg;
           }) != nullptr;
  });
  if (write != nullptr) write->ended = Ended::failed;
  return write != nullptr;
}

// ---- the end

bool end_goes_back(Lies& lies) {
  for (auto& [key, value] : lies.outcome.finals) {
    const Operation* writer = lies.writer_of(key, value);
    if (writer == nullptr || !ok(*writer)) continue;
    const Operation* old = overwritten_by(lies, *writer);
    if (old == nullptr) continue;
    for (Finals& finals : lies.finals) finals[key] = value_written(*old);
    return true;
  }
  return false;
}

bool one_replica_lacks_a_key(Lies& lies) {
  const auto key = std::find_if(
      lies.outcome.finals.begin(), lies.outcome.finals.end(),
      [&](const auto& one) { return lies.writer_of(one.first, one.second) != nullptr; });
  if (key == lies.outcome.finals.end()) return false;
  lies.finals.back().erase(key->first);
  return true;
}

// ---- counters

bool count_lost_at_the_end(Lies& lies) {
  const Operation* last = lies.pick([&](const Operation& one) {
    return ok(one) && adds(one) && lies.outcome.finals[one.key] == one.ret;
  });
  if (last == nullptr) return false;
  for (Finals& finals : lies.finals) {
    finals[last->key] = fmt::format("{}", number_field(last->ret, 0) - 1);
  }
  return true;
}

bool once_counted_twice(Lies& lies) {
  const Operation* one = lies.pick([](const Operation& a) { return ok(a, Op::once_add); });
  if (one == nullptr) return false;
  const auto value = number_field(lies.outcome.finals[one->key], 0);
  for (Finals& finals : lies.finals) finals[one->key] = fmt::format("{}", value + 1);
  return true;
}

bool number_given_twice(Lies& lies) {
  const Operation* one = lies.pick([](const Operation& a) { return ok(a) && adds(a); });
  if (one == nullptr) return false;
  Operation* other = lies.pick([&](const Operation& a) {
    return ok(a) && adds(a) && a.key == one->key && a.ret != one->ret;
  });
  if (other != nullptr) other->ret = one->ret;
  return other != nullptr;
}

// ---- sets

bool element_lost(Lies& lies) {
  const Operation* insert = lies.pick([](const Operation& one) { return ok(one, Op::insert); });
  if (insert == nullptr) return false;
  for (Finals& finals : lies.finals) {
    std::string& set = finals[insert->key];
    const std::size_t at = (" " + set).find(" " + insert->arg + " ");
    set.erase(at, insert->arg.size() + 1);
  }
  return true;
}

bool elements_in_another_order(Lies& lies) {
  Operation* read = lies.pick([](const Operation& one) {
    return ok(one, Op::read_all) && std::count(one.ret.begin(), one.ret.end(), ' ') >= 2;
  });
  if (read == nullptr) return false;
  const std::string first(field(read->ret, 0));
  const std::string second(field(read->ret, 1));
  read->ret.replace(0, first.size() + second.size() + 1, second + " " + first);
  return true;
}

// ---- locks

Hold hold_of(Lies& lies, const Operation& one, std::int64_t token) {
  const auto stories = lock_stories(lies.history(), lies.options);
  const auto& holds = stories.at(one.key).holds;
  const auto found = holds.find(token);
  return found == holds.end() ? Hold() : found->second;
}

bool surely_held(Lies& lies, const Operation& one, std::int64_t token) {
  const Hold hold = hold_of(lies, one, token);
  return hold.known_ns < one.call_ns && one.return_ns < hold.sure_until_ns();
}

bool two_holders(Lies& lies) {
  std::int64_t token = 0;
  Operation* refused = nullptr;
  for (int tries = 0; tries < 50 && token == 0; ++tries) {
    refused = lies.pick([](const Operation& one) {
      return ok(one, Op::acquire) && one.ret.empty() && number_field(one.arg, 2) == 0;
    });
    if (refused == nullptr) return false;
    const auto stories = lock_stories(lies.history(), lies.options);
    for (const auto& [held, hold] : stories.at(refused->key).holds) {
      if (surely_held(lies, *refused, held)) token = held + 1;
    }
    if (hold_of(lies, *refused, token).token != 0) token = 0;  // somebody else's
  }
  if (token == 0) return false;
  refused->ret = fmt::format("{} {} 10", token, token);
  return true;
}

bool token_given_twice(Lies& lies) {
  const Operation* one = lies.pick(granted);
  if (one == nullptr) return false;
  Operation* other = lies.pick([&](const Operation& a) {
    return granted(a) && a.key == one->key && field(a.arg, 0) != field(one->arg, 0);
  });
  if (other == nullptr) return false;
  other->ret = fmt::format("{} {} 10", field(one->ret, 0), field(one->ret, 0));
  return true;
}

bool token_runs_backwards(Lies& lies) {
  Operation* first = lies.pick(granted);
  if (first == nullptr) return false;
  Operation* second = lies.pick([&](const Operation& one) {
    return granted(one) && one.key == first->key && before(*first, one) &&
           field(one.arg, 0) != field(first->arg, 0);
  });
  if (second == nullptr) return false;
  std::swap(first->ret, second->ret);
  return true;
}

bool holder_refused(Lies& lies) {
  for (int tries = 0; tries < 50; ++tries) {
    Operation* use = lies.pick([](const Operation& one) { return confirmed(one); });
    if (use == nullptr) return false;
    const std::string answer = use->ret;
    use->ret = use->op == Op::check ? "0" : "";
    // Not only because it was answered: a renewal is its own promise.
    if (surely_held(lies, *use, number_field(use->arg, 0))) return true;
    use->ret = answer;
  }
  return false;
}

bool old_token_still_good(Lies& lies) {
  Operation* use = lies.pick([&](const Operation& one) {
    const bool refused = denied(one) && one.op != Op::release;
    return refused && lies.find([&](const Operation& a) {
      return granted(a) && a.key == one.key && before(a, one) &&
             number_field(a.ret, 0) > number_field(one.arg, 0);
    }) != nullptr;
  });
  if (use == nullptr) return false;
  use->ret = use->op == Op::check ? "1" : use->op == Op::renew ? "100" : "OK";
  return true;
}

bool old_token_writes_late(Lies& lies) {
  const auto guarded = [&](const Operation& read, std::string_view value) {
    return lies.find([&](const Operation& one) {
      return ok(one, Op::guarded_write) && key_written(one) == read.key &&
             value_written(one) == value && before(one, read);
    });
  };
  Operation* read = lies.pick([&](const Operation& one) {
    return ok(one, Op::read) && one.key.starts_with('g') && guarded(one, one.ret) != nullptr;
  });
  if (read == nullptr) return false;
  const auto token = number_field(guarded(*read, read->ret)->arg, 0);
  Operation* old = lies.pick([&](const Operation& one) {
    return one.op == Op::guarded_write && one.ended != Ended::failed &&
           key_written(one) == read->key && number_field(one.arg, 0) < token;
  });
  if (old == nullptr) return false;
  // As if its outcome had been unknown, so that only the tokens say that it is too late.
  old->ended = Ended::unknown;
  old->ret.clear();
  old->place = kNoPlace;
  read->ret = value_written(*old);
  return true;
}

bool grants_out_of_order(Lies& lies) {
  const auto stories = lock_stories(lies.history(), lies.options);
  for (const Operation& look : lies.history()) {
    if (!ok(look, Op::look)) continue;
    const auto waiter = [&](std::size_t number) -> Operation* {
      const std::string_view word = field(look.ret, number);
      const auto& owners = stories.at(look.key).owners;
      const auto found = owners.find(word.substr(0, word.rfind(':')));
      if (word.empty() || found == owners.end() || found->second.size() != 1) return nullptr;
      Operation& acquire = lies.history()[found->second.front()];
      return granted(acquire) ? &acquire : nullptr;
    };
    Operation* first = waiter(1);
    Operation* second = waiter(2);
    if (first == nullptr || second == nullptr) continue;
    std::swap(first->ret, second->ret);
    return true;
  }
  return false;
}

// In the calm only.
bool waited_in_vain(const Operation& one) {
  return ok(one, Op::acquire) && one.ret.empty() && number_field(one.arg, 2) > 20;
}
bool waiter_forgotten(Lies& lies) {
  Operation* acquire = lies.pick(waited_in_vain);
  if (acquire != nullptr) acquire->return_ns += seconds(10).ns;
  return acquire != nullptr;
}
bool waiter_sent_away_early(Lies& lies) {
  Operation* acquire = lies.pick(waited_in_vain);
  if (acquire == nullptr) return false;
  acquire->return_ns = acquire->call_ns + milliseconds(number_field(acquire->arg, 2)).ns / 2;
  return true;
}
bool waiter_in_vain_for_a_free_lock(Lies& lies) {
  const Operation* last = lies.find([](const Operation& one) { return one.op == Op::acquire; });
  if (last == nullptr) return false;
  Operation lie = *last;
  lie.client = 1000;
  lie.arg = "nobody 100 500";
  lie.ret.clear();
  lie.call_ns = seconds(100).ns;
  lie.return_ns = lie.call_ns + milliseconds(500).ns;
  lie.ended = Ended::ok;
  lies.history().push_back(lie);
  return true;
}

// ---- time

const Operation* short_lived(Lies& lies, const Operation& read, std::string_view value) {
  const Operation* writer = lies.writer_of(read.key, value);
  return writer != nullptr && ok(*writer, Op::write_ttl) ? writer : nullptr;
}

bool gone_before_its_time(Lies& lies) {
  Operation* read = lies.pick([&](const Operation& one) {
    if (!ok(one, Op::read) || one.ret.empty()) return false;
    const Operation* writer = short_lived(lies, one, one.ret);
    if (writer == nullptr || !before(*writer, one)) return false;
    if (one.return_ns >= writer->call_ns + milliseconds(number_field(writer->arg, 1)).ns) {
      return false;
    }
    return lies.find([&](const Operation& other) {
      return &other != writer && key_written(other) == one.key && !only_looks(other.op) &&
             other.ended != Ended::failed && other.call_ns <= one.return_ns &&
             !(ok(other) && before(other, *writer));
    }) == nullptr;
  });
  if (read != nullptr) read->ret.clear();
  return read != nullptr;
}

bool there_after_its_time(Lies& lies) {
  const Operation* writer = lies.pick([](const Operation& one) { return ok(one, Op::write_ttl); });
  if (writer == nullptr) return false;
  const std::int64_t late =
      writer->return_ns + milliseconds(number_field(writer->arg, 1)).ns + lies.options.late.ns;
  Operation* read = lies.pick([&](const Operation& one) {
    return ok(one, Op::read) && one.key == writer->key && one.call_ns > late;
  });
  if (read != nullptr) read->ret = value_written(*writer);
  return read != nullptr;
}

// ---- connections

bool behind(const Operation& a, const Operation& b) {
  return a.client == b.client && a.connection == b.connection && a.place < b.place &&
         b.place != kNoPlace;
}

bool counts_of_a_pipeline_swapped(Lies& lies) {
  Operation* second = nullptr;
  Operation* first = lies.pick([&](const Operation& one) {
    return ok(one, Op::add) && lies.find([&](const Operation& other) {
      return ok(other, Op::add) && other.key == one.key && behind(one, other);
    }) != nullptr;
  });
  if (first == nullptr) return false;
  second = lies.pick([&](const Operation& other) {
    return ok(other, Op::add) && other.key == first->key && behind(*first, other);
  });
  std::swap(first->ret, second->ret);
  return true;
}

bool own_write_not_seen(Lies& lies) {
  for (const Operation& first : lies.history()) {
    if (!ok(first, Op::write)) continue;
    const Operation* second = lies.find([&](const Operation& one) {
      return ok(one, Op::write) && one.key == first.key && behind(first, one);
    });
    if (second == nullptr) continue;
    Operation* read = lies.pick([&](const Operation& one) {
      return ok(one, Op::read) && one.key == first.key && behind(*second, one);
    });
    if (read == nullptr) continue;
    read->ret = first.arg;
    return true;
  }
  return false;
}

struct Corruption {
  const char* name;
  const char* checker;
  bool (*lie)(Lies& lies);
  enum { in_any_world, in_the_calm, under_faults } possible = in_any_world;
};

constexpr Corruption kCorruptions[] = {
    {"stale_read", "linearizable", stale_read},
    {"read_of_nothing", "linearizable", read_of_nothing},
    {"read_of_a_failed_write", "linearizable", read_of_a_failed_write, Corruption::under_faults},
    {"write_that_was_seen_failed", "linearizable", write_that_was_seen_failed},
    {"elements_in_another_order", "linearizable", elements_in_another_order},
    {"end_goes_back", "durability", end_goes_back},
    {"one_replica_lacks_a_key", "durability", one_replica_lacks_a_key},
    {"element_lost", "durability", element_lost},
    {"count_lost_at_the_end", "counters", count_lost_at_the_end},
    {"once_counted_twice", "counters", once_counted_twice},
    {"number_given_twice", "counters", number_given_twice},
    {"two_holders", "locks", two_holders},
    {"token_given_twice", "locks", token_given_twice},
    {"token_runs_backwards", "locks", token_runs_backwards},
    {"holder_refused", "locks", holder_refused},
    {"old_token_still_good", "locks", old_token_still_good},
    {"old_token_writes_late", "locks", old_token_writes_late},
    {"grants_out_of_order", "locks", grants_out_of_order},
    {"waiter_forgotten", "locks", waiter_forgotten, Corruption::in_the_calm},
    {"waiter_sent_away_early", "locks", waiter_sent_away_early, Corruption::in_the_calm},
    {"waiter_in_vain_for_a_free_lock", "locks", waiter_in_vain_for_a_free_lock, Corruption::in_the_calm},
    {"gone_before_its_time", "expiry", gone_before_its_time},
    {"there_after_its_time", "expiry", there_after_its_time},
    {"counts_of_a_pipeline_swapped", "session", counts_of_a_pipeline_swapped},
    {"own_write_not_seen", "session", own_write_not_seen},
};

class CorruptionTest : public testing::TestWithParam<Corruption> {
 protected:
  // What happened in the world of a seed: the same for every lie, so it is run once.
  static const FakeOutcome& truth(std::uint64_t seed, bool faults) {
    static std::map<std::pair<std::uint64_t, bool>, FakeOutcome> known;
    const auto [place, is_new] = known.try_emplace({seed, faults});
    if (is_new) {
      place->second = run_fake_world(
          {.seed = seed, .mix = mix_of_all(), .length = seconds(3), .faults = faults});
    }
    return place->second;
  }
};

TEST_P(CorruptionTest, IsCaughtByItsChecker) {
  const std::uint64_t wanted = rounds(10);
  std::uint64_t told = 0;
  for (std::uint64_t seed = 1; seed <= 400 && told < wanted; ++seed) {
    const auto possible = GetParam().possible;
    const bool faults = possible == Corruption::under_faults ||
                        (possible == Corruption::in_any_world && seed % 2 == 0);
    FakeOutcome outcome = truth(seed, faults);
    Prng prng(seed);
    Lies lies{outcome, prng, fake_options(faults), {outcome.finals, outcome.finals}};
    if (!GetParam().lie(lies)) continue;
    ++told;
    std::string caught;
    for (const Verdict& verdict : check_all(outcome.history, lies.finals, lies.options)) {
      caught += verdict.explanation + "\n";
    }
    EXPECT_NE(("\n" + caught).find(fmt::format("\n{}: ", GetParam().checker)), std::string::npos)
        << "seed " << seed << ", caught by others: " << caught;
  }
  EXPECT_EQ(told, wanted) << "hardly ever possible";
}

INSTANTIATE_TEST_SUITE_P(Histories, CorruptionTest, testing::ValuesIn(kCorruptions),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace holdfast::workload
