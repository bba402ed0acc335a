// A key that several clients miss at once: who is given the lease fetches it, which takes him a while,
// and stores it, or dies over it; and now and then somebody writes or removes the key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/prng.h"
#include "workload/activity.h"

namespace holdfast::workload {

class CacheTurn final : public Activity {
 public:
  struct Plan {
    std::int64_t lease_ms = 0;
    std::int64_t stale_ms = 0;  // how stale it may be; 0: not at all
    std::int64_t wait_ms = 0;
    Duration fetching;
    std::int64_t fresh_ms = 0;
    std::int64_t keep_ms = 0;
    bool dies = false;  // before it is stored
  };
  static Plan draw(Prng& prng);

  CacheTurn(Journal& journal, std::string key, std::string value, const Plan& plan)
      : journal_(journal), key_(std::move(key)), value_(std::move(value)), plan_(plan) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  Instant wake_at() const override { return wake_at_; }
  void hurry() override;
  void finish(Instant now) override;

 private:
  Journal& journal_;
  std::string key_;
  std::string value_;
  Plan plan_;
  std::string lease_;  // "" until it is given one
  Instant wake_at_;
  std::size_t which_ = 0;
  bool open_ = false;
  bool over_ = false;
};

// Such a turn, or a write or a removal of the key.
std::unique_ptr<Activity> use_cache(Journal& journal, Prng& prng, std::string key,
                                    std::string value);

}  // namespace holdfast::workload
