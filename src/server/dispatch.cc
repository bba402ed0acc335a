#include "server/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/mutation.h"
#include "commands/feed_commands.h"
#include "commands/wrapper_commands.h"
#include "replica/command_record.h"
#include "resp/limits.h"
#include "server/attach_commands.h"
#include "server/inner_command.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";

// As Redis words it: the arguments are quoted until 128 characters are full.
std::string unknown_command(const std::vector<std::string_view>& words) {
  constexpr std::size_t kQuoted = 128;
  std::string arguments;
  for (std::size_t i = 1; i < words.size() && arguments.size() < kQuoted; ++i) {
    arguments += fmt::format("'{}' ", words[i].substr(0, kQuoted - arguments.size()));
  }
  return fmt::format("ERR unknown command '{}', with args beginning with: {}",
                     words.front().substr(0, kQuoted), arguments);
}

bool arity_fits(const commands::CommandSpec& spec, std::size_t words) {
  const std::size_t wanted = static_cast<std::size_t>(spec.arity < 0 ? -spec.arity : spec.arity);
  return spec.arity < 0 ? words >= wanted : words == wanted;
}

std::string only_listens(std::string_view name) {
  return fmt::format(
      "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
      "in this context",
      name);
}

// How long the command may be asked again and again before it is answered, in milliseconds.
std::int64_t block_of(const commands::CommandSpec& spec,
                      const std::vector<std::string_view>& words) {
  constexpr std::int64_t kLongest = std::int64_t{365} * 24 * 3600 * 1000;
  if (spec.name != "feed.read") return 0;
  return std::min(commands::feed_block_of(words), kLongest);
}

bool is_internal(std::string_view name) { return name.starts_with('_'); }

std::string too_new(std::string_view name, std::uint16_t needed, std::uint16_t now, bool known) {
  if (!known) {
    return fmt::format(
        "NOLEADER '{}' was not done: this node has yet to hear of a leader what the cluster can do; "
        "try again",
        name);
  }
  return fmt::format(
      "ERR '{}' was not done: it needs level {} and the cluster is at {}. The level rises by itself "
      "when every node runs a program that knows it (docs/guide/upgrade.md)",
      name, needed, now);
}

}  // namespace

Dispatch::Dispatch(ConnectionTable& table) : table_(table), rows_(commands::all_commands().size()) {
  for (const auto& group : {session_commands(), client_commands(), config_commands(),
                            information_commands(), transaction_commands(), pubsub_commands(),
                            attach_commands()}) {
    for (const LocalCommand& command : group) {
      // The table finds a subcommand by two words.
      std::vector<std::string_view> words;
      const std::size_t bar = command.name.find('|');
      words.push_back(command.name.substr(0, bar));
      if (bar != std::string_view::npos) words.push_back(command.name.substr(bar + 1));
      const auto* spec = commands::find_command(words);
      if (spec == nullptr || spec->name != command.name) continue;  // not a word that clients know
      Row& row = rows_[spec->row];
      row = {command.run, command.after, false, false};
      for (const std::string_view name :
           {"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ping", "quit", "reset"}) {
        if (command.name == name) row.while_listening = true;
      }
      for (const std::string_view name : {"multi", "exec", "discard", "watch", "reset", "quit"}) {
        if (command.name == name) row.never_queued = true;
      }
    }
  }
}

const Dispatch::Row* Dispatch::row(const commands::CommandSpec& spec) const {
  const Row& found = rows_[spec.row];
  return found.run == nullptr ? nullptr : &found;
}

