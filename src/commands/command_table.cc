#include "commands/command_table.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "commands/arguments.h"
#include "commands/errors.h"
#include "commands/lock_commands.h"
#include "commands/rows.h"
#include "commands/session_commands.h"
#include "commands/wrapper_commands.h"
#include "resp/limits.h"

namespace holdfast::commands {
namespace {

// Longer than any name with its subcommand; what is longer is unknown.
constexpr std::size_t kLongestName = 64;

// Names are looked for in a table of 2^kPlaceBits places.
constexpr int kPlaceBits = 10;

// A name in lower case, in place: the look-up of a command needs no memory.
class Name {
 public:
  bool add(std::string_view text) {
    if (text.size() > kLongestName - size_) return false;
    for (const char c : text) {
      bytes_[size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return true;
  }
  std::string_view text() const { return {bytes_, size_}; }
  // Where it is looked for first: by its length and its ends, which tell names apart well enough.
  // Every command is looked up more than once on its way.
  std::size_t place() const {
    const std::uint64_t head = eight_from(0);
    const std::uint64_t tail = eight_from(std::max(size_, sizeof(tail)) - sizeof(tail));
    const std::uint64_t mixed = (head * 0x9e3779b97f4a7c15) ^ (tail + size_) * 0xc2b2ae3d27d4eb4f;
    return static_cast<std::size_t>((mixed * 0x9e3779b97f4a7c15) >> (64 - kPlaceBits));
  }

 private:
  std::uint64_t eight_from(std::size_t begin) const {
    std::uint64_t eight;
    std::memcpy(&eight, bytes_ + begin, sizeof(eight));
    return eight;
  }

  char bytes_[kLongestName] = {};  // zeros behind the name, so that a short one may be read as eight
  std::size_t size_ = 0;
};

// A word of at most sixteen bytes, which nearly all names are that are in a hurry, as two numbers that may
// overlap: the bytes in front and those at the end.
struct ShortWord {
  static constexpr std::size_t kLongest = 16;
  static constexpr int kPlaceBits = 9;

  explicit ShortWord(std::string_view word) : size(word.size()) {
    if (size >= sizeof(std::uint64_t)) {
      take<std::uint64_t>(word);
    } else if (size >= sizeof(std::uint32_t)) {
      take<std::uint32_t>(word);
    } else {
      for (const char c : word) head = head << 8 | static_cast<std::uint8_t>(c);
    }
  }
  // Where it is looked for first, whatever the case of its letters.
  std::size_t place() const {
    constexpr std::uint64_t kAnyCase = 0x2020202020202020;
    const std::uint64_t mixed = (head | kAnyCase) + ((tail | kAnyCase) << 1) + size;
    return static_cast<std::size_t>((mixed * 0x9e3779b97f4a7c15) >> (64 - kPlaceBits));
  }

  template <class T>
  void take(std::string_view word) {
    T front;
    T back;
    std::memcpy(&front, word.data(), sizeof(T));
    std::memcpy(&back, word.data() + word.size() - sizeof(T), sizeof(T));
    head = front;
    tail = back;
  }

  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::size_t size = 0;
};

// Such a name: a word is it if it has the same bits where they count, and in a letter the bit of the case
// does not.
struct ShortName {
  ShortWord name{{}};
  ShortWord counts{{}};
  const CommandSpec* spec = nullptr;

  ShortName() = default;
  explicit ShortName(const CommandSpec& row) : name(row.name), spec(&row) {
    std::string bits;
    for (const char c : row.name) bits += c >= 'a' && c <= 'z' ? '\xdf' : '\xff';
    counts = ShortWord(bits);
  }
  // '|' in a client's word would name a subcommand without its container.
  static bool suits(std::string_view name) {
    return name.size() <= ShortWord::kLongest && name.find('|') == std::string_view::npos;
  }
  bool is(const ShortWord& word) const {
    return (((name.head ^ word.head) & counts.head) | ((name.tail ^ word.tail) & counts.tail) |
            (name.size ^ word.size)) == 0;
  }
};

struct Table {
  std::vector<CommandSpec> rows;
  std::array<const CommandSpec*, 1 << kPlaceBits> by_name = {};  // linear probing; null: free
  std::array<ShortName, 1 << ShortWord::kPlaceBits> by_short_name = {};  // likewise

  Table();
  const CommandSpec* find(const Name& name) const { return by_name[place(name)]; }
  const CommandSpec* find(const ShortWord& word) const {
    std::size_t place = word.place();
    while (by_short_name[place].spec != nullptr && !by_short_name[place].is(word)) {
      place = (place + 1) % by_short_name.size();
    }
    return by_short_name[place].spec;
  }

 private:
  void add_short(const CommandSpec& row) {
    std::size_t place = ShortWord(row.name).place();
    while (by_short_name[place].spec != nullptr) place = (place + 1) % by_short_name.size();
    by_short_name[place] = ShortName(row);
  }
  // Of the name, or the free one where it would be.
  std::size_t place(const Name& name) const {
    std::size_t place = name.place();
    while (by_name[place] != nullptr && by_name[place]->name != name.text()) {
      place = (place + 1) % by_name.size();
    }
    return place;
  }
};

Table::Table() {
  for (const auto family : {string_rows(), number_rows(), key_rows(), expire_rows(),
                            connection_rows(), lock_rows(), wrapper_rows(), node_rows(),
                            restore_rows(), level_rows(), session_rows(), throttle_rows(),
                            latch_rows(), feed_rows(), semaphore_rows(), election_rows(),
                            cache_rows()}) {
    rows.insert(rows.end(), family.begin(), family.end());
  }
  std::sort(rows.begin(), rows.end(),
            [](const CommandSpec& a, const CommandSpec& b) { return a.name < b.name; });
  CHECK(rows.size() < by_name.size() / 2);
  for (CommandSpec& row : rows) {
    row.row = static_cast<std::uint16_t>(&row - rows.data());
    Name name;
    CHECK(name.add(row.name), "{} is too long", row.name);
    CHECK(find(name) == nullptr, "{} twice", row.name);
    by_name[place(name)] = &row;
    if (ShortName::suits(row.name)) add_short(row);
  }
}

// Asked for by every command, and more than once: where it is called, that is two instructions.
[[gnu::always_inline]] inline const Table& table() {
  static const Table built;  // never changes, so that one for all threads is safe
  return built;
}

// What a client may see of its own words in an error.
constexpr std::size_t kShownBytes = 128;

std::string shown(std::string_view word, std::size_t bytes = kShownBytes) {
  word = word.substr(0, std::min(word.find('\0'), bytes));
  return std::string(word);
}

std::string unknown_command(Args args) {
  std::string words;
  for (std::size_t i = 1; i < args.size() && words.size() < kShownBytes; ++i) {
    words += "'" + shown(args[i], kShownBytes - words.size()) + "' ";
  }
  return "ERR unknown command '" + shown(args[0]) + "', with args beginning with: " + words;
}

std::string unknown_subcommand(Args args) {
  std::string container(args[0]);
  for (char& c : container) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return "ERR unknown subcommand '" + shown(args[1]) + "'. Try " + container + " HELP.";
}

// Of any length, subcommands as well. Apart, so that finding a short word needs no room for letters.
[[gnu::noinline]] const CommandSpec* find_by_letters(Args args) {
  Name name;
  if (!name.add(args[0])) return nullptr;
  const CommandSpec* const spec = table().find(name);
  if (spec == nullptr || args[0].find('|') != std::string_view::npos) return nullptr;
  if (!spec->is(kSubcommands) || args.size() == 1) return spec;
  return name.add("|") && name.add(args[1]) ? table().find(name) : nullptr;
}

bool right_arity(const CommandSpec& spec, Args args) {
  const auto words = static_cast<std::ptrdiff_t>(args.size());
  return spec.arity >= 0 ? words == spec.arity : words >= -spec.arity;
}

bool has_long_key(const CommandSpec& spec, Args args) {
  const auto is_long = [](std::string_view word) { return word.size() > resp::kKeyBytes; };
  if (std::none_of(args.begin(), args.end(), is_long)) return false;
  const auto keys = key_positions(spec, args);
  return std::any_of(keys.begin(), keys.end(), [&](std::size_t i) { return is_long(args[i]); });
}

}  // namespace

const std::vector<CommandSpec>& all_commands() { return table().rows; }

const CommandSpec* find_command(Args args) {
  if (args.empty()) return nullptr;
  if (args[0].size() <= ShortWord::kLongest) {
    const CommandSpec* const spec = table().find(ShortWord(args[0]));
    if (spec != nullptr && !spec->is(kSubcommands)) return spec;
  }
  return find_by_letters(args);
}

const CommandSpec* find_by_name(std::string_view name) {
  Name lower;
  return lower.add(name) ? table().find(lower) : nullptr;
}

std::optional<std::string> refuse_words(Args args) {
  const CommandSpec* const spec = find_command(args);
  if (spec == nullptr || spec->is(kInternal)) {
    const bool container = args.size() > 1 && find_command(args.first(1)) != nullptr;
    if (container && (spec == nullptr)) return unknown_subcommand(args);
    return unknown_command(args);
  }
  if (!right_arity(*spec, args)) return wrong_arity(spec->name);
  if (spec->is(kWrapper)) {
    if (auto refused = refuse_wrapped(args)) return refused;
  }
  if (has_long_key(*spec, args)) return std::string(kKeyTooLong);
  return std::nullopt;
}

bool is_http(Args args) {
  return !args.empty() && (is_word(args[0], "post") || is_word(args[0], "host:"));
}

std::vector<std::size_t> key_positions(const CommandSpec& spec, Args args) {
  if (spec.find_keys != nullptr) return spec.find_keys(args);
  std::vector<std::size_t> positions;
  if (spec.first_key == 0) return positions;
  const std::size_t first = static_cast<std::size_t>(spec.first_key);
  const auto last = spec.last_key < 0 ? static_cast<std::ptrdiff_t>(args.size()) + spec.last_key
                                      : static_cast<std::ptrdiff_t>(spec.last_key);
  for (std::size_t i = first; static_cast<std::ptrdiff_t>(i) <= last && i < args.size();
       i += static_cast<std::size_t>(spec.key_step)) {
    positions.push_back(i);
  }
  return positions;
}

bool needs_log(const CommandSpec& spec, Args args) {
  if (!spec.is(kWrapper)) return spec.is(kWrite);
  const Args inner = inner_words(args);
  if (inner.empty()) return true;  // ONCE over a whole transaction
  const CommandSpec* const inside = find_command(inner);
  return inside != nullptr && needs_log(*inside, inner);
}

bool may_wait(const CommandSpec& spec, Args args) {
  if (!spec.is(kWrapper)) return spec.find_wait != nullptr && spec.find_wait(args) > 0;
  const Args inner = inner_words(args);
  const CommandSpec* const inside = inner.empty() ? nullptr : find_command(inner);
  return inside != nullptr && may_wait(*inside, inner);
}

void run_read(const CommandSpec& spec, ReadContext& context, Args args) {
  CHECK(spec.read != nullptr, "{} does not read", spec.name);
  spec.read(context, args);
}

void run_in_entry(const CommandSpec& spec, WriteContext& context, Args args) {
  if (spec.write != nullptr) return spec.write(context, args);
  ReadContext reading = context.reading();
  run_read(spec, reading, args);
}

}  // namespace holdfast::commands
