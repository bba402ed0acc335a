#include "workload/history.h"

#include <array>

#include "resp/number.h"

namespace holdfast::workload {

std::string_view name_of(Op op) {
  static constexpr std::array<std::string_view, kOps> kNames = {
      "read",     "write",   "cas",   "add",     "once_add", "erase", "write_ttl",    "insert",
      "read_all", "acquire", "renew", "release", "check",    "look",  "guarded_write",
      "open_session",  "keep_session",  "attach_session", "detach_session", "close_session",
      "set_ephemeral", "bind_ephemeral", "read_ephemeral",
      "throttle", "latch_down", "latch_wait", "pair_write", "feed_read",
      "cache_get", "cache_fill", "cache_put", "cache_drop",
      "take",     "keep",    "give_back", "confirm", "force", "set_limit", "look_on",
      "claim",    "claim_held", "disclaim"};
  return kNames.at(static_cast<std::size_t>(op));
}

std::string_view name_of(Ended ended) {
  switch (ended) {
    case Ended::ok:
      return "ok";
    case Ended::failed:
      return "fail";
    case Ended::unknown:
      break;
  }
  return "unknown";
}

std::string_view field(std::string_view words, std::size_t number) {
  for (; number > 0; --number) {
    const std::size_t space = words.find(' ');
    if (space == std::string_view::npos) return {};
    words.remove_prefix(space + 1);
  }
  return words.substr(0, words.find(' '));
}

std::int64_t number_field(std::string_view words, std::size_t number) {
  std::int64_t value = -1;
  return resp::parse_integer(field(words, number), value) ? value : -1;
}

bool on_holding(Op op) {
  switch (op) {
    case Op::acquire:
    case Op::renew:
    case Op::release:
    case Op::check:
    case Op::look:
    case Op::take:
    case Op::keep:
    case Op::give_back:
    case Op::confirm:
    case Op::force:
    case Op::set_limit:
    case Op::look_on:
      return true;
    default:
      return on_claim(op);
  }
}

bool only_looks(Op op) {
  return op == Op::read || op == Op::read_all || op == Op::check || op == Op::look ||
         op == Op::read_ephemeral || op == Op::feed_read || op == Op::confirm ||
         op == Op::look_on || op == Op::claim_held;
}

bool on_claim(Op op) { return op == Op::claim || op == Op::claim_held || op == Op::disclaim; }

bool on_session(Op op) {
  switch (op) {
    case Op::open_session:
    case Op::keep_session:
    case Op::attach_session:
    case Op::detach_session:
    case Op::close_session:
    case Op::set_ephemeral:
    case Op::bind_ephemeral:
    case Op::read_ephemeral:
      return true;
    default:
      return false;
  }
}

bool on_cache(Op op) {
  return op == Op::cache_get || op == Op::cache_fill || op == Op::cache_put ||
         op == Op::cache_drop;
}

bool judged_apart(Op op) {
  return on_session(op) || on_cache(op) || on_claim(op) || op == Op::throttle || op == Op::latch_down ||
         op == Op::latch_wait || op == Op::pair_write || op == Op::feed_read;
}

}  // namespace holdfast::workload
