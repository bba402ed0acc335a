#include "workload/activity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast::workload {
namespace {

// What stands behind a minus sign when a command was certainly not done. LIMIT: a bound on what a
// node holds for its clients; none of our commands goes over a bound by itself.
constexpr std::array<std::string_view, 7> kNotDone = {"NOLEADER", "BUSY", "LOADING", "NOSPACE",
                                                      "LIMIT",    "OOM",  "DIVERGED"};
constexpr std::string_view kFull = "ERR max number of clients";
constexpr std::string_view kOvertaken = "a later command of this connection was done meanwhile";
// What an option says that the level of the cluster has not come to.
constexpr std::string_view kTooNew = "is not supported yet";
constexpr std::size_t kShownOfReply = 120;

}  // namespace

Meaning meaning_of(const resp::Reply& reply) {
  if (!reply.is_error()) return Meaning::answered;
  const std::string_view word = field(reply.text, 0);
  if (word == "UNKNOWN") return Meaning::unknown;
  constexpr std::string_view kDenied[] = {"LOST", "FENCED", "CHANGED", "MISMATCH"};
  if (std::find(std::begin(kDenied), std::end(kDenied), word) != std::end(kDenied)) {
    return Meaning::denied;
  }
  // Not before every node runs a program that knows the command.
  if (reply.text.find(" it needs level ") != std::string::npos) return Meaning::not_done;
  const bool not_done = std::find(kNotDone.begin(), kNotDone.end(), word) != kNotDone.end();
  const bool too_new = reply.text.find(kTooNew) != std::string::npos;
  return not_done || too_new || reply.text.starts_with(kFull) ? Meaning::not_done : Meaning::nonsense;
}

bool was_overtaken(const resp::Reply& reply) {
  return reply.is_error() && reply.text.find(kOvertaken) != std::string::npos;
}

std::optional<std::string> read_ok(const resp::Reply& reply) {
  if (reply.kind != resp::Reply::Kind::simple || reply.text != "OK") return std::nullopt;
  return "OK";
}

std::optional<std::string> read_text(const resp::Reply& reply) {
  if (reply.kind == resp::Reply::Kind::null) return "";
  if (reply.kind != resp::Reply::Kind::bulk) return std::nullopt;
  return reply.text;
}

std::optional<std::string> read_integer(const resp::Reply& reply) {
  if (reply.kind != resp::Reply::Kind::integer) return std::nullopt;
  return fmt::format("{}", reply.number);
}

std::optional<std::string> read_one_or_zero(const resp::Reply& reply) {
  if (reply.kind != resp::Reply::Kind::integer) return std::nullopt;
  if (reply.number != 0 && reply.number != 1) return std::nullopt;
  return reply.number == 1 ? "1" : "0";
}

std::string show(const resp::Reply& reply) {
  if (reply.is_aggregate()) return fmt::format("{} items", reply.items.size());
  if (reply.kind == resp::Reply::Kind::null) return "nothing";
  if (reply.kind == resp::Reply::Kind::integer) return fmt::format("{}", reply.number);
  return fmt::format("{}'{}'", reply.is_error() ? "the error " : "",
                     reply.text.substr(0, kShownOfReply));
}

// ---- Journal

std::size_t Journal::begin(Operation operation) {
  history_.push_back(std::move(operation));
  return history_.size() - 1;
}

void Journal::end(std::size_t which, Ended ended, std::string ret, Instant now) {
  Operation& operation = history_[which];
  operation.ended = ended;
  operation.ret = std::move(ret);
  operation.return_ns = now.ns;
  if (ended == Ended::ok) ++acknowledged_;
}

void Journal::settle(std::size_t which, const Answer& answer, ReadAnswer read) {
  const Operation& operation = history_[which];
  const bool looks = only_looks(operation.op);
  // Keeping a session is a read to the nodes, though not without effect.
  const bool reads =
      looks || operation.op == Op::keep_session || operation.op == Op::attach_session;
  const auto no_promise = [&] {
    problem(fmt::format("{} {} {} was answered by {}", name_of(operation.op), operation.key,
                        operation.arg, show(*answer.reply)));
  };
  switch (answer.meaning) {
    case Meaning::not_done:
      if (!reads && !answer.broken() && was_overtaken(*answer.reply)) no_promise();
      return end(which, Ended::failed, {}, answer.now);
    case Meaning::unknown:
      // A look has no effect; a node that does not know its answer has to ask again.
      if (!looks || answer.broken()) {
        return end(which, looks ? Ended::failed : Ended::unknown, {}, answer.now);
      }
      break;
    case Meaning::answered:
    case Meaning::denied:
      if (auto ret = read(*answer.reply)) {
        return end(which, Ended::ok, std::move(*ret), answer.now);
      }
      break;
    case Meaning::nonsense:
      break;
  }
  no_promise();
  end(which, looks ? Ended::failed : Ended::unknown, {}, answer.now);
}

void Journal::problem(std::string text) {
  problems_.push_back(fmt::format("client {}: {}", client_, text));
}

// ---- Round

Operation Round::operation(Op op, std::string key, std::string arg) const {
  Operation fresh;
  fresh.client = journal_.client();
  fresh.connection = journal_.connection;
  fresh.place = journal_.place;
  fresh.op = op;
  fresh.key = std::move(key);
  fresh.arg = std::move(arg);
  fresh.call_ns = fresh.return_ns = now_.ns;
  return fresh;
}

void Round::add(std::vector<std::string> words) {
  ++journal_.place;
  commands_.push_back({std::move(words)});
}

// ---- OneCommand

void OneCommand::ask(Round& round) {
  which_ = journal_.begin(round.operation(op_, key_, arg_));
  asked_ = true;
  round.add(words_);
}

void OneCommand::on_answer(const Answer& answer) {
  journal_.settle(which_, answer, read_);
  over_ = true;
}

void OneCommand::finish(Instant now) {
  if (asked_ && !over_) journal_.end(which_, Ended::unknown, {}, now);
}

}  // namespace holdfast::workload
