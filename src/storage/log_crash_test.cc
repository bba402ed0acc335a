// Power cuts at any operation, with loss of what was not synced, against a model of its own: what
// comes back is some first part of all that was queued, and no less than what was acknowledged.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <vector>

#include "storage/log_fixture.h"

namespace holdfast::storage {
namespace {

// What a group must be, told as simply as possible.
struct ModelGroup {
  Epoch promise;
  std::uint64_t before = 0;
  Epoch before_epoch;
  std::map<std::uint64_t, std::pair<Epoch, std::string>> entries;
  std::uint64_t last() const { return entries.empty() ? before : entries.rbegin()->first; }
};
using Model = std::map<std::uint32_t, ModelGroup>;
using Change = std::function<void(Model&)>;

class CrashRun {
 public:
  explicit CrashRun(std::uint64_t seed) : prng_(seed) {
    options_.segment_bytes = 4096 + 512 * prng_.below(8);
    options_.folder_id = 77;
  }

  void run() {
    for (int life = 0; life < 6 && !testing::Test::HasFatalFailure(); ++life) {
      if (!start(life)) continue;
      live();
      crash();
    }
  }

 private:
  // False: the power failed while starting.
  bool start(int life) {
    if (prng_.below(3) == 0) disk_.power_until = disk_.operations + prng_.below(25);
    auto opened = Log::open(
        disk_, trace_, options_, [this](const std::string&) { fatal_ = true; }, recovered_);
    if (!opened) {
      EXPECT_TRUE(disk_.out_of_power()) << opened.error().message;
      crash();
      return false;
    }
    log_ = std::move(*opened);
    adopt(life);
    return true;
  }

  // Finds the first part of the changes that explains what came back.
  void adopt(int life) {
    Model model = base_;
    for (std::size_t i = 0; i < acknowledged_; ++i) changes_[i](model);
    std::size_t applied = acknowledged_;
    while (!matches(model) && applied < changes_.size()) changes_[applied++](model);
    ASSERT_TRUE(matches(model)) << "life " << life << ", " << acknowledged_ << " acknowledged of "
                                << changes_.size();
    base_ = model;
    queued_ = model;
    changes_.clear();
    acknowledged_ = 0;
  }

  bool matches(const Model& model) const {
    Model other;
    for (const auto& [group, state] : recovered_.groups) {
      ModelGroup& to = other[group.value];
      to.promise = state.promise;
      to.before = state.before.value;
      to.before_epoch = state.before_epoch;
      for (const auto& e : state.entries) {
        to.entries[e.index.value] = {e.epoch, std::string(e.payload.view())};
      }
    }
    for (std::uint32_t group = 0; group < kGroups; ++group) {
      const ModelGroup a = model.contains(group) ? model.at(group) : ModelGroup{};
      const ModelGroup b = other.contains(group) ? other.at(group) : ModelGroup{};
      if (a.promise != b.promise || a.before != b.before || a.before_epoch != b.before_epoch ||
          a.entries != b.entries) {
        return false;
      }
    }
    return true;
  }

  void live() {
    const std::uint64_t work = 20 + prng_.below(120);
    if (prng_.below(2) == 0) disk_.power_until = disk_.operations + prng_.below(60);
    if (prng_.below(6) == 0) fail_after(prng_.below(30));
    for (std::uint64_t i = 0; i < work; ++i) {
      const std::uint64_t choice = prng_.below(10);
      if (choice < 5) {
        act();
      } else if (choice < 7) {
        log_->flush();
      } else {
        disk_.step(prng_.below(2) == 0 ? env::Lane::log : env::Lane::background);
      }
    }
  }

  void fail_after(std::uint64_t operations) {
    const std::uint64_t when = disk_.operations + operations;
    disk_.fault = [this, when](const env::DiskOperation& operation) -> std::optional<Error> {
      const bool fails =
          disk_.operations > when && std::holds_alternative<env::SyncFile>(operation);
      if (!fails) return {};
      disk_.fault = nullptr;  // and "succeeds" from then on
      return Error{"sync failed"};
    };
  }

