// Data and its meaning, moved by entries: the same entries give the same state on every replica.
//
//   machine.begin_entry(header, index);          // expires what is due at the entry's stamp
//   machine.apply(record, reply);                // each record, in order
//   for (auto& event : machine.take_events()) …  // who else was told something
//
// Reads nothing but the entry and the keyspace. A record that cannot be decoded ends the process:
// it was checked before it was proposed and carries a checksum, so this is our own error.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "commands/command_table.h"
#include "commands/context.h"
#include "commands/keep_alive.h"
#include "keyspace/keyspace.h"
#include "replica/batch.h"
#include "replica/command_record.h"
#include "replica/divergence.h"

namespace holdfast::replica {

// What the replica knows and data does not: asked by the internal reads.
class DurabilityView {
 public:
  virtual ~DurabilityView() = default;
  virtual std::size_t replicas_with(Index index) const = 0;
};

// The records that a leader writes by itself. What no client and no other node can send.
//
// Any such record, by its words.
std::string own_record(const Origin& origin, const std::vector<std::string_view>& words);
// A check: every replica digests this much from here on. It changes nothing.
std::string check_record(const Origin& origin, const keyspace::DigestCursor& from,
                         std::size_t bytes);
// The replicas differ and nobody can say which is right: from here on nothing is run and nothing
// ends by time, until the second says that a majority agrees again.
std::string stop_record(const Origin& origin, Index check);
std::string resume_record(const Origin& origin);
// The same without an entry, for a keyspace that is to be the only copy.
void lift_stop(keyspace::Keyspace& keyspace);

// Why this build cannot run what is of that semantics version; "" if it can.
std::string semantics_objection(std::uint32_t version);
// The version in force in a keyspace.
std::uint16_t level_of(const keyspace::Keyspace& keyspace);

enum class ReadOutcome : std::uint8_t { answered, escalate };

class StateMachine {
 public:
  // Enough for the memory to be busy, few enough for what is fetched to stay.
  static constexpr std::size_t kTogether = 16;

  StateMachine(std::uint64_t hash_seed, const DurabilityView& durability);

  keyspace::Keyspace& keyspace() { return *keyspace_; }
  const keyspace::Keyspace& keyspace() const { return *keyspace_; }
  // Takes the place of the present state (a snapshot was installed).
  void replace(std::unique_ptr<keyspace::Keyspace> keyspace);
  // Gives it away; the machine is of no use afterwards.
  std::unique_ptr<keyspace::Keyspace> take() { return std::move(keyspace_); }

  void begin_entry(const BatchHeader& header, Index index);
  // Decodes the next records of the entry. Where their data lies is fetched for all of them together, so
  // that their ways through memory overlap (group prefetching: Chen, Ailamaki, Gibbons, Mowry 2004,
  // section 4). REQUIRES: at most kTogether; the bytes live until they have run.
  void look_ahead(std::span<const std::string_view> records);
  // Whose the record at that place among those is.
  const Origin& origin_at(std::size_t place) const { return records_[place].origin; }
  // Runs it. `reply`: null if nobody will read it. False: it now waits, and an event will bring its reply.
  bool apply_at(std::size_t place, std::string* reply);
  // Runs one that only reads, at its place between the records of the entry.
  void read_at(std::size_t place, std::string& reply);
  // The same for one record alone.
  bool apply(std::string_view record, std::string& reply, Origin& origin);
  void read_in_entry(std::string_view record, std::string& reply, Origin& origin);
  // Runs a record that only reads, outside of an entry. Escalate: it met a key that is due; the
  // reply means nothing and the read must be run after the next entry has begun.
  ReadOutcome read_keys(const commands::CommandSpec& spec, commands::Args args, resp::Version version,
                        commands::Stamp now, std::uint64_t random, std::string& reply);
  ReadOutcome read(std::string_view record, commands::Stamp now, std::uint64_t random,
                   std::string& reply, Origin& origin);

  // Who is told that a session is kept, by reads that no entry holds; null: nobody can be.
  void keep_sessions_by(commands::KeepAlive* keep_alive) { keep_alive_ = keep_alive; }

  // Whether a check is worth its work. That is this replica's affair: a check changes nothing.
  void look_at_checks(bool look) { look_at_checks_ = look; }
  // What the record just applied found, if it was a check that was looked at.
  std::optional<Checked> take_check() { return std::exchange(check_, std::nullopt); }
  // Stopped by the log: every command is answered with -DIVERGED.
  bool stopped() const { return stopped_; }
  // The semantics version in force: what entries are to be written in from here on.
  std::uint16_t level() const { return level_; }
  // A backup is being restored: commands on data are answered with -LOADING.
  bool restoring() const { return restoring_; }

  // Topics (bits of keyspace::Topic) that somebody at this node wants to hear of, from here on.
  void want_notices(std::uint8_t topics) { keyspace_->notices().want(topics); }
  std::vector<keyspace::WaiterEvent> take_events() { return keyspace_->take_events(); }
  const BatchHeader& entry() const { return header_; }
  std::uint64_t commands_run() const { return commands_run_; }

 private:
  void decode(std::size_t place, std::string_view bytes);
  // What record_ says.
  void run(commands::WriteContext& context);
  void run_transaction(commands::WriteContext& context);
  void run_queue(commands::WriteContext& context, bool under_once);
  void run_read(commands::ReadContext& context);
  bool internal_write(commands::WriteContext& context, commands::Args args);
  void look_at_settings();
  bool internal_read(commands::ReadContext& context, commands::Args args);
  bool watches_hold(std::uint16_t semantics) const;
  std::uint64_t next_random();
  std::uint64_t next_random_of_read();

  std::uint64_t hash_seed_;
  const DurabilityView& durability_;
  std::unique_ptr<keyspace::Keyspace> keyspace_;
  bool stopped_ = false;  // as the keyspace says
  bool restoring_ = false;  // likewise
  std::uint16_t level_ = 0;  // likewise
  bool look_at_checks_ = true;
  commands::KeepAlive* keep_alive_ = nullptr;
  std::optional<Checked> check_;
  BatchHeader header_;
  Index index_;
  std::uint64_t sequence_ = 0;       // of random numbers for the entry's commands
  std::uint64_t read_sequence_ = 0;  // and for reads that ride along
  std::uint64_t commands_run_ = 0;
  // Of the records that were looked ahead at; used again and again.
  std::array<CommandRecord, kTogether> records_;
  std::array<keyspace::Key, kTogether> keys_;  // empty: it has none that is known
  const CommandRecord* record_ = nullptr;      // the one that is run
};

}  // namespace holdfast::replica
