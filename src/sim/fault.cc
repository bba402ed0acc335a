// Faults as text.
#include "sim/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"

namespace holdfast::sim {
namespace {

using K = FaultKind;

struct Row {
  FaultKind kind;
  std::string_view name;
  std::size_t nodes_min;
  std::size_t nodes_max;
  std::string_view unit;  // of the amount; "-": there is none
  bool negative = false;  // the amount may be
};

constexpr std::size_t kMany = 64;
constexpr std::string_view kNoAmount = "-";

// tidy: table
constexpr Row kRows[] = {
    {K::cut, "cut", 2, 2, kNoAmount},
    {K::partition, "partition", 1, kMany, kNoAmount},
    {K::isolate, "isolate", 1, kMany, kNoAmount},
    {K::isolate_in, "isolate-in", 1, kMany, kNoAmount},
    {K::isolate_out, "isolate-out", 1, kMany, kNoAmount},
    {K::bridge, "bridge", 1, kMany, kNoAmount},
    {K::ring, "ring", 3, kMany, kNoAmount},
    {K::heal, "heal", 0, 0, kNoAmount},
    {K::clog, "clog", 1, kMany, "ms"},
    {K::swizzle, "swizzle", 1, kMany, "ms"},
    {K::reset, "reset", 2, 2, kNoAmount},
    {K::wires, "wires", 0, 2, "%"},
    {K::kill, "kill", 1, kMany, kNoAmount},
    {K::kill_at, "kill-at", 1, 1, "ops"},
    {K::power_off, "power-off", 1, kMany, kNoAmount},
    {K::power_off_at, "power-off-at", 1, 1, "ops"},
    {K::power_off_all, "power-off-all", 0, 0, kNoAmount},
    {K::terminate, "terminate", 1, kMany, kNoAmount},
    {K::pause, "pause", 1, kMany, "ms"},
    {K::start, "start", 0, kMany, kNoAmount},
    {K::wipe, "wipe", 1, 1, kNoAmount},
    {K::save_disk, "save-disk", 1, 1, kNoAmount},
    {K::older_disk, "older-disk", 1, 1, kNoAmount},
    {K::slow_disk, "slow-disk", 1, 1, "x"},
    {K::io_error, "io-error", 1, 1, "times"},
    {K::read_error, "read-error", 1, 1, "times"},
    {K::sync_error, "sync-error", 1, 1, "times"},
    {K::no_space, "no-space", 1, 1, "bytes"},
    {K::bit_flip, "bit-flip", 1, 1, kNoAmount},
    {K::lost_write, "lost-write", 1, 1, "times"},
    {K::misdirected_write, "misdirected-write", 1, 1, "times"},
    {K::lying_cache, "lying-cache", 1, 1, kNoAmount},
    {K::heal_disk, "heal-disk", 1, kMany, kNoAmount},
    {K::drift, "drift", 1, 1, "ppm", true},
    {K::step_wall, "step-wall", 1, 1, "ms", true},
    {K::freeze, "freeze", 1, 1, "ms"},
    {K::heal_clock, "heal-clock", 1, kMany, kNoAmount},
    {K::hand_over, "hand-over", 0, 0, "ms"},
    {K::join, "join", 1, 1, kNoAmount},
    {K::remove, "remove", 1, 1, kNoAmount},
    {K::drain, "drain", 1, 1, kNoAmount},
    {K::undrain, "undrain", 1, 1, kNoAmount},
    {K::transfer, "transfer", 1, 1, kNoAmount},
    {K::renew, "renew", 1, 1, kNoAmount},
};
static_assert(std::size(kRows) == kFaultKinds);

const Row& row_of(FaultKind kind) {
  const Row& row = kRows[static_cast<std::size_t>(kind)];
  CHECK(row.kind == kind, "the rows stand in the order of the kinds");
  return row;
}

// The whole of `text` as a number.
template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// ---- Time: milliseconds or seconds, with up to three decimals of a millisecond ----

constexpr std::int64_t kMicrosecondsMax = std::int64_t{1} << 50;

std::string text_of(Duration at) {
  const std::int64_t us = at.us();
  std::string text = fmt::format("{}", us / 1000);
  if (us % 1000 != 0) {
    text += fmt::format(".{:03}", us % 1000);
    while (text.back() == '0') text.pop_back();
  }
  return text + "ms";
}

std::optional<Duration> time_of(std::string_view text) {
  std::int64_t unit_us = 1000;
  if (text.ends_with("ms")) {
    text.remove_suffix(2);
  } else if (text.ends_with("s")) {
    text.remove_suffix(1);
    unit_us = 1'000'000;
  } else {
    return std::nullopt;
  }
  const auto dot = text.find('.');
  const auto whole = number<std::uint32_t>(text.substr(0, dot));
  if (!whole) return std::nullopt;
  std::int64_t us = std::int64_t{*whole} * unit_us;
  if (dot != std::string_view::npos) {
    const std::string_view decimals = text.substr(dot + 1);
    const auto part = number<std::uint32_t>(decimals);
    if (!part || decimals.size() > 6) return std::nullopt;
    std::int64_t scale = unit_us;
    for (std::size_t i = 0; i < decimals.size(); ++i) {
      if (scale % 10 != 0) return std::nullopt;  // finer than a microsecond
      scale /= 10;
    }
    us += std::int64_t{*part} * scale;
  }
  if (us > kMicrosecondsMax) return std::nullopt;
  return microseconds(us);
}

// ---- Words --------------------------------------------------------------------------------------

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// "1,2,3"; nothing if it is something else.
std::optional<std::vector<MachineId>> nodes_of(std::string_view word) {
  std::vector<MachineId> nodes;
  while (true) {
    const auto comma = word.find(',');
    const auto node = number<MachineId>(word.substr(0, comma));
    if (!node || *node > kMany || nodes.size() == kMany) return std::nullopt;
    nodes.push_back(*node);
    if (comma == std::string_view::npos) return nodes;
    word.remove_prefix(comma + 1);
  }
}

bool take_word(const Row& row, std::string_view word, bool first, Fault& fault) {
  if (word.starts_with("chance=")) {
    const auto value = number<std::uint64_t>(word.substr(7));
    if (value) fault.chance = *value;
    return value.has_value();
  }
  if (word.starts_with("file=")) {
    fault.file = word.substr(5);
    return !fault.file.empty();
  }
  if (auto nodes = nodes_of(word); first && nodes) {
    fault.nodes = *std::move(nodes);
    return true;
  }
  if (row.unit == kNoAmount || !word.ends_with(row.unit)) return false;
  word.remove_suffix(row.unit.size());
  const auto value = number<std::int64_t>(word);
  if (!value || (*value < 0 && !row.negative)) return false;
  fault.amount = *value;
  return true;
}

}  // namespace

std::string_view name_of(FaultKind kind) { return row_of(kind).name; }

std::optional<FaultKind> fault_kind(std::string_view name) {
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [name](const Row& one) { return one.name == name; });
  if (row == std::end(kRows)) return std::nullopt;
  return row->kind;
}

