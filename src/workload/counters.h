// A count that counts exactly once: asked again under the same id until there is an answer.
#pragma once

#include <cstdint>
#include <string>

#include "workload/activity.h"

namespace holdfast::workload {

class OnceAdd final : public Activity {
 public:
  OnceAdd(Journal& journal, std::string key, std::string id, std::int64_t amount)
      : journal_(journal), key_(std::move(key)), id_(std::move(id)), amount_(amount) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  Instant wake_at() const override { return wake_at_; }
  void finish(Instant now) override;

 private:
  Journal& journal_;
  std::string key_;
  std::string id_;
  std::int64_t amount_;
  Duration pause_;
  Instant wake_at_;
  std::size_t which_ = 0;
  bool begun_ = false;
  bool doubtful_ = false;  // an earlier try may have counted
  bool over_ = false;
};

}  // namespace holdfast::workload
