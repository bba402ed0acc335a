#include "commands/set_options.h"

#include "commands/arguments.h"
#include "commands/errors.h"

namespace holdfast::commands {
namespace {

struct TimeWord {
  std::string_view word;
  TimeUnit unit;
  TimeBase base;
};

constexpr TimeWord kTimeWords[] = {
    {"ex", TimeUnit::seconds, TimeBase::from_now},
    {"px", TimeUnit::milliseconds, TimeBase::from_now},
    {"exat", TimeUnit::seconds, TimeBase::absolute},
    {"pxat", TimeUnit::milliseconds, TimeBase::absolute},
};

const TimeWord* time_word(std::string_view word) {
  for (const TimeWord& time : kTimeWords) {
    if (is_word(word, time.word)) return &time;
  }
  return nullptr;
}

// A time option excludes those that keep or drop the TTL, and times of another kind; repeating the
// same kind is allowed and the last one counts.
bool take_time(SetOptions& options, const TimeWord& time, Args words, std::size_t at) {
  if (options.keep_ttl || options.persist || at + 1 == words.size()) return false;
  if (options.time && (options.unit != time.unit || options.base != time.base)) return false;
  options.time = words[at + 1];
  options.unit = time.unit;
  options.base = time.base;
  return true;
}

bool take_set_word(SetOptions& options, std::string_view word) {
  if (is_word(word, "nx") && !options.if_present) return options.if_absent = true;
  if (is_word(word, "xx") && !options.if_absent) return options.if_present = true;
  if (is_word(word, "get")) return options.get = true;
  if (is_word(word, "keepttl") && !options.time) return options.keep_ttl = true;
  return false;
}

}  // namespace

std::optional<SetOptions> parse_set_options(Args words, OptionsOf command) {
  SetOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (const TimeWord* const time = time_word(words[i])) {
      if (!take_time(options, *time, words, i)) return std::nullopt;
      ++i;
    } else if (command == OptionsOf::set) {
      if (!take_set_word(options, words[i])) return std::nullopt;
    } else {
      if (!is_word(words[i], "persist") || options.time) return std::nullopt;
      options.persist = true;
    }
  }
  return options;
}

std::optional<keyspace::Expiry> expiry_or_error(const SetOptions& options, std::string_view command,
                                                Stamp now, resp::ReplyWriter& reply) {
  const auto number = integer_or_error(*options.time, reply);
  if (!number) return std::nullopt;
  auto expiry = *number > 0 ? expiry_at(*number, options.unit, options.base, now) : std::nullopt;
  if (!expiry) reply.error(invalid_expire_time(command));
  return expiry;
}

}  // namespace holdfast::commands
