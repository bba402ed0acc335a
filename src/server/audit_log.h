// The audit log of a node: who was granted what and lost it, what was taken by force, who belongs to the
// cluster, what was set, and who gave a wrong password. JSON lines, in files
// audit-<cluster>-00000001.jsonl … of a folder of their own, the oldest removed when there are too many. The
// cluster stands in the names since another one counts its entries anew.
//
// It is written of applied entries, so every node has the same lines of them, with their index
// (audit_lines.h). It takes what it can and never stands in anybody's way: one write is under way at a
// time, on a disk whose failures concern nobody else, while the next lines gather within a bound; what
// does not fit, or could not be written, is dropped, counted, and said in the next line that is written.
//
// After a restart the node applies again what its log holds since the newest snapshot. Lines that are in
// the files already are not written again; where the files end before that snapshot, the first line says so
// (`begun`, with `after` and `from`). Files are not synced: after a power cut the last lines may be
// missing here, and are written when their entries are applied again.
//
// Threads: the loop's. Does not own the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/trace.h"
#include "env/disk.h"
#include "replica/outbox.h"
#include "server/audit_lines.h"
#include "server/config.h"

namespace holdfast::server {

class AuditLog {
 public:
  // Lines that gather while a write is under way.
  static constexpr std::size_t kQueueBytes = 4 << 20;

  struct Figures {
    std::uint64_t lines = 0;    // written, since start
    std::uint64_t dropped = 0;  // not written, since start
    bool failing = false;       // the last write failed
  };

  // Without a disk everything is dropped, and counted.
  AuditLog(env::Disk* disk, std::uint64_t cluster, const Config& config, Trace& trace)
      : disk_(disk), cluster_(cluster), config_(config), trace_(trace) {
    figures_.failing = disk == nullptr;
  }

  // Finds out how far the files have come; blocking. After an error lines are dropped until the disk
  // can be written to again.
  Result<void> open();
  // This node now serves; what it applies from here on are the entries after `applied`.
  void begin(NodeId node, Index applied, WallTime wall);

  // ---- what happened; may be called from inside the replica
  void on_entry(const replica::EntryNotices& entry);
  void on_missed(Index from, Index to, WallTime wall);
  void on_login_failed(std::string_view client, WallTime wall);
  // CONFIG SET at this node: names and values.
  void on_configured(std::string_view client, const std::vector<AuditField>& settings,
                     WallTime wall);

  // Once a turn: begins the next write.
  void on_turn_end(Instant now);
  Instant wake_at() const;
  // Nothing is left to be written.
  bool idle() const { return !writing_ && pending_.empty(); }
  const Figures& figures() const { return figures_; }

 private:
  void add(std::string line);
  void add_own(WallTime wall, std::string_view event, const std::vector<AuditField>& fields);
  void drop(std::uint64_t lines);
  void say_dropped();
  void written(const Result<void>& result, std::size_t bytes, std::uint64_t lines, Instant now);
  Result<void> look_at(const std::vector<std::uint64_t>& numbers);

  std::string file_name(std::uint64_t number) const;
  std::optional<std::uint64_t> number_of_file(std::string_view name) const;

  env::Disk* disk_;
  const std::uint64_t cluster_;
  const Config& config_;
  Trace& trace_;
  NodeId node_;
  AuditPosition position_;   // everything up to it is in the files, queued, or dropped
  std::uint64_t file_ = 1;   // that is written to
  std::uint64_t oldest_ = 1;
  std::uint64_t offset_ = 0;  // in it
  bool cut_ = false;          // what is behind the offset is of no use
  std::string pending_;
  std::uint64_t pending_lines_ = 0;
  std::uint64_t unsaid_ = 0;  // lines dropped since that was last said
  WallTime newest_;
  bool writing_ = false;
  Instant retry_at_;
  Instant now_;
  Figures figures_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace holdfast::server