void Dispatch::run(Connection& connection, const std::vector<std::string_view>& words) {
  Session& session = connection.session;
  const commands::CommandSpec* spec = commands::find_command(words);
  if (spec == nullptr && commands::is_http(words)) {
    connection.kill("it speaks HTTP: a web page may be behind it, so nothing that follows is obeyed");
    return;
  }
  // What is no such read must not pass those that are not sure yet.
  if ((spec == nullptr || !commands::reads_keys(*spec)) && !passes_withheld(connection)) return;
  const Row* local = spec == nullptr ? nullptr : row(*spec);
  if (local != nullptr && deferred(connection, *local, words)) return;
  const bool silent = session.replies_off || std::exchange(session.skip_next_reply, false);
  const std::string refusal = refuse(connection, spec, words);
  if (!refusal.empty()) {
    if (!passes_withheld(connection)) return;
    reject(connection, spec, refusal, silent);
    return;
  }
  session.last_command = spec;
  if (session.transaction.open && !(local != nullptr && local->never_queued)) {
    queue(connection, *spec, words, silent);
  } else if (local != nullptr) {
    run_local(connection, *spec, *local, words, silent);
  } else if (connection.refusing()) {
    if (!passes_withheld(connection)) return;
    reject(connection, spec, kRefusedAfterUnknown, silent);
  } else {
    run_data(connection, *spec, words, silent);
  }
}

bool Dispatch::deferred(Connection& connection, const Row& row,
                        const std::vector<std::string_view>& words) {
  if (row.after == After::nothing) return false;
  if (connection.session.transaction.open && !row.never_queued) return false;
  if (connection.requests.empty()) {
    if (row.after != After::applied || !connection.waits_to_see()) return false;
  }
  connection.defer(words);
  return true;
}

// So that what comes next takes its place behind what was withheld. False: the connection has ended over it.
bool Dispatch::passes_withheld(Connection& connection) {
  connection.ask_withheld_again();
  return !connection.closed();
}

std::string Dispatch::refuse(Connection& connection, const commands::CommandSpec* spec,
                             const std::vector<std::string_view>& words) {
  if (is_internal(words.front())) return unknown_command(words);
  // What is plainly right is not looked at twice.
  const bool plain = spec != nullptr && arity_fits(*spec, words.size()) &&
                     (spec->flags & (commands::kWrapper | commands::kInternal)) == 0 &&
                     std::none_of(words.begin(), words.end(), [](std::string_view word) {
                       return word.size() > resp::kKeyBytes;
                     });
  if (!plain) {
    if (auto text = commands::refuse_words(words)) return *std::move(text);
  }
  if (spec == nullptr || spec->is(commands::kInternal)) return unknown_command(words);
  if (spec->is(commands::kConnection) && row(*spec) == nullptr) return unknown_command(words);
  if (connection.needs_password() && !spec->is(commands::kNoAuth)) return std::string(kNoAuth);
  if (connection.session.only_listens() && (row(*spec) == nullptr || !row(*spec)->while_listening)) {
    return only_listens(spec->name);
  }
  const bool wrapper = spec->is(commands::kWrapper);
  if (const auto level = wrapper ? commands::level_needed(words) : spec->semantics; level != 0) {
    const std::uint16_t now = table_.services.level();
    if (level > now) {
      return too_new(spec->name, level, now, now != 0 && table_.services.level_known());
    }
  }
  const Transaction& transaction = connection.session.transaction;
  if (wrapper) return refuse_wrapper(transaction, *spec, words);
  if (!transaction.open) return {};
  if (spec->is(commands::kNoMulti)) return "ERR Command not allowed inside a transaction";
  if (transaction.under_once && row(*spec) != nullptr && !row(*spec)->never_queued) {
    return "ERR a transaction under ONCE holds commands on data only";
  }
  return {};
}

// `ONCE id` alone stands for a whole transaction, so it is its first word or nothing.
std::string Dispatch::refuse_wrapper(const Transaction& transaction,
                                     const commands::CommandSpec& spec,
                                     const std::vector<std::string_view>& words) {
  const commands::Args inner = inner_command(words);
  if (inner.empty()) {
    if (transaction.open && transaction.queue.empty()) return {};
    return fmt::format("ERR wrong number of arguments for '{}' command", spec.name);
  }
  return is_internal(inner.front()) ? unknown_command(words) : std::string();
}

void Dispatch::reject(Connection& connection, const commands::CommandSpec* spec,
                      std::string_view text, bool silent) {
  Session& session = connection.session;
  if (session.transaction.open) session.transaction.broken = true;
  scratch_.clear();
  resp::ReplyWriter(scratch_, session.version).error(text);
  table_.metrics.count_rejected(spec, scratch_);
  connection.requests.answer_rejected(scratch_, silent);
}

