#include "server/audit_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/append.h"
#include "base/calendar.h"
#include "server/connection_table.h"

namespace holdfast::server {
namespace {

using keyspace::Notice;
using keyspace::NoticeKind;

// Names may have 64 KiB; whoever reads the log wants to know which it was, not all of it.
constexpr std::size_t kShownBytes = 1024;

// Bytes that are not printable ASCII are written as \u00XX, one for one: a name is bytes, not text.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text.substr(0, kShownBytes)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      append(out, "\\u{:04x}", static_cast<std::uint8_t>(c));
    }
  }
  out += '"';
}

void append_field(std::string& out, std::string_view name, std::string_view text) {
  append(out, ",\"{}\":", name);
  append_quoted(out, text);
  if (text.size() > kShownBytes) {
    append(out, ",\"{}_bytes\":{}", name, text.size());
  }
}

void append_time(std::string& out, WallTime wall) {
  append(out, ",\"time\":\"{}T{}.{:03}Z\"", day_text(wall), hour_text(wall), wall.ms % 1000);
}

void append_origin(std::string& out, std::string_view name, const Origin& origin) {
  if (!origin.node) return;
  append(out, ",\"{}\":\"{}.{}.{}\"", name, origin.node, origin.incarnation, origin.connection);
}

std::string_view event_of(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::granted:
      return "granted";
    case NoticeKind::released:
      return "released";
    case NoticeKind::lost:
      return "lost";
    case NoticeKind::setting:
      return "setting";
    case NoticeKind::membership:
      return "membership";
    case NoticeKind::key:
      break;
  }
  return "";
}

void append_holding(std::string& out, const Notice& notice) {
  append_field(out, "kind", name_of(notice.holding));
  append_field(out, "name", notice.name);
  append_field(out, "owner", notice.owner);
  append(out, ",\"token\":{}", notice.token);
  if (notice.kind == NoticeKind::lost) append_field(out, "reason", name_of(notice.loss));
  if (notice.again) out += ",\"again\":true";
  append_origin(out, "holder", notice.origin);
}

// The number behind a name in a line that we have written.
std::optional<std::uint64_t> number_of(std::string_view line, std::string_view name) {
  const std::size_t found = line.find(name);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view digits = line.substr(found + name.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

std::optional<AuditPosition> position_of_line(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  // They stand in front of everything that clients have said.
  if (line.starts_with("{\"index\":")) {
    const auto index = number_of(line, "{\"index\":");
    const auto n = number_of(line, ",\"n\":");
    if (index && n) return AuditPosition{*index, *n};
  } else if (line.starts_with("{\"node\":")) {
    const auto applied = number_of(line, ",\"applied\":");
    const auto n = number_of(line, ",\"n\":");
    if (applied && n) return AuditPosition{*applied, *n};
  }
  return std::nullopt;
}

}  // namespace

std::optional<AuditLevel> parse_audit_level(std::string_view name) {
  if (name == "changes") return AuditLevel::changes;
  if (name == "losses") return AuditLevel::losses;
  if (name == "all") return AuditLevel::all;
  return std::nullopt;
}

bool is_audited(const Notice& notice) { return notice.kind != NoticeKind::key; }

bool is_audited(const Notice& notice, AuditLevel level) {
  switch (notice.kind) {
    case NoticeKind::setting:
    case NoticeKind::membership:
      return true;
    case NoticeKind::lost:
      return notice.loss == keyspace::Loss::forced || level >= AuditLevel::losses;
    case NoticeKind::granted:
    case NoticeKind::released:
      return level >= AuditLevel::all;
    case NoticeKind::key:
      break;
  }
  return false;
}

std::string audit_line(const Notice& notice, AuditPosition at, WallTime wall) {
  std::string out = fmt::format("{{\"index\":{},\"n\":{}", at.index, at.n);
  if (wall.ms != 0) append_time(out, wall);
  append_field(out, "event", event_of(notice.kind));
  if (notice.kind == NoticeKind::setting) {
    append_field(out, "name", notice.name);
    if (notice.name == ConnectionTable::kPasswordSetting) {
      append_field(out, "value", notice.value.empty() ? "" : "(hidden)");
    } else {
      append_field(out, "value", notice.value);
    }
  } else if (notice.kind == NoticeKind::membership) {
    append_field(out, "voters", notice.value);
  } else {
    append_holding(out, notice);
  }
  append_origin(out, "by", notice.by);
  out += "}\n";
  return out;
}

std::string audit_line(NodeId node, AuditPosition applied, WallTime wall, std::string_view event,
                       const std::vector<AuditField>& fields) {
  std::string out =
      fmt::format("{{\"node\":{},\"applied\":{},\"n\":{}", node, applied.index, applied.n);
  append_time(out, wall);
  append_field(out, "event", event);
  for (const AuditField& field : fields) {
    if (field.number) {
      append(out, ",\"{}\":{}", field.name, field.value);
    } else {
      append_field(out, field.name, field.value);
    }
  }
  out += "}\n";
  return out;
}

std::optional<AuditEnd> last_audit_line(std::string_view tail) {
  std::size_t end = tail.rfind('\n');
  while (end != std::string_view::npos) {
    const std::size_t before = end == 0 ? std::string_view::npos : tail.rfind('\n', end - 1);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    if (const auto position = position_of_line(tail.substr(begin, end - begin))) {
      return AuditEnd{end + 1, *position};
    }
    end = before;
  }
  return std::nullopt;
}

}  // namespace holdfast::server
