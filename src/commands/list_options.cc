#include "commands/list_options.h"

#include <vector>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/glob.h"

namespace holdfast::commands {

std::optional<std::string> read_list(Args args, std::size_t first, ListOptions& options) {
  constexpr std::uint64_t kMostAtOnce = 10'000;
  for (std::size_t i = first; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::string(kSyntaxError);
    const std::string_view word = args[i + 1];
    if (is_word(args[i], "match")) {
      options.match = word;
    } else if (is_word(args[i], "cursor")) {
      const auto cursor = parse_unsigned(word);
      if (!cursor) return std::string(kInvalidCursor);
      options.cursor = *cursor;
    } else if (is_word(args[i], "count")) {
      std::uint64_t count = 0;
      if (auto refused = read_count("COUNT", word, kMostAtOnce, count)) return refused;
      options.count = static_cast<std::size_t>(count);
    } else {
      return std::string(kSyntaxError);
    }
  }
  return std::nullopt;
}

void answer_list(ReadContext& context, Args args, const NameWalk& walk) {
  ListOptions options;
  if (const auto refused = read_list(args, 1, options)) return context.reply.error(*refused);
  std::vector<std::string> names;
  const std::uint64_t next = walk(options.cursor, options.count, [&](std::string_view name) {
    if (!options.match || glob_matches(*options.match, name)) names.emplace_back(name);
  });
  resp::ReplyWriter& reply = context.reply;
  reply.record(2);
  reply.field("cursor");
  reply.integer(static_cast<std::int64_t>(next));
  reply.field("names");
  reply.array(names.size());
  for (const std::string& name : names) reply.bulk(name);
}

}  // namespace holdfast::commands
