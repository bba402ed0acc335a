// Operations on registers that take several commands.
#pragma once

#include <cstdint>
#include <string>

#include "workload/activity.h"

namespace holdfast::workload {

// Compare and set, as Redis has it: WATCH key, GET key; then MULTI, SET key new, EXEC, which does
// nothing if the key was written since WATCH.
class CompareAndSet final : public Activity {
 public:
  CompareAndSet(Journal& journal, std::string key, std::string fresh)
      : journal_(journal), key_(std::move(key)), fresh_(std::move(fresh)) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  void on_broken(Instant now) override;
  bool over() const override { return step_ == Step::over; }
  bool watches() const override { return true; }
  void finish(Instant now) override;

 private:
  enum class Step : std::uint8_t { watch, get, set, multi, queue, exec, unwatch, over };

  void on_first_round(const Answer& answer);
  void on_exec(const Answer& answer);
  void unexpected(const Answer& answer, std::string_view command);

  Journal& journal_;
  std::string key_;
  std::string fresh_;
  std::string old_;
  Step step_ = Step::watch;
  bool refused_ = false;  // by an answer to something before EXEC
  bool asked_exec_ = false;
  std::size_t which_ = 0;
  Operation read_;  // as it stood when the key was read
};

// Compare and set by IFREV: REV key, GET key; then IFREV key revision SET key new, which does nothing
// if the key was changed since REV. Needs no connection of its own.
class SetIfUnchanged final : public Activity {
 public:
  SetIfUnchanged(Journal& journal, std::string key, std::string fresh)
      : journal_(journal), key_(std::move(key)), fresh_(std::move(fresh)) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return step_ == Step::over; }
  void finish(Instant now) override;

 private:
  enum class Step : std::uint8_t { revision, read, set, over };

  void on_read(const Answer& answer);
  void on_set(const Answer& answer);
  void unexpected(const Answer& answer, std::string_view command);

  Journal& journal_;
  std::string key_;
  std::string fresh_;
  std::string old_;
  std::string revision_;  // "": not known
  Step step_ = Step::revision;
  bool asked_set_ = false;
  std::size_t which_ = 0;
  Operation read_;  // as it stood when the key was read
};

// A key that is written to end by itself, and read until it has.
class ShortLived final : public Activity {
 public:
  ShortLived(Journal& journal, std::string key, std::string value, std::int64_t ttl_ms)
      : journal_(journal), key_(std::move(key)), value_(std::move(value)), ttl_ms_(ttl_ms) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  Instant wake_at() const override { return wake_at_; }
  void hurry() override {
    hurried_ = true;
    over_ = !open_;
  }
  void finish(Instant now) override;

 private:
  static constexpr int kReads = 8;

  Journal& journal_;
  std::string key_;
  std::string value_;
  std::int64_t ttl_ms_;
  Duration pause_;
  Instant wake_at_;
  int reads_ = 0;
  bool written_ = false;
  bool open_ = false;
  bool hurried_ = false;
  bool over_ = false;
  std::size_t which_ = 0;
};

}  // namespace holdfast::workload
