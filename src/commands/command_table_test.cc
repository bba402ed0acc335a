#include "commands/command_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "commands/rows.h"
#include "resp/limits.h"
#include "resp/reply_parser.h"

namespace holdfast::commands {
namespace {

using Words = std::vector<std::string_view>;

std::string refusal(const Words& words) { return refuse_words(words).value_or("runs"); }

TEST(CommandTable, FindsNamesInAnyCaseAndSubcommandsOfContainers) {
  EXPECT_EQ(find_command(Words{"GeT"})->name, "get");
  EXPECT_EQ(find_command(Words{"Object", "Encoding", "k"})->name, "object|encoding");
  EXPECT_EQ(find_command(Words{"COMMAND"})->name, "command");
  EXPECT_EQ(find_command(Words{"object|encoding", "k"}), nullptr);
  EXPECT_EQ(find_command(Words{"object", "encoding|k"}), nullptr);
  EXPECT_EQ(find_command(Words{""}), nullptr);
  EXPECT_EQ(find_command(Words{}), nullptr);
  EXPECT_EQ(find_command(Words{std::string(1000, 'x')}), nullptr);
}

TEST(CommandTable, FindsEveryNameInCapitalsAndNoneOfOtherBytes) {
  for (const CommandSpec& row : all_commands()) {
    if (row.name.find('|') != std::string_view::npos) continue;
    std::string name(row.name);
    for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const CommandSpec* const found = find_command(Words{name});
    ASSERT_EQ(found, &row) << name;
    for (std::size_t i = 0; i < name.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string other = name;
        other[i] = static_cast<char>(other[i] ^ (1 << bit));
        const CommandSpec* const near = find_command(Words{other});
        // Only another case of a letter is the same name.
        const bool same = bit == 5 && name[i] >= 'A' && name[i] <= 'Z';
        EXPECT_EQ(near == found, same) << other;
      }
    }
    EXPECT_NE(find_command(Words{name + name}), found);
    EXPECT_NE(find_command(Words{std::string_view(name).substr(1)}), found);
  }
}

TEST(CommandTable, IsSortedAndEachRowCanBeRun) {
  const CommandSpec* before = nullptr;
  for (const CommandSpec& spec : all_commands()) {
    if (before != nullptr) {
      EXPECT_LT(before->name, spec.name);
    }
    before = &spec;
    EXPECT_NE(spec.arity, 0) << spec.name;
    EXPECT_FALSE(spec.summary.empty()) << spec.name;
    EXPECT_FALSE(spec.group.empty()) << spec.name;
    EXPECT_FALSE(spec.since.empty()) << spec.name;
    const int answered = (spec.read != nullptr) + (spec.write != nullptr) + spec.is(kConnection) +
                         (spec.is(kSubcommands) && !spec.is(kConnection));
    EXPECT_GE(answered, 1) << spec.name;
    if (spec.read != nullptr) {
      EXPECT_TRUE(spec.is(kRead) || spec.is(kWrapper)) << spec.name;
    }
    if (spec.write != nullptr) {
      EXPECT_FALSE(spec.is(kRead)) << spec.name;
    }
    if (spec.find_wait != nullptr) {
      EXPECT_TRUE(spec.is(kBlocking)) << spec.name;
    }
  }
}

TEST(CommandTable, RefusesAsRedisDoes) {
  EXPECT_EQ(refusal({"GET", "k"}), "runs");
  EXPECT_EQ(refusal({"COMMAND"}), "runs");
  EXPECT_EQ(refusal({"GET"}), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(refusal({"object", "ENCODING"}),
            "ERR wrong number of arguments for 'object|encoding' command");
  EXPECT_EQ(refusal({"object"}), "ERR wrong number of arguments for 'object' command");
  EXPECT_EQ(refusal({"FOO"}), "ERR unknown command 'FOO', with args beginning with: ");
  EXPECT_EQ(refusal({"foo", "a", "b"}),
            "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(refusal({"Client", "foo"}), "ERR unknown subcommand 'foo'. Try CLIENT HELP.");
  EXPECT_EQ(refusal({"command", "foo"}), "ERR unknown subcommand 'foo'. Try COMMAND HELP.");
}

TEST(CommandTable, ShowsOnlyTheBeginningOfUnknownWords) {
  const std::string long_word(300, 'x');
  const std::string begin(128, 'x');
  EXPECT_EQ(refusal({long_word}),
            "ERR unknown command '" + begin + "', with args beginning with: ");
  EXPECT_EQ(refusal({"foo", long_word, "y"}),
            "ERR unknown command 'foo', with args beginning with: '" + begin + "' ");
  EXPECT_EQ(refusal({"client", long_word}),
            "ERR unknown subcommand '" + begin + "'. Try CLIENT HELP.");
}

TEST(CommandTable, KnowsHttpWhenItSeesIt) {
  EXPECT_TRUE(is_http(Words{"POST", "/", "HTTP/1.1"}));
  EXPECT_TRUE(is_http(Words{"host:", "localhost"}));
  EXPECT_FALSE(is_http(Words{"GET", "/"}));
  EXPECT_FALSE(is_http(Words{}));
}

TEST(CommandTable, BoundsKeysButNotValues) {
  const std::string word(resp::kKeyBytes + 1, 'k');
  const std::string_view most = std::string_view(word).substr(1);
  EXPECT_EQ(refusal({"SET", word, "v"}), "LIMIT a key has at most 1048576 bytes (key-bytes)");
  EXPECT_EQ(refusal({"MSET", "a", "b", word, "v"}),
            "LIMIT a key has at most 1048576 bytes (key-bytes)");
  EXPECT_EQ(refusal({"SET", most, "v"}), "runs");
  EXPECT_EQ(refusal({"SET", "k", word}), "runs");
}

TEST(CommandTable, KnowsWhereKeysAre) {
  const auto positions = [](const Words& words) {
    return key_positions(*find_command(words), words);
  };
  EXPECT_EQ(positions({"GET", "a"}), (std::vector<std::size_t>{1}));
  EXPECT_EQ(positions({"MSET", "a", "1", "b", "2"}), (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(positions({"DEL", "a", "b", "c"}), (std::vector<std::size_t>{1, 2, 3}));
  EXPECT_EQ(positions({"RENAME", "a", "b"}), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(positions({"OBJECT", "ENCODING", "a"}), (std::vector<std::size_t>{2}));
  EXPECT_EQ(positions({"PING"}), (std::vector<std::size_t>{}));
}

TEST(CommandTable, KnowsWhatNeedsTheLog) {
  const auto logged = [](const Words& words) { return needs_log(*find_command(words), words); };
  EXPECT_TRUE(logged({"SET", "a", "b"}));
  EXPECT_TRUE(logged({"GETEX", "a"}));
  EXPECT_FALSE(logged({"GET", "a"}));
  EXPECT_FALSE(logged({"PING"}));
}

TEST(CommandTable, KnowsWhatMayWait) {
  const auto waits = [](const Words& words) { return may_wait(*find_command(words), words); };
  EXPECT_TRUE(waits({"LOCK.ACQUIRE", "a", "me", "TTL", "10", "Wait", "1"}));
  EXPECT_TRUE(waits({"SEM.ACQUIRE", "a", "me", "LIMIT", "1", "WAIT", "1", "TTL", "10"}));
  EXPECT_TRUE(waits({"ELECT.CAMPAIGN", "a", "me", "TTL", "10", "WAIT", "1"}));
  EXPECT_TRUE(waits({"LATCH.WAIT", "a", "WAIT", "1"}));
  EXPECT_TRUE(waits({"CACHE.GET", "a", "LEASE", "10", "WAIT", "1"}));
  EXPECT_TRUE(waits({"ONCE", "i", "GUARD", "a", "1", "LOCK.ACQUIRE", "b", "me", "TTL", "10", "WAIT", "1"}));
  EXPECT_FALSE(waits({"LOCK.ACQUIRE", "a", "me", "TTL", "10"}));
  EXPECT_FALSE(waits({"LOCK.ACQUIRE", "a", "me", "TTL", "10", "WAIT", "0"}));
  EXPECT_FALSE(waits({"LOCK.ACQUIRE", "wait", "me", "TTL", "10", "VALUE", "wait"}));
  EXPECT_FALSE(waits({"LOCK.ACQUIRE", "a", "me", "TTL", "10", "WAIT"}));
  EXPECT_FALSE(waits({"SEM.ACQUIRE", "a", "me", "WAIT", "1", "TTL", "10"}));
  EXPECT_FALSE(waits({"LATCH.WAIT", "a", "WAIT", "0"}));
  EXPECT_FALSE(waits({"LATCH.WAIT", "a"}));
  EXPECT_FALSE(waits({"ONCE", "i", "SET", "b", "WAIT"}));
  EXPECT_FALSE(waits({"ONCE", "i"}));
  EXPECT_FALSE(waits({"GET", "wait"}));
}

// ---- COMMAND INFO against recorded facts

using resp::Reply;

std::string joined(const std::vector<Reply>& items, char separator = ',') {
  std::string out;
  for (const Reply& item : items) {
    if (!out.empty()) out += separator;
    out += item.text;
  }
  return out.empty() ? "-" : out;
}

// flags@begin:last:step of each key-spec, at the places where the reply has them.
std::string key_specs(const Reply& specs) {
  std::string out;
  for (const Reply& spec : specs.items) {
    const Reply& begin = spec.items[3].items[3];
    const Reply& range = spec.items[5].items[3];
    if (!out.empty()) out += ',';
    out += joined(spec.items[1].items, '+') + fmt::format("@{}:{}:{}", begin.items[1].number,
                                                          range.items[1].number,
                                                          range.items[3].number);
  }
  return out.empty() ? "-" : out;
}

// The line that tests/compat/redis_7_commands.txt has for this command.
std::string told_by_command_info(std::string_view name, resp::Version version) {
  std::string bytes;
  resp::ReplyWriter writer(bytes, version);
  answer_command(Words{"COMMAND", "INFO", name}, writer);
  resp::ReplyParser parser;
  parser.feed(bytes);
  Reply reply;
  if (parser.next(reply) != resp::Parsed::request) return parser.error();
  const std::vector<Reply>& row = reply.items[0].items;
  if (row.size() != 10) return "unknown";
  return fmt::format("{} {} {} {} {} {} {} {} {}", row[0].text, row[1].number, joined(row[2].items),
                     row[3].number, row[4].number, row[5].number, joined(row[6].items),
                     joined(row[7].items), key_specs(row[8]));
}

TEST(CommandTable, AgreesWithRedisOnFacts) {
  std::ifstream file("tests/compat/redis_7_commands.txt");
  ASSERT_TRUE(file) << "run in the root of the repository";
  std::size_t compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::string name = line.substr(0, line.find(' '));
    EXPECT_EQ(told_by_command_info(name, resp::Version::resp2), line);
    EXPECT_EQ(told_by_command_info(name, resp::Version::resp3), line);
    ++compared;
  }
  EXPECT_GE(compared, 90u);
}

}  // namespace
}  // namespace holdfast::commands
