// HOLDFAST BACKUP and HOLDFAST RESTORE: what `holdfast backup` and `holdfast restore` write into
// the log. docs/formats/backup.md has the words, docs/decisions/0014-*.md the reasons.
//
// Each step may be repeated: a tool that does not know what became of it says it again.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/checksum.h"
#include "base/codec.h"
#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/restore.h"
#include "commands/rows.h"
#include "keyspace/once.h"

namespace holdfast::commands {
namespace {

constexpr std::uint8_t kRestoreVersion = 1;
// Taken away by one entry, so that no turn is long.
constexpr std::size_t kClearedAtOnce = 10'000;
constexpr std::uint64_t kMaxPieces = std::uint64_t{1} << 40;
// Clocks of machines that are well differ by less.
constexpr std::int64_t kClockToleranceMs = 60'000;

Restore restore_of(const keyspace::Keyspace& keyspace) {
  const std::string* text = keyspace.setting(Restore::kSetting);
  auto restore = Restore::decode(text == nullptr ? std::string_view() : std::string_view(*text));
  CHECK(restore.ok(), "{}", restore.error().message);
  return *std::move(restore);
}

void keep_restore(WriteContext& context, const Restore& restore) {
  context.keyspace.set_setting(Restore::kSetting, restore.encode());
}

// The state that a backup holds at least, and the state of everybody when it is taken.
void backup(WriteContext& context, Args) {
  if (restore_of(context.keyspace).under_way()) {
    return context.reply.error(
        "ERR a restore is not finished: there is nothing whole to make a backup of");
  }
  context.reply.integer(static_cast<std::int64_t>(context.index.value));
}

struct Wanted {
  Restore restore;
  std::uint64_t revision = 0;
  std::int64_t stamp = 0;
  std::int64_t wall = 0;
  bool replace = false;
  bool abandon = false;
};

// HOLDFAST RESTORE BEGIN id pieces revision stamp wall EMPTY|REPLACE|ABANDON. The last takes the
// place of a restore that cannot be finished.
std::optional<Wanted> wanted_of(Args args) {
  if (args.size() != 9) return std::nullopt;
  const auto id = parse_unsigned(args[3]);
  const auto pieces = parse_unsigned(args[4]);
  const auto revision = parse_unsigned(args[5]);
  const auto stamp = parse_integer(args[6]);
  const auto wall = parse_integer(args[7]);
  const bool abandon = is_word(args[8], "abandon");
  const bool replace = abandon || is_word(args[8], "replace");
  if (!id || !pieces || !revision || !stamp || !wall) return std::nullopt;
  if (!replace && !is_word(args[8], "empty")) return std::nullopt;
  constexpr std::int64_t kFar = std::int64_t{1} << 61;
  const bool far = std::max(*stamp, *wall) > kFar || std::min(*stamp, *wall) < -kFar;
  if (*id == 0 || *pieces > kMaxPieces || *revision >= keyspace::kRevisionLimit || far) {
    return std::nullopt;
  }
  Wanted wanted;
  wanted.restore.id = *id;
  wanted.restore.pieces = *pieces;
  wanted.revision = *revision;
  wanted.stamp = *stamp;
  wanted.wall = *wall;
  wanted.replace = replace;
  wanted.abandon = abandon;
  return wanted;
}

// Why it cannot begin; "": it can.
std::string refuse_begin(const WriteContext& context, const Restore& known, const Wanted& wanted) {
  const keyspace::Keyspace& keyspace = context.keyspace;
  if (context.now.wall.ms + kClockToleranceMs < wanted.wall) {
    return "ERR the leader's clock is behind the time at which the backup was made, so tokens "
           "might "
           "repeat; nothing was changed. Set the clocks right";
  }
  if (wanted.abandon && !known.under_way()) {
    return "ERR no restore is under way; nothing was changed";
  }
  if (wanted.replace) return {};
  if (known.under_way()) {
    return "NOTEMPTY another restore is not finished; nothing was changed. Finish it with its "
           "file, "
           "or replace what there is";
  }
  const std::size_t locks = keyspace.locks().held();
  if (keyspace.size() == 0 && locks == 0 && keyspace.once().size() == 0) return {};
  return fmt::format(
      "NOTEMPTY this cluster holds {} keys, {} held locks and {} answers given once; nothing was "
      "changed. Restore into an empty cluster, or replace what there is",
      keyspace.size(), locks, keyspace.once().size());
}

// Above every token that the backup's cluster or this one can have given, as far as clocks tell.
bool lift(WriteContext& context, std::uint64_t revision, std::int64_t wall_ms) {
  constexpr std::int64_t kLastMs = static_cast<std::int64_t>(keyspace::kRevisionLimit / 1000);
  const std::int64_t wall = std::clamp<std::int64_t>(wall_ms, 0, kLastMs);
  const std::uint64_t to = std::max(revision, static_cast<std::uint64_t>(wall) * 1000);
  if (to >= keyspace::kRevisionLimit / 2) return false;
  context.keyspace.lift_revision(to);
  return true;
}

void restore_begin(WriteContext& context, Args args) {
  auto wanted = wanted_of(args);
  if (!wanted) return context.reply.error(kSyntaxError);
  const Restore known = restore_of(context.keyspace);
  const bool same = known.id == wanted->restore.id && known.pieces == wanted->restore.pieces;
  if (same && (known.state == Restore::State::clearing || known.state == Restore::State::loading)) {
    return context.reply.integer(static_cast<std::int64_t>(known.next));
  }
  if (const auto why = refuse_begin(context, known, *wanted); !why.empty()) {
    return context.reply.error(why);
  }
  if (!lift(context, wanted->revision, std::max(context.now.wall.ms, wanted->wall))) {
    return context.reply.error(
        "ERR the clock or the backup's tokens are too far in the future; nothing was changed");
  }
  wanted->restore.state = Restore::State::clearing;
  wanted->restore.shift = {.cluster_ms = context.now.cluster.ms - wanted->stamp,
                           .wall_ms = context.now.wall.ms - wanted->wall};
  context.keyspace.clear();
  keep_restore(context, wanted->restore);
  context.reply.integer(0);
}

// Nothing if the words are of another restore than the one under way; the error is then told.
std::optional<Restore> named(WriteContext& context, Args args) {
  const auto id = args.size() > 3 ? parse_unsigned(args[3]) : std::nullopt;
  const Restore known = restore_of(context.keyspace);
  if (id && *id != 0 && *id == known.id) return known;
  context.reply.error(id ? std::string_view("ERR no such restore is under way") : kSyntaxError);
  return std::nullopt;
}

// HOLDFAST RESTORE CLEAR id: 1 when nothing is left, 0 if it is to be said again.
void restore_clear(WriteContext& context, Args args) {
  auto restore = named(context, args);
  if (!restore) return;
  if (restore->state == Restore::State::clearing) {
    if (!context.keyspace.clear_coordination(kClearedAtOnce)) return context.reply.integer(0);
    restore->state = Restore::State::loading;
    keep_restore(context, *restore);
  }
  context.reply.integer(1);
}

// HOLDFAST RESTORE PIECE id number checksum bytes [bytes …]: the number of the next.
void restore_piece(WriteContext& context, Args args) {
  const auto number = args.size() > 6 ? parse_unsigned(args[4]) : std::nullopt;
  const auto sum = args.size() > 6 ? parse_unsigned(args[5]) : std::nullopt;
  if (!number || !sum) return context.reply.error(kSyntaxError);
  auto restore = named(context, args);
  if (!restore) return;
  if (*number < restore->next) {  // it was done
    return context.reply.integer(static_cast<std::int64_t>(restore->next));
  }
  const bool wanted = restore->state == Restore::State::loading && *number == restore->next &&
                      *number < restore->pieces;
  if (!wanted) return context.reply.error("ERR this piece is not the one that is wanted");
  std::string joined;
  std::string_view bytes = args[6];
  if (args.size() > 7) {
    for (const std::string_view part : args.subspan(6)) joined += part;
    bytes = joined;
  }
  if (checksum(bytes) != *sum) return context.reply.error("ERR the piece fails its checksum");
  const auto restored = context.keyspace.restore_chunk(bytes, restore->shift);
  ++restore->next;
  if (!restored) restore->state = Restore::State::broken;
  keep_restore(context, *restore);
  if (!restored) return context.reply.error(fmt::format("ERR {}", restored.error().message));
  context.reply.integer(static_cast<std::int64_t>(restore->next));
}

// HOLDFAST RESTORE END id
void restore_end(WriteContext& context, Args args) {
  auto restore = named(context, args);
  if (!restore) return;
  if (restore->state == Restore::State::done) return context.reply.ok();
  if (restore->state != Restore::State::loading || restore->next != restore->pieces) {
    return context.reply.error("ERR not all pieces are there");
  }
  // Tokens are given again from here on: whatever the clock was at the beginning, not below now.
  lift(context, context.keyspace.revision(), context.now.wall.ms);
  restore->state = Restore::State::done;
  keep_restore(context, *restore);
  context.reply.ok();
}

void restore(WriteContext& context, Args args) {
  if (is_word(args[2], "begin")) return restore_begin(context, args);
  if (is_word(args[2], "clear")) return restore_clear(context, args);
  if (is_word(args[2], "piece")) return restore_piece(context, args);
  if (is_word(args[2], "end")) return restore_end(context, args);
  context.reply.error(kSyntaxError);
}

constexpr CommandSpec kRestoreRows[] = {
    {"holdfast|backup", 2, kWrite | kAdmin | kNoMulti, 0, 0, 0, nullptr, backup, nullptr, "server",
     kSince, "@write @admin @slow @dangerous",
     "The index of an entry from which on a backup holds everything.", "O(1)", "", ""},
    {"holdfast|image", 4, kConnection | kAdmin | kNoMulti, 0, 0, 0, nullptr, nullptr, nullptr,
     "server", kSince, "@admin @slow @dangerous",
     "A part of this node's snapshot of an index or a later one.", "O(N) for N bytes", "", ""},
    {"holdfast|restore", -4, kWrite | kAdmin | kNoMulti, 0, 0, 0, nullptr, restore, nullptr,
     "server", kSince, "@write @admin @slow @dangerous", "A step of restoring a backup.",
     "O(N) for N keys", "", ""},
};

}  // namespace

std::span<const CommandSpec> restore_rows() { return kRestoreRows; }

std::string Restore::encode() const {
  std::string bytes;
  Writer writer(bytes);
  writer.u8(kRestoreVersion);
  writer.u64(id);
  writer.u8(static_cast<std::uint8_t>(state));
  writer.varint(next);
  writer.varint(pieces);
  writer.i64(shift.cluster_ms);
  writer.i64(shift.wall_ms);
  return bytes;
}

Result<Restore> Restore::decode(std::string_view bytes) {
  Restore restore;
  if (bytes.empty()) return restore;
  Reader reader(bytes);
  if (reader.u8() != kRestoreVersion) return Error{"the state of a restore is of another version"};
  restore.id = reader.u64();
  const std::uint8_t state = reader.u8();
  restore.state = static_cast<State>(state);
  restore.next = reader.varint();
  restore.pieces = reader.varint();
  restore.shift.cluster_ms = reader.i64();
  restore.shift.wall_ms = reader.i64();
  const bool sane = state >= 1 && state <= 4 && restore.next <= restore.pieces;
  if (!reader.finished() || !sane) return Error{"the state of a restore makes no sense"};
  return restore;
}

}  // namespace holdfast::commands
