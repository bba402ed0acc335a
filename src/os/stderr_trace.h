// Events as lines on stderr: for people as text, for collectors as JSON.
//
//   2026-07-01T09:30:00.123Z info  leader elected epoch=7.2
//   {"time":"2026-07-01T09:30:00.123Z","level":"info","event":"leader elected","epoch":"7.2"}
//
// Whatever bytes a client smuggles into a field, an event stays one line, and JSON stays JSON.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/trace.h"

namespace holdfast::os {

enum class TraceFormat { text, json };

class StderrTrace final : public Trace {
 public:
  StderrTrace(Level level, TraceFormat format);
  ~StderrTrace() override;

  bool enabled(Level level) const override { return level >= level_; }
  void write(Level level, std::string_view event, std::initializer_list<Field> fields) override;
  // May change while the server runs.
  void set_level(Level level) { level_ = level; }
  Level level() const { return level_; }

 private:
  struct Sink;
  Level level_;
  TraceFormat format_;
  std::unique_ptr<Sink> sink_;
};

// "debug", "info", "warning" or "error".
std::optional<Level> parse_level(std::string_view name);
std::string_view level_name(Level level);

// The line of an event without its time and level; apart for tests.
std::string text_line(std::string_view event, std::initializer_list<Field> fields);
std::string json_members(std::string_view event, std::initializer_list<Field> fields);

}  // namespace holdfast::os
