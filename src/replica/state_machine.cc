#include "replica/state_machine.h"

#include <fmt/format.h>

#include <charconv>

#include "base/check.h"
#include "base/checksum.h"
#include "base/mutation.h"
#include "commands/command_table.h"
#include "commands/levels.h"
#include "commands/restore.h"
#include "commands/wrapper_commands.h"
#include "resp/reply_writer.h"

namespace holdfast::replica {
namespace {

constexpr std::string_view kCheck = "_CHECK";      // slot section left bytes
constexpr std::string_view kSetting = "_SETTING";  // name value
// The setting that stops a shard: the index of the check that found no majority.
constexpr std::string_view kStopped = "diverged";

constexpr std::string_view kDiverged =
    "DIVERGED the replicas of this data differ and no majority of them agrees, so nobody can say "
    "which is right; this command was not done, and none will be until they agree. Nothing has "
    "been "
    "deleted. Copy the nodes' data folders first; then restart the nodes one after another: each "
    "reads its data from its disk again, and work goes on by itself as soon as a majority agrees. "
    "If "
    "it does not, the data has to come from a backup";

constexpr std::string_view kRestore = "holdfast|restore";
constexpr std::string_view kLevel = "_nodes.level";
constexpr std::string_view kRestoring =
    "LOADING a backup is being restored into this cluster: this command was not done. If INFO's "
    "holdfast_restore does not move, the restore was interrupted: run `holdfast restore` with the "
    "same file again, and it goes on";

// What concerns the cluster rather than its data goes on while a backup is restored.
bool on_cluster(const commands::CommandSpec& spec) {
  return spec.is(commands::kInternal) || spec.name.starts_with("holdfast|");
}

std::uint64_t number_in(std::string_view word) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  CHECK(error == std::errc() && end == word.data() + word.size(), "'{}' in a check", word);
  return number;
}

resp::Version version_of(const CommandRecord& record) {
  return record.resp3() ? resp::Version::resp3 : resp::Version::resp2;
}

// The second word of a record's only command, which mostly is the key that it is about.
keyspace::Key likely_key(const CommandRecord& record) {
  const bool single = record.commands.size() == 1 && record.commands.front().size() > 1;
  return single ? commands::key_of(record.commands.front()[1]) : keyspace::Key();
}

bool is_internal(commands::Args args) { return args.front().starts_with('_'); }

const commands::CommandSpec& spec_of(commands::Args args) {
  const auto* spec = commands::find_command(args);
  CHECK(spec != nullptr, "an entry holds the unknown command '{}'", args.front());
  return *spec;
}

}  // namespace

std::string own_record(const Origin& origin, const std::vector<std::string_view>& words) {
  std::string bytes;
  encode_command(0, origin, words, bytes);
  return bytes;
}

std::string check_record(const Origin& origin, const keyspace::DigestCursor& from,
                         std::size_t bytes) {
  return own_record(origin, {kCheck, fmt::to_string(from.slot), fmt::to_string(from.section),
                             fmt::to_string(from.left), fmt::to_string(bytes)});
}

std::string stop_record(const Origin& origin, Index check) {
  return own_record(origin, {kSetting, kStopped, fmt::to_string(check.value)});
}

std::string resume_record(const Origin& origin) {
  return own_record(origin, {kSetting, kStopped, {}});
}

void lift_stop(keyspace::Keyspace& keyspace) {
  const std::string* since = keyspace.setting(kStopped);
  if (since != nullptr && !since->empty()) keyspace.set_setting(kStopped, {});
}

std::string semantics_objection(std::uint32_t version) {
  if (version >= 1 && version <= kSemantics) return {};
  return fmt::format(
      "needs semantics version {}, this build knows 1 to {}: run the build that the other nodes run. "
      "Once a cluster has raised its level there is no way back to an older build "
      "(docs/guide/upgrade.md)",
      version, kSemantics);
}

std::uint16_t level_of(const keyspace::Keyspace& keyspace) {
  const std::string* text = keyspace.setting(commands::Levels::kSetting);
  const auto levels = commands::Levels::decode(text == nullptr ? "" : *text);
  CHECK(levels.ok(), "{}", levels.error().message);
  return levels->level;
}

StateMachine::StateMachine(std::uint64_t hash_seed, const DurabilityView& durability)
    : hash_seed_(hash_seed),
      durability_(durability),
      keyspace_(std::make_unique<keyspace::Keyspace>(hash_seed)) {
  look_at_settings();
}

void StateMachine::replace(std::unique_ptr<keyspace::Keyspace> keyspace) {
  keyspace->notices().want(keyspace_->notices().wanted());
  keyspace_ = std::move(keyspace);
  look_at_settings();
}

