// Stories of commands and their replies: tests/transcripts/commands/*.txt, read as prose.
//
//   # why this matters
//   > SET greeting "hello world"
//   OK
//   ! advance 500
//
// A step is a line that begins with '>': a command as typed in redis-cli. What follows, up to the
// next step, is all that it printed. HOLDFAST_REWRITE=1 writes the files anew: then read the
// difference.
//
// As on a node, a command that writes becomes an entry of its own at the present time, one that
// only reads runs outside of the log. Lines that begin with '!' direct:
//   ! time MS | wall MS        set the cluster time, the calendar time
//   ! advance MS               both go on
//   ! resp 2|3                 the protocol of the clients; `wire` on|off shows bytes as sent
//   ! wire on|off
//   ! client N                 who speaks from here on (client 1 at first, of node 1)
//   ! node N                   at which node
//   ! entry  … ! end           the commands between are one entry
//   ! exec  … ! end            likewise, and they are one transaction
//   ! pulse                    an entry without commands
//   ! bound N                  how much an entry may expire (100 at first)
//   ! random N                 what RANDOMKEY gets
//   ! notices on|off           show who else hears of what a command does (keyspace/notice.h)
//   ! state                    what the keyspace counts
//   ! digest NAME              whether the state is as it was at the last digest of this name
//   ! restore                  go on with a keyspace loaded from this one's snapshot
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/keep_alive.h"
#include "commands/lock_commands.h"
#include "commands/rows.h"
#include "commands/wrapper_commands.h"
#include "resp/reply_parser.h"
#include "resp/request_parser.h"

namespace holdfast::commands {
namespace {

using resp::Reply;

// ---- replies as redis-cli prints them

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\r':
        out += "\\r";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        if (c >= ' ' && c <= '~') {
          out += c;
        } else {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  return out;
}

std::string quoted_text(std::string_view text) { return "\"" + escaped(text) + "\""; }

std::string printed(const Reply& reply, std::size_t indent);

// "1) first", "2) second", each at the given column; maps as "1# key => value".
std::string printed_items(const Reply& reply, std::size_t indent) {
  const bool map = reply.kind == Reply::Kind::map;
  const char mark = map ? '#' : reply.kind == Reply::Kind::set ? '~' : ')';
  const std::size_t step = map ? 2 : 1;
  std::string out;
  for (std::size_t i = 0; i < reply.items.size(); i += step) {
    if (i > 0) out += "\n" + std::string(indent, ' ');
    const std::string head = fmt::format("{}{} ", i / step + 1, mark);
    out += head + printed(reply.items[i], indent + head.size());
    if (map) out += " => " + printed(reply.items[i + 1], indent + head.size());
  }
  return out;
}

std::string printed(const Reply& reply, std::size_t indent) {
  switch (reply.kind) {
    case Reply::Kind::simple:
      return reply.text;
    case Reply::Kind::error:
      return "(error) " + reply.text;
    case Reply::Kind::integer:
      return fmt::format("(integer) {}", reply.number);
    case Reply::Kind::bulk:
      return quoted_text(reply.text);
    case Reply::Kind::null:
      return "(nil)";
    case Reply::Kind::real:
      return "(double) " + reply.text;
    case Reply::Kind::boolean:
      return reply.number != 0 ? "(true)" : "(false)";
    case Reply::Kind::big_number:
      return "(big number) " + reply.text;
    case Reply::Kind::verbatim:
      return "(text) " + quoted_text(reply.text);
    case Reply::Kind::array:
      return reply.items.empty() ? "(empty array)" : printed_items(reply, indent);
    case Reply::Kind::map:
      return reply.items.empty() ? "(empty map)" : printed_items(reply, indent);
    case Reply::Kind::set:
      return reply.items.empty() ? "(empty set)" : printed_items(reply, indent);
    case Reply::Kind::push:
      return "(push) " + printed_items(reply, indent + 7);
  }
  return "";
}

// ---- the world of a transcript

// As if each had been kept a moment ago.
class JustKept final : public KeepAlive {
 public:
  std::optional<std::int64_t> keep(std::uint64_t, std::int64_t ttl_ms) override { return ttl_ms; }
  std::int64_t remaining(std::uint64_t, std::int64_t ttl_ms) const override { return ttl_ms; }
};

class Story {
 public:
  // All that the line prints, with line ends.
  std::string run(const std::string& line) {
    printed_.clear();
    const std::string words_of = line.substr(2);
    if (line[0] == '>') {
      command(words_of);
    } else {
      std::istringstream words(words_of);
      std::string verb;
      std::string value;
      words >> verb >> value;
      direct(verb, value);
    }
    return printed_;
  }

