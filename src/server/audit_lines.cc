#include "server/audit_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

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
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint8_t>(c));
    }
  }
  out += '"';
}

void append(std::string& out, std::string_view name, std::string_view text) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  append_quoted(out, text);
  if (text.size() > kShownBytes) {
    fmt::format_to(std::back_inserter(out), ",\"{}_bytes\":{}", name, text.size());
  }
}

void append_time(std::string& out, WallTime wall) {
  const auto ms = wall.ms;
  constexpr std::int64_t kDayMs = 86'400'000;
  std::int64_t days = ms / kDayMs;
  const std::int64_t rest = ms % kDayMs;
  // The civil calendar, counted from 1 March 2000, in cycles of 400 years.
  days += 719'468;
  const std::int64_t era = days / 146'097;
  const std::int64_t of_era = days % 146'097;
  const std::int64_t year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;
  const std::int64_t day = of_year - (153 * month + 2) / 5 + 1;
  const std::int64_t civil_month = month < 10 ? month + 3 : month - 9;
  const std::int64_t civil_year = year + era * 400 + (civil_month <= 2 ? 1 : 0);
  fmt::format_to(std::back_inserter(out),
                 ",\"time\":\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"", civil_year,
                 civil_month, day, rest / 3'600'000, rest / 60'000 % 60, rest / 1000 % 60,
                 rest % 1000);
}

void append_origin(std::string& out, std::string_view name, const Origin& origin) {
  if (!origin.node) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":\"{}.{}.{}\"", name, origin.node,
                 origin.incarnation, origin.connection);
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
  append(out, "kind", name_of(notice.holding));
  append(out, "name", notice.name);
  append(out, "owner", notice.owner);
  fmt::format_to(std::back_inserter(out), ",\"token\":{}", notice.token);
  if (notice.kind == NoticeKind::lost) append(out, "reason", name_of(notice.loss));
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
  append(out, "event", event_of(notice.kind));
  if (notice.kind == NoticeKind::setting) {
    append(out, "name", notice.name);
    if (notice.name == ConnectionTable::kPasswordSetting) {
      append(out, "value", notice.value.empty() ? "" : "(hidden)");
    } else {
      append(out, "value", notice.value);
    }
  } else if (notice.kind == NoticeKind::membership) {
    append(out, "voters", notice.value);
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
  append(out, "event", event);
  for (const AuditField& field : fields) {
    if (field.number) {
      fmt::format_to(std::back_inserter(out), ",\"{}\":{}", field.name, field.value);
    } else {
      append(out, field.name, field.value);
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