void StateMachine::look_at_settings() {
  const std::string* since = keyspace_->setting(kStopped);
  stopped_ = since != nullptr && !since->empty();
  level_ = level_of(*keyspace_);
  const std::string objection = semantics_objection(level_);
  CHECK(objection.empty(), "after entry {} the cluster {}", index_, objection);
  keyspace_->use_format(level_ >= commands::Levels::kCoordination ? 3 : 2);
  const std::string* restore = keyspace_->setting(commands::Restore::kSetting);
  restoring_ = false;
  if (restore == nullptr) return;
  const auto known = commands::Restore::decode(*restore);
  CHECK(known.ok(), "{}", known.error().message);
  restoring_ = known->under_way();
}

void StateMachine::begin_entry(const BatchHeader& header, Index index) {
  const std::string objection = semantics_objection(header.semantics);
  CHECK(objection.empty(), "entry {} {}", index, objection);
  header_ = header;
  index_ = index;
  sequence_ = 0;
  read_sequence_ = 0;
  keyspace_->remember_removals(header.semantics >= kRemovalsRemembered);
  keyspace_->notices().set_by({});
  // What ends by time is told to whoever waits for it, and so must be agreed upon.
  if (!stopped_) keyspace_->expire_due(header.stamp, header.expire_bound);
}

std::uint64_t StateMachine::next_random() { return mix(header_.random, ++sequence_); }

// Only the leader that proposed the entry runs reads in it, so they have a sequence of their own:
// what the entry's commands draw must be the same on every replica.
std::uint64_t StateMachine::next_random_of_read() { return mix(~header_.random, ++read_sequence_); }

void StateMachine::decode(std::size_t place, std::string_view bytes) {
  const auto decoded = decode_record(bytes, records_[place]);
  CHECK(decoded.ok(), "entry {}: {}", index_, decoded.error().message);
}

void StateMachine::look_ahead(std::span<const std::string_view> records) {
  CHECK(records.size() <= kTogether);
  for (std::size_t i = 0; i < records.size(); ++i) {
    decode(i, records[i]);
    keys_[i] = likely_key(records_[i]);
  }
  keyspace_->fetch_ahead(std::span(keys_).first(records.size()));
}

bool StateMachine::apply(std::string_view bytes, std::string& reply, Origin& origin) {
  look_ahead({&bytes, 1});
  origin = origin_at(0);
  return apply_at(0, &reply);
}

bool StateMachine::apply_at(std::size_t place, std::string* reply) {
  record_ = &records_[place];
  keyspace_->notices().set_by(record_->origin);
  resp::ReplyWriter writer(reply, version_of(*record_));
  commands::WriteContext context{.keyspace = *keyspace_,
                                 .now = {header_.stamp, header_.wall},
                                 .reply = writer,
                                 .origin = record_->origin,
                                 .index = index_,
                                 .semantics = header_.semantics,
                                 .random = next_random(),
                                 .resp3 = record_->resp3(),
                                 .ahead = keys_[place]};
  run(context);
  keyspace_->end_step(header_.stamp);
  return !context.blocked;
}

void StateMachine::run(commands::WriteContext& context) {
  resp::ReplyWriter& writer = context.reply;
  const bool own = !record_->transaction() && is_internal(record_->commands.front());
  if (own && internal_write(context, record_->commands.front())) return;
  if (stopped_) return writer.error(kDiverged);
  const auto* spec = record_->transaction() ? nullptr : &spec_of(record_->commands.front());
  if (restoring_ && (spec == nullptr || !on_cluster(*spec))) {
    return writer.error(kRestoring);
  }
  if (spec == nullptr) {
    run_transaction(context);
    context.blocked = false;  // what waits in it has acted as if it did not
    return;
  }
  ++commands_run_;
  commands::run_in_entry(*spec, context, record_->commands.front());
  if (spec->name == kRestore || spec->name == kLevel) look_at_settings();
}

// What the leader writes into the log by itself.
bool StateMachine::internal_write(commands::WriteContext& context, commands::Args args) {
  if (args.front() == kCheck) {
    CHECK(args.size() == 5, "a check of {} words", args.size());
    Checked checked;
    checked.from = {static_cast<std::uint32_t>(number_in(args[1])),
                    static_cast<std::uint32_t>(number_in(args[2])), number_in(args[3])};
    const auto bytes = static_cast<std::size_t>(number_in(args[4]));
    context.reply.ok();
    if (!look_at_checks_) return true;
    checked.part = std::as_const(*keyspace_).digest_part(checked.from, bytes);
    check_ = checked;
    return true;
  }
  if (args.front() != kSetting || args.size() != 3 || args[1] != kStopped) return false;
  keyspace_->set_setting(kStopped, std::string(args[2]));
  look_at_settings();
  context.reply.ok();
  return true;
}