 private:
  void say(std::string line) {
    // Would not be seen, and editors remove it.
    if (line.ends_with(' ')) line.replace(line.size() - 1, 1, "\\x20");
    printed_ += line + "\n";
  }

  void command(const std::string& line) {
    resp::RequestParser parser{resp::Limits{}};
    parser.feed(line + "\n");
    std::vector<std::string_view> words;
    if (parser.next(words) != resp::Parsed::request) return say("(error) " + parser.error());
    const CommandSpec* const spec = find_command(words);
    const bool internal = spec != nullptr && spec->is(kInternal);
    if (const auto refused = internal ? std::nullopt : refuse_words(words)) {
      return say("(error) " + *refused);
    }
    std::string bytes;
    resp::ReplyWriter reply(bytes, version_);
    if (spec->is(kConnection)) {
      if (!spec->name.starts_with("command")) return say("(the node answers)");
      answer_command(words, reply);
      say(shown(bytes));
    } else if (in_entry_ || internal || needs_log(*spec, words)) {
      run_writing(*spec, words, reply, bytes);
    } else {
      run_reading(*spec, words, reply, bytes);
    }
  }

  void run_writing(const CommandSpec& spec, Args words, resp::ReplyWriter& reply,
                   const std::string& bytes) {
    if (!in_entry_) begin_entry();
    WriteContext context{.keyspace = *keyspace_,
                         .now = now_,
                         .reply = reply,
                         .origin = Origin{node_, Incarnation(1), client_, ++request_},
                         .index = Index(index_),
                         .semantics = semantics_,
                         .random = random_,
                         .resp3 = version_ == resp::Version::resp3};
    run_in_entry(spec, context, words);
    if (!in_exec_) keyspace_->end_step(now_.cluster);
    say(context.blocked ? "(waits)" : shown(bytes));
    tell_events();
  }

  void run_reading(const CommandSpec& spec, Args words, resp::ReplyWriter& reply,
                   const std::string& bytes) {
    ReadContext context{.keyspace = *keyspace_,
                        .now = now_,
                        .reply = reply,
                        .random = random_,
                        .keep_alive = &kept_};
    run_read(spec, context, words);
    say(context.escalate ? "(escalates)" : shown(bytes));
  }

  void begin_entry() {
    ++index_;
    keyspace_->expire_due(now_.cluster, bound_);
    tell_events();
  }

  // To whom a wait has ended.
  void tell_events() {
    for (const keyspace::WaiterEvent& event : keyspace_->take_events()) {
      say(fmt::format("[to client {} of node {}] {}", event.origin.connection.value,
                      event.origin.node.value, shown(answer_event(event, now_.cluster))));
    }
    for (const keyspace::Notice& notice : keyspace_->notices().take()) say(noticed(notice));
  }

  static std::string noticed(const keyspace::Notice& notice) {
    const std::string_view kind = name_of(notice.holding);
    switch (notice.kind) {
      case keyspace::NoticeKind::granted:
        return fmt::format("[{} '{}' granted{} to {} with token {}]", kind, notice.name,
                           notice.again ? " again" : "", notice.owner, notice.token);
      case keyspace::NoticeKind::released:
        return fmt::format("[{} '{}' released by {}, token {}]", kind, notice.name, notice.owner,
                           notice.token);
      case keyspace::NoticeKind::lost:
        return fmt::format("[{} '{}' lost by {}, token {}: {}]", kind, notice.name, notice.owner,
                           notice.token, name_of(notice.loss));
      case keyspace::NoticeKind::key:
        return fmt::format("[{} {}]", notice.event, notice.name);
      case keyspace::NoticeKind::setting:
        return fmt::format("[setting {}: {}]", notice.name, notice.value);
      case keyspace::NoticeKind::membership:
        break;
    }
    return "[membership]";
  }

  std::string shown(const std::string& bytes) const {
    if (wire_) return escaped(bytes);
    resp::ReplyParser parser;
    parser.feed(bytes);
    Reply reply;
    if (parser.next(reply) != resp::Parsed::request) return "(no whole reply) " + escaped(bytes);
    std::string out = printed(reply, 0);
    if (parser.buffered() > 0) out += " (and more)";
    return out;
  }

