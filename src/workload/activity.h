// One thing a client does: an operation, or several that belong together, in one or more rounds of
// commands; and the journal in which it writes down how they ended.
//
// An operation stands in the history from its call on, as unknown, so that the history is complete
// whenever the run ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "resp/reply_parser.h"
#include "workload/history.h"

namespace holdfast::workload {

struct Command {
  std::vector<std::string> words;
};

// What became of a command.
enum class Meaning : std::uint8_t {
  answered,
  denied,    // -LOST, -FENCED: the holder of a lock no longer is one; -CHANGED: nor is a key as it was
             // -MISMATCH: others' terms hold
  not_done,  // certainly without effect
  unknown,
  nonsense,  // an error that none of our commands may get
};

Meaning meaning_of(const resp::Reply& reply);
// Not done, because a later command of the connection was done meanwhile. A read may get that when
// the leader changes. No write: those are in the log in the order in which they were sent, or the
// node sends them again, in order.
bool was_overtaken(const resp::Reply& reply);

struct Answer {
  Meaning meaning = Meaning::unknown;
  const resp::Reply* reply = nullptr;  // none: the connection broke first
  Instant now;

  bool broken() const { return reply == nullptr; }
};

// How an answer is written in the history; nothing if it is not what the command promises.
using ReadAnswer = std::optional<std::string> (*)(const resp::Reply& reply);
// An error is an answer as well, "": -LOST, -FENCED and their like say that it is over.
template <ReadAnswer kRead>
std::optional<std::string> read_or_refused(const resp::Reply& reply) {
  return reply.is_error() ? std::optional<std::string>("") : kRead(reply);
}

std::optional<std::string> read_ok(const resp::Reply& reply);
std::optional<std::string> read_text(const resp::Reply& reply);  // "" for null
std::optional<std::string> read_integer(const resp::Reply& reply);
std::optional<std::string> read_one_or_zero(const resp::Reply& reply);

// How a reply reads to people, shortened.
std::string show(const resp::Reply& reply);

class Journal {
 public:
  Journal(std::uint32_t client, History& history) : client_(client), history_(history) {}

  // Where in the history it stands.
  std::size_t begin(Operation operation);
  Operation& at(std::size_t which) { return history_[which]; }
  void end(std::size_t which, Ended ended, std::string ret, Instant now);
  // Ends it as the answer says. An answer that no promise allows is a problem, and the end unknown.
  void settle(std::size_t which, const Answer& answer, ReadAnswer read);
  void problem(std::string text);

  std::uint32_t client() const { return client_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  const std::vector<std::string>& problems() const { return problems_; }

  // Of the present connection: its number, and the place of the next command.
  std::uint32_t connection = 0;
  std::uint32_t place = 0;

 private:
  std::uint32_t client_;
  History& history_;
  std::uint64_t acknowledged_ = 0;
  std::vector<std::string> problems_;
};

// The commands that are sent as one.
class Round {
 public:
  Round(Journal& journal, Prng& prng, Instant now) : journal_(journal), prng_(prng), now_(now) {}

  // An operation that the command added next decides.
  Operation operation(Op op, std::string key, std::string arg) const;
  void add(std::vector<std::string> words);
  std::vector<Command> take() { return std::move(commands_); }
  std::size_t size() const { return commands_.size(); }

  Prng& prng() { return prng_; }

 private:
  Journal& journal_;
  Prng& prng_;
  Instant now_;
  std::vector<Command> commands_;
};

class Activity {
 public:
  virtual ~Activity() = default;

  // Its next commands, at least one. REQUIRES: not over; all of the round before are answered.
  virtual void ask(Round& round) = 0;
  // Of each command of the round, in order.
  virtual void on_answer(const Answer& answer) = 0;
  // The connection is gone, after what was asked on it was told so: and what it had remembered.
  virtual void on_broken(Instant) {}
  virtual bool over() const = 0;
  // Not to be asked before then.
  virtual Instant wake_at() const { return {}; }
  // From now on only what is owed: what is held is given back.
  virtual void hurry() {}
  // EXEC and UNWATCH end every WATCH of a connection: one of these at a time.
  virtual bool watches() const { return false; }
  // The time is up: says of what is still open when it was given up.
  virtual void finish(Instant now) = 0;
};

// An operation of one command.
class OneCommand final : public Activity {
 public:
  OneCommand(Journal& journal, Op op, std::string key, std::string arg,
             std::vector<std::string> words, ReadAnswer read)
      : journal_(journal),
        op_(op),
        key_(std::move(key)),
        arg_(std::move(arg)),
        words_(std::move(words)),
        read_(read) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  void finish(Instant now) override;

 private:
  Journal& journal_;
  Op op_;
  std::string key_;
  std::string arg_;
  std::vector<std::string> words_;
  ReadAnswer read_;
  std::size_t which_ = 0;
  bool asked_ = false;
  bool over_ = false;
};

}  // namespace holdfast::workload