bool StateMachine::watches_hold(std::uint16_t semantics) const {
  if (mutated(Mutation::watch_ignored)) return true;
  for (const auto& watched : record_->watched) {
    const keyspace::Key key = commands::key_of(watched.name);
    const std::uint64_t now =
        semantics >= kRemovalsRemembered ? keyspace_->watched(key) : keyspace_->modified(key);
    if (now != watched.revision) return false;
  }
  return true;
}

void StateMachine::run_transaction(commands::WriteContext& context) {
  const auto once = commands::once_over_exec(record_->commands);
  const auto run = [&](commands::WriteContext& inner) { run_queue(inner, once.has_value()); };
  if (once) {
    commands::run_once(context, *once, run);
  } else {
    run(context);
  }
}

// All or nothing is decided before the first command runs.
void StateMachine::run_queue(commands::WriteContext& context, bool under_once) {
  if (!watches_hold(header_.semantics)) {
    context.reply.null_array();
    return;
  }
  const std::size_t first = under_once ? 1 : 0;
  for (std::size_t i = first; i < record_->commands.size(); ++i) {
    if (const auto refused = commands::fenced(context, record_->commands[i])) {
      context.reply.error(*refused);
      return;
    }
  }
  context.may_wait = false;
  context.guards_checked = true;
  context.reply.array(record_->commands.size());
  if (under_once) context.reply.ok();
  for (std::size_t i = first; i < record_->commands.size(); ++i) {
    ++commands_run_;
    context.random = next_random();
    context.blocked = false;
    const commands::Args args(record_->commands[i]);
    commands::run_in_entry(spec_of(args), context, args);
  }
}

void StateMachine::read_in_entry(std::string_view bytes, std::string& reply, Origin& origin) {
  decode(0, bytes);
  origin = origin_at(0);
  read_at(0, reply);
}

void StateMachine::read_at(std::size_t place, std::string& reply) {
  record_ = &records_[place];
  resp::ReplyWriter writer(reply, version_of(*record_));
  commands::ReadContext context{.keyspace = *keyspace_,
                                .now = {header_.stamp, header_.wall},
                                .reply = writer,
                                .random = next_random_of_read(),
                                .inside_entry = true,
                                .keep_alive = keep_alive_};
  run_read(context);
}

ReadOutcome StateMachine::read(std::string_view bytes, commands::Stamp now, std::uint64_t random,
                               std::string& reply, Origin& origin) {
  decode(0, bytes);
  record_ = &records_[0];
  origin = record_->origin;
  resp::ReplyWriter writer(reply, version_of(*record_));
  commands::ReadContext context{.keyspace = *keyspace_,
                                .now = now,
                                .reply = writer,
                                .random = random,
                                .keep_alive = keep_alive_};
  run_read(context);
  return context.escalate ? ReadOutcome::escalate : ReadOutcome::answered;
}

ReadOutcome StateMachine::read_keys(const commands::CommandSpec& spec, commands::Args args,
                                    resp::Version version, commands::Stamp now, std::uint64_t random,
                                    std::string& reply) {
  resp::ReplyWriter writer(reply, version);
  commands::ReadContext context{
      .keyspace = *keyspace_, .now = now, .reply = writer, .random = random};
  if (stopped_ || restoring_) {
    writer.error(stopped_ ? kDiverged : kRestoring);
    return ReadOutcome::answered;
  }
  ++commands_run_;
  commands::run_read(spec, context, args);
  return context.escalate ? ReadOutcome::escalate : ReadOutcome::answered;
}

void StateMachine::run_read(commands::ReadContext& context) {
  if (stopped_ || restoring_) {
    context.reply.error(stopped_ ? kDiverged : kRestoring);
    return;
  }
  if (record_->transaction()) {
    if (!watches_hold(level_)) {
      context.reply.null_array();
      return;
    }
    context.reply.array(record_->commands.size());
  }
  for (const auto& words : record_->commands) {
    ++commands_run_;
    const commands::Args args(words);
    if (internal_read(context, args)) continue;
    commands::run_read(spec_of(args), context, args);
  }
}

// Questions that only nodes ask, and only of the leader's replica.
bool StateMachine::internal_read(commands::ReadContext& context, commands::Args args) {
  if (!is_internal(args)) return false;
  const std::string_view name = args.front();
  if (name == "_DURABLE" && args.size() == 2) {
    std::uint64_t index = 0;
    std::from_chars(args[1].data(), args[1].data() + args[1].size(), index);
    context.reply.integer(static_cast<std::int64_t>(durability_.replicas_with(Index(index))));
    return true;
  }
  if (name == "_REVISIONS") {
    context.reply.array(args.size() - 1);
    for (const auto key : args.subspan(1)) {
      context.find(key);  // what is due ends first
      const std::uint64_t revision = context.keyspace.watched(commands::key_of(key));
      context.reply.integer(static_cast<std::int64_t>(revision));
    }
    return true;
  }
  return false;
}

}  // namespace holdfast::replica