  void direct(const std::string& verb, const std::string& value) {
    const std::int64_t number = value.empty() ? 0 : std::atoll(value.c_str());
    if (verb == "time") {
      now_.cluster.ms = number;
    } else if (verb == "wall") {
      now_.wall.ms = number;
    } else if (verb == "advance") {
      now_.cluster.ms += number;
      now_.wall.ms += number;
    } else if (verb == "resp") {
      version_ = number == 3 ? resp::Version::resp3 : resp::Version::resp2;
    } else if (verb == "wire") {
      wire_ = value == "on";
    } else if (verb == "client") {
      client_ = ConnectionId(static_cast<std::uint64_t>(number));
    } else if (verb == "node") {
      node_ = NodeId(static_cast<std::uint64_t>(number));
    } else if (verb == "semantics") {
      semantics_ = static_cast<std::uint16_t>(number);
    } else if (verb == "bound") {
      bound_ = static_cast<std::size_t>(number);
    } else if (verb == "notices") {
      topics_ = value == "on" ? 7 : 0;
      keyspace_->notices().want(topics_);
    } else if (verb == "random") {
      random_ = static_cast<std::uint64_t>(number);
    } else {
      act(verb, value);
    }
  }

  void act(const std::string& verb, const std::string& value) {
    if (verb == "entry" || verb == "exec" || verb == "pulse") {
      begin_entry();
      in_entry_ = verb != "pulse";
      in_exec_ = verb == "exec";
    } else if (verb == "end") {
      in_entry_ = in_exec_ = false;
      keyspace_->end_step(now_.cluster);
    } else if (verb == "state") {
      say(fmt::format("keys {}, with a deadline {}, locks held {}, waiting {}", keyspace_->size(),
                      keyspace_->expiring(), keyspace_->locks().held(),
                      keyspace_->locks().waiting()));
    } else if (verb == "digest") {
      const std::uint64_t digest = keyspace_->digest();
      const auto [before, first] = digests_.try_emplace(value, digest);
      say(first ? "noted" : before->second == digest ? "unchanged" : "changed");
      before->second = digest;
    } else if (verb == "restore") {
      restore();
    } else {
      say("what is '" + verb + "'?");
    }
  }

  void restore() {
    auto copy = std::make_unique<keyspace::Keyspace>(kOtherSeed);
    keyspace_->begin_snapshot();
    for (;;) {
      const std::string chunk = keyspace_->next_chunk(64);
      if (chunk.empty()) break;
      const auto loaded = copy->load_chunk(chunk);
      if (!loaded) return say(loaded.error().message);
    }
    const auto finished = copy->finish_load();
    if (!finished) return say(finished.error().message);
    say(copy->digest() == keyspace_->digest() ? "the same digest" : "ANOTHER DIGEST");
    keyspace_ = std::move(copy);
    keyspace_->notices().want(topics_);
  }

  static constexpr std::uint64_t kSeed = 1;
  static constexpr std::uint64_t kOtherSeed = 2;

  std::unique_ptr<keyspace::Keyspace> keyspace_ = std::make_unique<keyspace::Keyspace>(kSeed);
  // Cluster time and calendar time differ, so that no test takes one for the other.
  Stamp now_{.cluster = {1'000'000}, .wall = {1'700'000'000'000}};
  resp::Version version_ = resp::Version::resp2;
  bool wire_ = false;
  NodeId node_{1};
  ConnectionId client_{1};
  std::uint64_t request_ = 0;
  std::uint64_t index_ = 0;
  std::uint64_t random_ = 0;
  std::size_t bound_ = 100;
  std::uint16_t semantics_ = UINT16_MAX;
  bool in_entry_ = false;
  std::uint8_t topics_ = 0;
  bool in_exec_ = false;
  std::map<std::string, std::uint64_t> digests_;
  JustKept kept_;
  std::string printed_;
};

// ---- files

bool is_step(const std::string& line) { return line.starts_with("> ") || line.starts_with("! "); }

// The file as it would be if every step printed what it prints now: comments and empty lines stay.
std::string told_now(const std::string& text) {
  Story story;
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (is_step(line)) {
      out += line + "\n" + story.run(line);
    } else if (line.empty() || line[0] == '#') {
      out += line + "\n";
    }
  }
  return out;
}

TEST(Transcripts, TellWhatCommandsDo) {
  const char* const wish = std::getenv("HOLDFAST_REWRITE");
  const bool rewrite = wish != nullptr && std::string_view(wish) == "1";
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator("tests/transcripts/commands")) {
    if (file.path().extension() != ".txt") continue;
    ++count;
    std::ifstream in(file.path());
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string now = told_now(text);
    if (rewrite && now != text) std::ofstream(file.path()) << now;
    EXPECT_EQ(text, now) << file.path() << ": HOLDFAST_REWRITE=1 writes what happens now";
  }
  EXPECT_GE(count, 1u) << "run in the root of the repository";
}

}  // namespace
}  // namespace holdfast::commands
