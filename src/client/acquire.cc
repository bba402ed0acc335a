#include "client/acquire.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "client/calls.h"

namespace holdfast::client {
namespace {

// {token, ttl, …}; of a lock the third is the fence, of others the token is as good as one.
struct Grant {
  std::uint64_t token, fence;
  Duration left;
};

std::optional<Grant> read_grant(const resp::Reply& reply, Kind kind) {
  if (reply.kind != resp::Reply::Kind::array || reply.items.size() < 3) return std::nullopt;
  const bool lock = kind == Kind::mutex || kind == Kind::shared_mutex;
  for (std::size_t i = 0; i < (lock ? 3u : 2u); ++i) {
    const resp::Reply& item = reply.items[i];
    if (item.kind != resp::Reply::Kind::integer || item.number < 0) return std::nullopt;
  }
  if (reply.items[0].number == 0) return std::nullopt;
  return Grant{static_cast<std::uint64_t>(reply.items[0].number),
               static_cast<std::uint64_t>(reply.items[lock ? 2 : 0].number),
               milliseconds(reply.items[1].number)};
}

class Acquisition {
 public:
  Acquisition(Link& link, const Setup& setup, const Wanted& wanted)
      : link_(link),
        setup_(setup),
        wanted_(wanted),
        words_(vocabulary(wanted.kind)),
        limit_(fmt::to_string(wanted.limit)),
        permits_(fmt::to_string(wanted.permits)),
        ttl_(fmt::to_string(wanted.ttl.ms())),
        wait_until_(setup.world->now() + wanted.wait),
        until_(wait_until_ + setup.timeout) {}

  Outcome<Held> run() {
    while (true) {
      if (auto outcome = attempt()) return *std::move(outcome);
      if (setup_.world->now() + kPause >= until_) return last_;
      setup_.world->sleep(kPause);
    }
  }

 private:
  using Step = std::optional<Outcome<Held>>;  // nothing: ask again

  Duration wait_left() const { return std::max(wait_until_ - setup_.world->now(), Duration{}); }

  Step attempt() {
    const Duration wait = queueing_ ? wait_left() : Duration{};
    const Answer answer = ask(wait);
    if (answer.fate != Answer::Fate::answered) return unanswered(answer);
    if (answer.reply.is_error()) return refused(answer);
    in_doubt_ = false;
    if (answer.reply.kind == resp::Reply::Kind::null) return not_granted();
    const auto grant = read_grant(answer.reply, wanted_.kind);
    if (!grant) return Outcome<Held>(strange(words_.acquire, Fate::unknown));
    Held held{grant->token, grant->fence, Tenure(wanted_.ttl)};
    if (asked_ > 1) return confirm(std::move(held));
    held.tenure.confirm(answer.sent_at, grant->left);
    return held;
  }

  Answer ask(Duration wait) {
    ++asked_;
    const std::string wait_ms = fmt::to_string(wait.ms());
    std::vector<std::string_view> words = {words_.acquire, wanted_.name, wanted_.owner, "TTL",
                                           ttl_};
    if (wanted_.kind == Kind::shared_mutex) words.emplace_back("SHARED");
    if (wanted_.kind == Kind::semaphore) {
      words.insert(words.end(), {"LIMIT", limit_, "PERMITS", permits_});
    }
    if (wait.ms() > 0) words.insert(words.end(), {"WAIT", wait_ms});
    if (!wanted_.value.empty()) words.insert(words.end(), {"VALUE", wanted_.value});
    if (wait.ms() == 0) return link_.ask(words, setup_.patience, until_);
    // The answer to a wait is due when the wait is over, and not at that very moment.
    return link_.ask_and_wait(words, setup_.patience, wait_until_ + setup_.patience);
  }

  Step not_granted() {
    if (wait_left().ms() == 0) return Outcome<Held>(taken());
    if (queueing_) return std::nullopt;  // the server's wait was over before ours
    queueing_ = true;
    return attempt();
  }

  Failure taken() const {
    return {Fate::not_done, "TAKEN",
            fmt::format("the {} '{}' was not free within {} ms; nothing was changed. holdfast "
                        "inspect shows who holds it",
                        words_.noun, wanted_.name, wanted_.wait.ms())};
  }

  Step unanswered(const Answer& answer) {
    if (answer.fate == Answer::Fate::lost) in_doubt_ = true;
    last_ = failure_of(answer, in_doubt_ ? Fate::unknown : Fate::not_done);
    if (in_doubt_) add_sentence(last_.message, doubt());
    if (!answer.refused.empty()) return Outcome<Held>(last_);
    return std::nullopt;
  }

  Step refused(const Answer& answer) {
    const std::string_view kind = answer.kind();
    if (kind == "UNKNOWN") in_doubt_ = true;
    last_ = failure_of(answer.reply);
    last_.fate = in_doubt_ ? Fate::unknown : Fate::not_done;
    if (in_doubt_) add_sentence(last_.message, doubt());
    if (kind != "UNKNOWN" && !is_passing(kind)) return Outcome<Held>(last_);
    link_.give_up_server();
    return std::nullopt;
  }

  std::string doubt() const {
    return fmt::format("If the {} was granted, it ends by itself {} ms after that", words_.noun,
                       wanted_.ttl.ms());
  }

  Step confirm(Held held) {
    const std::string token = fmt::to_string(held.token);
    const Answer answer = link_.ask({words_.renew, wanted_.name, token, "TTL", ttl_},
                                    held.tenure.patience(setup_.patience), until_);
    if (answer.fate == Answer::Fate::answered && answer.kind() == "LOST") {
      last_ = failure_of(answer.reply);
      return std::nullopt;  // it had ended before it was heard of here: queue again
    }
    if (answer.fate != Answer::Fate::answered || answer.reply.is_error() ||
        answer.reply.kind != resp::Reply::Kind::integer) {
      in_doubt_ = true;
      last_ = {Fate::unknown, "BROKEN",
               fmt::format("the {} was granted, but nobody confirmed it in time", words_.noun)};
      add_sentence(last_.message, doubt());
      return std::nullopt;  // the same owner gets the same grant
    }
    held.tenure.confirm(answer.sent_at, milliseconds(answer.reply.number));
    return held;
  }

  Link& link_;
  const Setup& setup_;
  const Wanted& wanted_;
  const Vocabulary words_;
  const std::string limit_;
  const std::string permits_;
  std::string ttl_;
  Instant wait_until_;
  Instant until_;
  int asked_ = 0;
  bool queueing_ = false;
  bool in_doubt_ = false;  // it may be held in our name
  Failure last_;
};

}  // namespace

Outcome<Held> acquire(Link& link, const Setup& setup, const Wanted& wanted) {
  return Acquisition(link, setup, wanted).run();
}

}  // namespace holdfast::client