void Dispatch::queue(Connection& connection, const commands::CommandSpec& spec,
                     const std::vector<std::string_view>& words, bool silent) {
  Transaction& transaction = connection.session.transaction;
  QueuedCommand command;
  command.spec = &spec;
  command.local = row(spec) != nullptr;
  command.words.assign(words.begin(), words.end());
  for (const auto word : words) transaction.bytes += word.size();
  if (spec.is(commands::kWrapper) && inner_command(words).empty()) transaction.under_once = true;
  const ClientLimits& limits = table_.limits;
  if (transaction.bytes > limits.transaction_bytes ||
      transaction.queue.size() >= limits.transaction_commands) {
    reject(connection, &spec,
           fmt::format("LIMIT a transaction holds at most {} bytes and {} commands "
                       "(transaction-bytes); none of it will be done",
                       limits.transaction_bytes, limits.transaction_commands),
           silent);
    transaction.queue.clear();
    transaction.bytes = 0;
    return;
  }
  transaction.queue.push_back(std::move(command));
  connection.requests.answer(nullptr, "+QUEUED\r\n", silent);
}

void Dispatch::run_local(Connection& connection, const commands::CommandSpec& spec,
                         const Row& row, const std::vector<std::string_view>& words,
                         bool silent) {
  // Not the member: a command may run others (EXEC), or end its own connection.
  std::string reply = std::exchange(scratch_, {});
  reply.clear();
  resp::ReplyWriter writer(reply, connection.session.version);
  LocalCall call{table_, connection, spec, words, writer, silent, false, false};
  row.run(call);
  if (!call.no_reply) connection.requests.answer(&spec, reply, silent);
  scratch_ = std::move(reply);
}

void Dispatch::run_inside_exec(Connection& connection, const QueuedCommand& command,
                               std::string& out) {
  const std::vector<std::string_view> words(command.words.begin(), command.words.end());
  resp::ReplyWriter writer(out, connection.session.version);
  const Row* found = row(*command.spec);
  LocalCall call{table_, connection, *command.spec, words, writer, false, true, false};
  const std::size_t before = out.size();
  if (found != nullptr) found->run(call);
  if (out.size() == before) writer.ok();  // an element has to stand here
}

// A read behind which nothing of its connection is under way need not take its place among what this
// node forwards or proposes, where it leads for sure.
bool Dispatch::answer_at_once(Connection& connection, const commands::CommandSpec& spec,
                              const std::vector<std::string_view>& words) {
  if (!commands::reads_keys(spec) || table_.paused(false)) return false;
  const auto version = connection.session.version;
  const bool withholds = connection.may_withhold();
  if (!withholds && connection.withheld.any()) return false;
  scratch_.clear();
  const auto answer = table_.services.read_at_once(spec, words, version, withholds, scratch_);
  if (!answer.given) return false;
  if (answer.ticket != 0 || connection.withheld.any()) {
    connection.withhold(spec, answer.ticket, scratch_);
  } else {
    connection.requests.answer(&spec, scratch_, false);
  }
  return true;
}

void Dispatch::run_data(Connection& connection, const commands::CommandSpec& spec,
                        const std::vector<std::string_view>& words, bool silent) {
  Requests& requests = connection.requests;
  const bool first = requests.empty() || mutated(Mutation::read_at_once_overtakes);
  if (!silent && first && answer_at_once(connection, spec, words)) return;
  if (!passes_withheld(connection)) return;
  const bool wrapper = spec.is(commands::kWrapper);
  const bool write =
      wrapper ? commands::needs_log(spec, words) : spec.is(commands::kWrite);
  Request& request = requests.begin(&spec, write, silent);
  request.may_wait = (wrapper || spec.find_wait != nullptr) && commands::may_wait(spec, words);
  bool waits = request.may_wait;
  if (const std::int64_t ms = block_of(spec, words); ms > 0) {
    requests.read_until_changed(request, table_.now() + milliseconds(ms));
    waits = true;
  }
  const bool resp3 = connection.session.version == resp::Version::resp3;
  const std::uint8_t flags = resp3 ? std::uint8_t{replica::kResp3} : std::uint8_t{0};
  replica::encode_command(flags, requests.origin(), words, request.record);
  requests.launch();
  if (waits) connection.hold_followers();
}

}  // namespace holdfast::server
