#include "workload/history_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "resp/number.h"

namespace holdfast::workload {
namespace {

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

// One line. Every method moves on behind what it has read; false: it is not there.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool take(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }

  bool text(std::string& out) {
    out.clear();
    if (!take('"')) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
        return false;
      }
      if (c != '\\') {
        out += c;
      } else if (!escaped(out)) {
        return false;
      }
    }
    return false;
  }

  bool number(std::int64_t& out) {
    skip_spaces();
    const std::size_t end = std::min(rest_.find_first_not_of("-0123456789"), rest_.size());
    const bool read = resp::parse_integer(rest_.substr(0, end), out);
    rest_.remove_prefix(end);
    return read;
  }

 private:
  void skip_spaces() {
    const std::size_t begin = std::min(rest_.find_first_not_of(" \t\r"), rest_.size());
    rest_.remove_prefix(begin);
  }

  bool escaped(std::string& out) {
    if (rest_.empty()) return false;
    constexpr std::string_view kShort = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
      out += kMeant[at];
      return true;
    }
    if (c != 'u' || rest_.size() < 4 || !rest_.starts_with("00")) return false;
    int byte = 0;
    for (const char digit : rest_.substr(2, 2)) {
      constexpr std::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
      const std::size_t value = kDigits.find(digit);
      if (value == std::string_view::npos) return false;
      byte = byte * 16 + static_cast<int>(value % 16);
    }
    out += static_cast<char>(byte);
    rest_.remove_prefix(4);
    return true;
  }

  std::string_view rest_;
};

template <class Kind>
bool named(std::string_view name, std::size_t count, Kind& kind) {
  for (std::size_t i = 0; i < count; ++i) {
    kind = static_cast<Kind>(i);
    if (name_of(kind) == name) return true;
  }
  return false;
}

class Reader {
 public:
  // What is wrong with the line, if anything.
  std::optional<std::string> read(std::string_view text) {
    Line line(text);
    if (!line.take('{')) return "a line begins with {";
    std::string name;
    do {
      if (!line.text(name) || !line.take(':')) return "a field is \"name\":value";
      if (auto wrong = field(line, name)) return wrong;
    } while (line.take(','));
    if (!line.take('}') || !line.at_end()) return "a line ends with }";
    if (seen_ != (1U << kFields) - 1) return "a field is missing";
    return std::nullopt;
  }
  Operation take() { return std::move(operation_); }

 private:
  static constexpr std::size_t kFields = 10;

  std::optional<std::string> field(Line& line, std::string_view name) {
    struct Number {
      std::string_view name;
      std::uint32_t* small;
      std::int64_t* time;
    };
    const Number numbers[] = {{"client", &operation_.client, nullptr},
                              {"connection", &operation_.connection, nullptr},
                              {"place", &operation_.place, nullptr},
                              {"call_ns", nullptr, &operation_.call_ns},
                              {"return_ns", nullptr, &operation_.return_ns}};
    for (std::size_t i = 0; i < std::size(numbers); ++i) {
      if (numbers[i].name != name) continue;
      if (!once(i)) return fmt::format("the field {} is there twice", name);
      std::int64_t value = 0;
      if (!line.number(value)) return fmt::format("{} is no number", name);
      if (numbers[i].time != nullptr) {
        *numbers[i].time = value;
        return std::nullopt;
      }
      if (value < 0 || value > UINT32_MAX) return fmt::format("{} is out of range", name);
      *numbers[i].small = static_cast<std::uint32_t>(value);
      return std::nullopt;
    }
    return text_field(line, name, std::size(numbers));
  }

  std::optional<std::string> text_field(Line& line, std::string_view name, std::size_t first) {
    std::string op;
    std::string ended;
    const std::pair<std::string_view, std::string*> texts[] = {{"op", &op},
                                                               {"key", &operation_.key},
                                                               {"arg", &operation_.arg},
                                                               {"ret", &operation_.ret},
                                                               {"ended", &ended}};
    static_assert(std::size(texts) + 5 == kFields);
    for (std::size_t i = 0; i < std::size(texts); ++i) {
      if (texts[i].first != name) continue;
      if (!once(first + i)) return fmt::format("the field {} is there twice", name);
      if (!line.text(*texts[i].second)) return fmt::format("{} is no text that we write", name);
      if (name == "op" && !named(op, kOps, operation_.op)) {
        return fmt::format("there is no op '{}'", op);
      }
      if (name == "ended" && !named(ended, 3, operation_.ended)) {
        return fmt::format("nothing ends as '{}'", ended);
      }
      return std::nullopt;
    }
    return fmt::format("there is no field '{}'", name);
  }

  bool once(std::size_t field) {
    const std::uint32_t bit = 1U << field;
    if ((seen_ & bit) != 0) return false;
    seen_ |= bit;
    return true;
  }

  Operation operation_;
  std::uint32_t seen_ = 0;
};

}  // namespace

std::string to_json_line(const Operation& operation) {
  std::string line =
      fmt::format(R"({{"client":{},"connection":{},"place":{},"op":"{}","key":)", operation.client,
                  operation.connection, operation.place, name_of(operation.op));
  append_text(line, operation.key);
  line += ",\"arg\":";
  append_text(line, operation.arg);
  line += ",\"ret\":";
  append_text(line, operation.ret);
  line += fmt::format(",\"call_ns\":{},\"return_ns\":{},\"ended\":\"{}\"}}\n", operation.call_ns,
                      operation.return_ns, name_of(operation.ended));
  return line;
}

std::string to_json_lines(const History& history) {
  std::string lines;
  for (const Operation& operation : history) lines += to_json_line(operation);
  return lines;
}

Result<History> read_json_lines(std::string_view text, const HistoryLimits& limits) {
  History history;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    std::optional<std::string> wrong;
    Reader reader;
    if (line.size() > limits.line_bytes) {
      wrong = fmt::format("a line has at most {} bytes", limits.line_bytes);
    } else if (history.size() == limits.operations) {
      wrong = fmt::format("a history has at most {} operations", limits.operations);
    } else {
      wrong = reader.read(line);
    }
    if (wrong) return Error{fmt::format("line {} of the history: {}", number, *wrong)};
    history.push_back(reader.take());
  }
  return history;
}

}  // namespace holdfast::workload