bool damages(FaultKind kind) {
  switch (kind) {
    case K::wipe:
    case K::older_disk:
    case K::bit_flip:
    case K::lost_write:
    case K::misdirected_write:
    case K::lying_cache:
      return true;
    default:
      return false;
  }
}

std::set<MachineId> damaged_by(const std::vector<Fault>& script) {
  std::set<MachineId> machines;
  for (const Fault& fault : script) {
    if (damages(fault.kind)) machines.insert(fault.nodes.begin(), fault.nodes.end());
  }
  machines.erase(0);
  return machines;
}

std::string Fault::text() const {
  const Row& row = row_of(kind);
  std::string text = fmt::format("{} {}", text_of(at), row.name);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? " " : ",", nodes[i]);
  }
  if (row.unit != kNoAmount) text += fmt::format(" {}{}", amount, row.unit);
  if (!file.empty()) text += " file=" + file;
  if (chance != 0) text += fmt::format(" chance={}", chance);
  return text;
}

Result<Fault> Fault::parse(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return Error{fmt::format("\"{}\": {}", text, why)};
  };
  const auto words = words_of(text);
  if (words.size() < 2) return wrong("a fault is a time, a kind, and what the kind wants");
  const auto at = time_of(words[0]);
  if (!at) return wrong(fmt::format("{} is no time, as 1200ms or 1.5s", words[0]));
  const auto kind = fault_kind(words[1]);
  if (!kind) return wrong(fmt::format("there is no fault {}", words[1]));
  const Row& row = row_of(*kind);
  Fault fault;
  fault.at = *at;
  fault.kind = *kind;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (!take_word(row, words[i], i == 2, fault)) {
      return wrong(fmt::format("{} does not belong to {}", words[i], row.name));
    }
  }
  if (fault.nodes.size() < row.nodes_min || fault.nodes.size() > row.nodes_max) {
    return wrong(fmt::format("{} wants {} to {} nodes", row.name, row.nodes_min, row.nodes_max));
  }
  if (*kind == K::wires && fault.nodes.size() == 1) return wrong("wires are between two nodes");
  return fault;
}

}  // namespace holdfast::sim
