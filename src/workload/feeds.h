// A feed and who reads it: pairs of keys that are written in one transaction, some of them to end by
// themselves; and a watcher that reads along from the beginning to the end of the run, in pages of
// which each goes on where the one before ended, whatever became of its connection.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "workload/activity.h"

namespace holdfast::workload {

// MULTI, SET keya value, SET keyb value, EXEC; both to end by themselves after ttl_ms, if that is not
// 0.
class PairWrite final : public Activity {
 public:
  PairWrite(Journal& journal, std::string key, std::string value, std::int64_t ttl_ms)
      : journal_(journal), key_(std::move(key)), value_(std::move(value)), ttl_ms_(ttl_ms) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return left_ == 0; }
  bool watches() const override { return true; }
  void finish(Instant now) override;

 private:
  Journal& journal_;
  std::string key_;
  std::string value_;
  std::int64_t ttl_ms_;
  int left_ = 4;  // commands without an answer
  std::size_t which_ = 0;
  bool asked_ = false;
};

class FeedWatch final : public Activity {
 public:
  FeedWatch(Journal& journal, std::string prefix)
      : journal_(journal), prefix_(std::move(prefix)) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  Instant wake_at() const override { return wake_at_; }
  // Reads to the end, once more.
  void hurry() override;
  void finish(Instant now) override;

 private:
  Journal& journal_;
  std::string prefix_;
  std::string position_ = "0";
  bool declared_ = false;
  bool asked_ = false;
  bool hurried_ = false;
  bool over_ = false;
  Duration pause_;
  Instant wake_at_;
  std::size_t which_ = 0;
};

}  // namespace holdfast::workload
