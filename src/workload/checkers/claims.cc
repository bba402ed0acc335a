#include "workload/checkers/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

// What is known of a session from outside.
struct Living {
  std::int64_t sure_until_ns = INT64_MIN;  // as counted from the last asking that was answered
  std::int64_t closing_ns = INT64_MAX;     // when it was first asked to be closed
  std::optional<std::size_t> ended;        // what showed first that it had ended

  std::int64_t sure_until() const { return std::min(sure_until_ns, closing_ns); }
};

struct Claim {
  std::size_t granted = 0;  // the operation whose answer told of it first
  std::string_view session;
  std::int64_t known_ns = INT64_MAX;
  std::int64_t given_back_ns = INT64_MAX;  // when it was first asked to be released
};

class ClaimJudge {
 public:
  ClaimJudge(const History& history, const CheckOptions& options)
      : history_(history), options_(options) {
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (history[i].ended == Ended::failed) continue;
      if (on_session(history[i].op)) live(i);
      if (on_claim(history[i].op)) claim(i);
    }
  }

  Verdict judge() const {
    for (const auto& [name, claims] : claims_) {
      Verdict verdict = alone(name, claims);
      if (!verdict.ok) return verdict;
    }
    for (std::size_t i = 0; i < history_.size(); ++i) {
      const Operation& operation = history_[i];
      if (operation.ended != Ended::ok || !on_claim(operation.op)) continue;
      Verdict verdict = operation.op == Op::claim ? granted(i) : told(i);
      if (!verdict.ok) return verdict;
    }
    return {};
  }

 private:
  void live(std::size_t i) {
    const Operation& operation = history_[i];
    const bool ok = operation.ended == Ended::ok;
    const bool opens = operation.op == Op::open_session;
    if (opens && !ok) return;  // nobody knows its name
    Living& living = sessions_[field(opens ? operation.ret : operation.arg, 0)];
    const bool keeps = operation.op == Op::keep_session || operation.op == Op::attach_session;
    const bool denied = (keeps || operation.op == Op::bind_ephemeral) && operation.ret.empty();
    if (operation.op == Op::close_session) {
      living.closing_ns = std::min(living.closing_ns, operation.call_ns);
    }
    if (!ok) return;
    if (denied || operation.op == Op::close_session) {
      const bool first = !living.ended || history_[*living.ended].return_ns > operation.return_ns;
      if (first) living.ended = i;
    } else if (opens || keeps) {
      const std::int64_t ttl_ms = number_field(operation.arg, opens ? 0 : 1);
      living.sure_until_ns =
          std::max(living.sure_until_ns, operation.call_ns + options_.surely_ns(ttl_ms));
    }
  }

  void claim(std::size_t i) {
    const Operation& operation = history_[i];
    auto& claims = claims_[operation.key];
    if (operation.op == Op::claim) {
      if (operation.ended != Ended::ok || operation.ret.empty()) return;
      Claim& one = claims[number_field(operation.ret, 0)];
      if (operation.return_ns >= one.known_ns) return;
      one.granted = i;
      one.session = field(operation.arg, 0);
      one.known_ns = operation.return_ns;
    } else if (operation.op == Op::disclaim) {
      Claim& one = claims[number_field(operation.arg, 1)];
      one.given_back_ns = std::min(one.given_back_ns, operation.call_ns);
    }
  }

  std::int64_t sure_until(const Claim& claim) const {
    const auto living = sessions_.find(claim.session);
    const std::int64_t lives = living == sessions_.end() ? INT64_MIN : living->second.sure_until();
    return std::min(lives, claim.given_back_ns);
  }

  // Tokens say who came later. He was granted it at the latest when he was told.
  Verdict alone(std::string_view name, const std::map<std::int64_t, Claim>& claims) const {
    const Claim* longest = nullptr;
    for (const auto& [token, one] : claims) {
      if (one.known_ns == INT64_MAX) continue;  // given back without a word of the grant
      if (longest != nullptr && one.known_ns < sure_until(*longest)) {
        return objection(name, "was granted to another while the session that held it lived",
                         {longest->granted, one.granted});
      }
      if (longest == nullptr || sure_until(one) > sure_until(*longest)) longest = &one;
    }
    return {};
  }

  // The operation that showed before `when` that the session had ended.
  std::optional<std::size_t> ended_before(std::string_view session, std::int64_t when) const {
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || !found->second.ended) return std::nullopt;
    const std::size_t by = *found->second.ended;
    return history_[by].return_ns < when ? std::optional<std::size_t>(by) : std::nullopt;
  }

  Verdict granted(std::size_t i) const {
    const Operation& operation = history_[i];
    if (operation.ret.empty()) return {};
    const auto ended = ended_before(field(operation.arg, 0), operation.call_ns);
    if (!ended) return {};
    return objection(operation.key, "was granted to a session that had ended", {*ended, i});
  }

  // Whether a token still holds.
  Verdict told(std::size_t i) const {
    const Operation& operation = history_[i];
    const bool held = operation.ret == "1";
    if (held && operation.op == Op::claim_held) {
      const auto ended = ended_before(field(operation.arg, 0), operation.call_ns);
      if (ended) return objection(operation.key, "is held by a session that has ended", {*ended, i});
    }
    if (held) return {};
    const auto& claims = claims_.at(operation.key);
    const auto found = claims.find(number_field(operation.arg, 1));
    if (found == claims.end() || found->second.known_ns == INT64_MAX) return {};
    Claim claim = found->second;
    // It gave nothing back itself; one that was called before it may have.
    const bool by_this = claim.given_back_ns >= operation.call_ns;
    if (operation.op == Op::disclaim && by_this) claim.given_back_ns = INT64_MAX;
    if (operation.return_ns >= sure_until(claim)) return {};
    return objection(operation.key, "was lost while the session that held it lived",
                     {claim.granted, i});
  }

  Verdict objection(std::string_view name, std::string_view what,
                    const std::vector<std::size_t>& which) const {
    return {false, fmt::format("claims: {} {}:{}", name, what, describe(history_, which))};
  }

  const History& history_;
  const CheckOptions& options_;
  std::map<std::string_view, Living> sessions_;
  std::map<std::string_view, std::map<std::int64_t, Claim>> claims_;  // by name and token
};

}  // namespace

Verdict check_claims(const History& history, const CheckOptions& options) {
  return ClaimJudge(history, options).judge();
}

}  // namespace holdfast::workload
