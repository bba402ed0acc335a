#include "client/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::client {
namespace {

// These pass by themselves: there will be a leader, a restore ends, a node has been busy.
constexpr std::array<std::string_view, 3> kPassing = {"NOLEADER", "LOADING", "BUSY"};
// These do not, but like those above they are said of a command that was not looked at yet; so they
// say nothing about an earlier sending of it.
constexpr std::array<std::string_view, 6> kNotLookedAt = {"NOSPACE", "OOM",   "DIVERGED",
                                                          "NOAUTH",  "LIMIT", "UNKNOWN"};

// What speaks about the connection rather than about data, or makes later commands mean something
// else.
constexpr std::array<std::string_view, 20> kOfConnections = {
    "AUTH",  "CLIENT",     "DISCARD",   "EXEC",     "HELLO",     "MONITOR",     "MULTI",
    "PSYNC", "PSUBSCRIBE", "QUIT",      "READONLY", "READWRITE", "RESET",       "SELECT",
    "SYNC",  "SSUBSCRIBE", "SUBSCRIBE", "UNWATCH",  "WATCH",     "SUNSUBSCRIBE"};

template <std::size_t kCount>
bool is_one_of(const std::array<std::string_view, kCount>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string in_capitals(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

// One command on its way.
class Call {
 public:
  Call(Link& link, const Setup& setup, const std::vector<std::string_view>& words, Repeat repeat)
      : link_(link),
        setup_(setup),
        words_(words),
        repeat_(repeat),
        until_(setup.world->now() + setup.timeout) {}

  Outcome<Value> run() {
    // Who can only be asked once is asked patiently: a node that is about to answer knows more.
    const Duration patience = repeat_ == Repeat::unsent ? setup_.timeout : setup_.patience;
    while (true) {
      Answer answer = link_.ask(words_, patience, until_);
      if (answer.fate == Answer::Fate::answered) {
        if (!answer.reply.is_error()) return value_of(std::move(answer.reply));
        if (ends(answer)) return last_;
      } else if (ends_unanswered(answer)) {
        return last_;
      }
      if (setup_.world->now() + kPause >= until_) return last_;
      setup_.world->sleep(kPause);
    }
  }

 private:
  // An error came. False: another attempt is right. `last_` says what is known so far.
  bool ends(const Answer& answer) {
    const std::string_view kind = answer.kind();
    last_ = failure_of(answer.reply);
    last_.fate = Fate::not_done;
    if (kind == "UNKNOWN" && repeat_ != Repeat::freely) in_doubt_ = true;
    const bool looked_at = !is_passing(kind) && !is_one_of(kNotLookedAt, kind);
    if (looked_at) return true;
    if (in_doubt_) last_.fate = Fate::unknown;
    if (repeat_ == Repeat::unsent && in_doubt_) return true;
    // A leader that cannot be reached from there may be reached from elsewhere.
    if (kind == "NOLEADER" || kind == "UNKNOWN" || kind == "NOAUTH") link_.give_up_server();
    return !is_passing(kind) && kind != "UNKNOWN" && !in_doubt_;
  }

  bool ends_unanswered(const Answer& answer) {
    if (answer.fate == Answer::Fate::lost && repeat_ != Repeat::freely) in_doubt_ = true;
    last_ = failure_of(answer, in_doubt_ ? Fate::unknown : Fate::not_done);
    return !answer.refused.empty() || (in_doubt_ && repeat_ == Repeat::unsent);
  }

  Link& link_;
  const Setup& setup_;
  const std::vector<std::string_view>& words_;
  Repeat repeat_;
  Instant until_;
  bool in_doubt_ = false;  // a sending of it may have been done
  Failure last_;
};

}  // namespace

void add_sentence(std::string& text, std::string_view sentence) {
  const bool ended = text.empty() || text.ends_with('.') || text.ends_with('?');
  text.append(ended ? " " : ". ").append(sentence);
}

bool is_passing(std::string_view kind) { return is_one_of(kPassing, kind); }

Failure failure_of(const resp::Reply& error) {
  Failure failure;
  failure.kind = error.text.substr(0, error.text.find(' '));
  failure.message = error.text;
  if (failure.kind == "UNKNOWN") failure.fate = Fate::unknown;
  return failure;
}

Failure failure_of(const Answer& answer, Fate fate) {
  Failure failure{fate, answer.refused, answer.why};
  if (!failure.kind.empty()) return failure;
  const bool sent = answer.fate == Answer::Fate::lost;
  failure.kind = sent ? "BROKEN" : "NOSERVER";
  if (fate == Fate::unknown) {
    add_sentence(failure.message,
                 "The command may have been done, or may still be done: look before you repeat it");
  } else if (!sent) {
    add_sentence(failure.message, "The command was not done: no server was reached in time");
  }
  return failure;
}

Failure refused_options(std::string why) { return {Fate::not_done, "OPTIONS", std::move(why)}; }

Failure strange(std::string_view command, Fate fate) {
  return {fate, "STRANGE",
          fmt::format("the answer to {} is none that this library knows{}. The server may be newer "
                      "than the library",
                      command, fate == Fate::unknown ? ": it may have been done" : "")};
}

Value value_of(resp::Reply reply) {
  using Kind = resp::Reply::Kind;
  Value value;
  switch (reply.kind) {
    case Kind::null:
      return value;
    case Kind::integer:
    case Kind::boolean:
      value.kind = Value::Kind::integer;
      value.integer = reply.number;
      return value;
    case Kind::simple:
    case Kind::bulk:
    case Kind::real:
    case Kind::big_number:
    case Kind::verbatim:
      value.kind = Value::Kind::text;
      break;
    case Kind::error:
      value.kind = Value::Kind::error;
      break;
    case Kind::array:
    case Kind::map:
    case Kind::set:
    case Kind::push:
      value.kind = Value::Kind::list;
      for (resp::Reply& item : reply.items) value.items.push_back(value_of(std::move(item)));
      return value;
  }
  value.text = std::move(reply.text);
  return value;
}

std::string refuse_words(const std::vector<std::string_view>& words) {
  if (words.empty() || words.front().empty()) return "a command has at least one word";
  const std::string name = in_capitals(words.front());
  if (!is_one_of(kOfConnections, name)) return {};
  return fmt::format(
      "{} is about a connection, and the library's is shared and may be another's at any time: it "
      "was "
      "not sent",
      name);
}

Outcome<Value> call(Link& link, const Setup& setup, const std::vector<std::string_view>& words,
                    Repeat repeat) {
  if (auto refused = refuse_words(words); !refused.empty()) {
    return refused_options(std::move(refused));
  }
  return Call(link, setup, words, repeat).run();
}

}  // namespace holdfast::client
