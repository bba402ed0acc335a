// Where events for people go. main/ gives a sink that writes to stderr, the simulator another.
//
//   trace.info("leader elected", {{"epoch", fmt::format("{}", epoch)}});
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace holdfast {

enum class Level { debug, info, warning, error };

struct Field {
  std::string_view name;
  std::string value;
};

class Trace {
 public:
  virtual ~Trace() = default;
  virtual bool enabled(Level level) const = 0;
  virtual void write(Level level, std::string_view event, std::initializer_list<Field> fields) = 0;

  void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::info)) write(Level::info, event, fields);
  }
  void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::warning)) write(Level::warning, event, fields);
  }
  void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::error)) write(Level::error, event, fields);
  }
};

// Says nothing; for tests.
class NoTrace final : public Trace {
 public:
  bool enabled(Level) const override { return false; }
  void write(Level, std::string_view, std::initializer_list<Field>) override {}
};

}  // namespace holdfast