  void crash() {
    log_.reset();
    disk_.fault = nullptr;
    disk_.crash(prng_);
    fatal_ = false;
  }

  void change(Change what) {
    what(queued_);
    changes_.push_back(std::move(what));
  }

  // Acknowledges all changes made so far.
  Log::Done done() {
    return [this, upto = changes_.size()] {
      EXPECT_FALSE(fatal_) << "acknowledged after a failure";
      EXPECT_GE(upto, acknowledged_);
      acknowledged_ = upto;
    };
  }

  void act() {
    const auto number = static_cast<std::uint32_t>(prng_.below(kGroups));
    ModelGroup& group = queued_[number];
    const std::uint64_t choice = prng_.below(20);
    if (choice == 0 && group.last() > group.before) return forget(number, group);
    if (choice == 1) return reset(number, group);
    if (choice == 2) return log_->roll();
    write(number, group);
  }

  void forget(std::uint32_t number, const ModelGroup& group) {
    const auto upto = group.before + 1 + prng_.below(group.last() - group.before);
    const Epoch of = group.entries.at(upto).first;
    log_->forget(GroupId(number), Index(upto), of);
    change([=](Model& model) {
      ModelGroup& g = model[number];
      g.before = upto;
      g.before_epoch = of;
      g.entries.erase(g.entries.begin(), g.entries.upper_bound(upto));
    });
  }

  void reset(std::uint32_t number, const ModelGroup& group) {
    const auto upto = group.before + prng_.below(group.last() - group.before + 5);
    const Epoch of = epoch(++round_);
    change([=](Model& model) {
      ModelGroup& g = model[number];
      g.before = upto;
      g.before_epoch = of;
      g.entries.clear();
    });
    log_->reset(GroupId(number), Index(upto), of, done());
  }

  void write(std::uint32_t number, const ModelGroup& group) {
    LogWrite step;
    step.group = GroupId(number);
    if (prng_.below(4) == 0) {
      const Epoch promise = epoch(++round_);
      step.promise = promise;
      change([=](Model& model) { model[number].promise = promise; });
    }
    if (prng_.below(6) == 0 && group.last() > group.before) {
      const auto from = group.before + 1 + prng_.below(group.last() - group.before);
      step.cut_from = Index(from);
      change([=](Model& model) {
        auto& entries = model[number].entries;
        entries.erase(entries.lower_bound(from), entries.end());
      });
    }
    std::vector<consensus::Entry> entries;
    const std::uint64_t count = prng_.below(4) + (step.promise || step.cut_from ? 0 : 1);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t index = queued_[number].last() + 1;
      entries.push_back(entry(GroupId(number), index, round_, some_payload()));
      change([number, index, e = entries.back()](Model& model) {
        model[number].entries[index] = {e.epoch, std::string(e.payload.view())};
      });
    }
    step.entries = entries;
    log_->write(step, done());
  }

  std::string some_payload() {
    const std::uint64_t kind = prng_.below(20);
    std::string bytes(prng_.below(kind == 0  ? 9000
                                  : kind < 5 ? 2500
                                             : 200),
                      static_cast<char>('a' + prng_.below(26)));
    // Payloads of zeros are what a careless reader takes for lost sectors.
    if (kind % 4 == 1) bytes += std::string(prng_.below(1500), '\0');
    return bytes;
  }

  static constexpr std::uint32_t kGroups = 3;
  Prng prng_;
  NoTrace trace_;
  TestDisk disk_;
  LogOptions options_;
  std::unique_ptr<Log> log_;
  LogRecovery recovered_;
  std::uint64_t round_ = 1;
  bool fatal_ = false;
  Model base_;    // as recovered last
  Model queued_;  // after all changes
  std::vector<Change> changes_;
  std::size_t acknowledged_ = 0;  // of the changes
};

TEST(LogCrash, NothingAcknowledgedIsLost) {
  const char* wanted = std::getenv("HOLDFAST_SEEDS");
  const std::uint64_t seeds = 5 * (wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 200);
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    CrashRun(seed).run();
  }
}

}  // namespace
}  // namespace holdfast::storage
