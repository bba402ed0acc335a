#include "os/stderr_trace.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace holdfast::os {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Length of the well-formed UTF-8 character that `text` begins with; 0: it begins with none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  // The second byte's range is narrower where it would spell an overlong form, a surrogate or a
  // number beyond Unicode.
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  std::size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (length == 0 || text.size() < length) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

// What JSON may not hold as it is, and what is no text at all, is spelt out.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint8_t>(c));
    } else if (length == 0) {
      out += "\\ufffd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

bool plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
}

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

}  // namespace

struct StderrTrace::Sink {
  explicit Sink(TraceFormat format)
      : logger("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    const char* pattern = format == TraceFormat::json ? kJsonPattern : kTextPattern;
    logger.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger.set_level(spdlog::level::trace);
    logger.flush_on(spdlog::level::trace);
  }

  spdlog::logger logger;
};

StderrTrace::StderrTrace(Level level, TraceFormat format)
    : level_(level), format_(format), sink_(std::make_unique<Sink>(format)) {}

StderrTrace::~StderrTrace() = default;

void StderrTrace::write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  const std::string line =
      format_ == TraceFormat::json ? json_members(event, fields) : text_line(event, fields);
  sink_->logger.log(spdlog_level(level), spdlog::string_view_t(line));
}

std::string text_line(std::string_view event, std::initializer_list<Field> fields) {
  std::string line;
  append_escaped(line, event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    if (plain(field.value)) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  return line;
}

std::string json_members(std::string_view event, std::initializer_list<Field> fields) {
  std::string line = "\"event\":";
  append_quoted(line, event);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.name);
    line += ':';
    append_quoted(line, field.value);
  }
  return line;
}

std::optional<Level> parse_level(std::string_view name) {
  for (const Level level : {Level::debug, Level::info, Level::warning, Level::error}) {
    if (level_name(level) == name) return level;
  }
  return std::nullopt;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

}  // namespace holdfast::os
