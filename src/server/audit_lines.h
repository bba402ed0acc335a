// The lines of the audit log: one JSON object each (docs/guide/operations.md says what is in it).
//
// What an entry of the log did is the same line, byte for byte, on every node: its index, and its place
// `n` among what the entry did, name it, so that the copies of several nodes merge without duplicates.
// What only one node knows (a failed login) bears its number and how far it had come by then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "keyspace/notice.h"

namespace holdfast::server {

// How much is written; each includes the one before.
enum class AuditLevel : std::uint8_t {
  changes,  // members, settings, what was taken by force, failed logins
  losses,   // everything that was lost by its holder
  all,      // grants and releases too
};

std::optional<AuditLevel> parse_audit_level(std::string_view name);

// How far a file has come: everything up to the n-th line of the entry.
struct AuditPosition {
  std::uint64_t index = 0;
  std::uint64_t n = 0;

  auto operator<=>(const AuditPosition&) const = default;
};

// Whether a notice has a line at all, at the highest level; only these are counted by `n`.
bool is_audited(const keyspace::Notice& notice);
bool is_audited(const keyspace::Notice& notice, AuditLevel level);
// With its line end.
std::string audit_line(const keyspace::Notice& notice, AuditPosition at, WallTime wall);

// A line of one node's own; values are quoted unless they are numbers.
struct AuditField {
  std::string_view name;
  std::string value;
  bool number = false;
};
std::string audit_line(NodeId node, AuditPosition applied, WallTime wall, std::string_view event,
                       const std::vector<AuditField>& fields);

// The last whole line of the end of a file: where it ends in `tail`, and how far it is. Nothing if there
// is none.
struct AuditEnd {
  std::size_t end = 0;
  AuditPosition position;
};
std::optional<AuditEnd> last_audit_line(std::string_view tail);

}  // namespace holdfast::server
