#include "sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <span>
#include <variant>

namespace holdfast::sim {
namespace {

// ---- What may stand behind a name ---------------------------------------------------------------

using Target = std::variant<std::uint32_t*, std::int64_t*, Duration*>;

// A setting that is a row of names, each with a number or a time: "clients 5 think 20ms". A row
// whose first field bears the row's own name is written without repeating it.
struct RowField {
  std::string_view name;
  Target target;
};

struct Row {
  std::string_view name;
  std::vector<RowField> fields;
};

std::vector<Row> rows_of(Scenario& s) {
  workload::Mix& m = s.mix;
  workload::Habits& h = s.habits;
  Wire& w = s.wire;
  return {
      {"nodes", {{"nodes", &s.nodes}, {"last", &s.last}}},
      {"length", {{"length", &s.length}}},
      {"mix",
       {{"read", &m.read},
        {"write", &m.write},
        {"cas", &m.cas},
        {"erase", &m.erase},
        {"add", &m.add},
        {"once_add", &m.once_add},
        {"insert", &m.insert},
        {"read_all", &m.read_all},
        {"write_ttl", &m.write_ttl},
        {"lock", &m.lock},
        {"session", &m.session},
        {"set_if", &m.set_if},
        {"throttle", &m.throttle},
        {"latch", &m.latch},
        {"cache", &m.cache},
        {"feed", &m.feed},
        {"hold", &m.hold}}},
      {"clients",
       {{"clients", &m.clients},
        {"keys", &m.keys},
        {"locks", &m.locks},
        {"pipeline", &m.pipeline},
        {"think", &m.think},
        {"value_bytes", &m.value_bytes}}},
      {"habits",
       {{"leave_ppm", &h.leave_ppm},
        {"hang_up_ppm", &h.hang_up_ppm},
        {"half_ppm", &h.half_ppm},
        {"give_up_leaderless_ppm", &h.give_up_leaderless_ppm},
        {"patience", &h.patience}}},
      {"wire",
       {{"delay_min", &w.delay_min},
        {"delay_max", &w.delay_max},
        {"lose_ppm", &w.lose_ppm},
        {"drop_ppm", &w.drop_ppm},
        {"duplicate_ppm", &w.duplicate_ppm},
        {"late_ppm", &w.late_ppm},
        {"reorder_ppm", &w.reorder_ppm},
        {"corrupt_ppm", &w.corrupt_ppm}}},
      {"disk", {{"sync_min", &s.disk.sync_min}, {"sync_max", &s.disk.sync_max}}},
      {"log",
       {{"segment_bytes", &s.segment_bytes},
        {"snapshot_after_bytes", &s.snapshot_after_bytes},
        {"snapshot_after_max_bytes", &s.snapshot_after_max_bytes},
        {"pending_bytes", &s.pending_bytes},
        {"snapshot_rate", &s.snapshot_rate},
        {"scrub", &s.scrub}}},
      {"timing", {{"heartbeat", &s.timing.heartbeat}, {"election", &s.timing.election}}},
      {"members", {{"spares", &s.spares}, {"replace_after", &s.replace_after}}},
      {"repeat", {{"repeat", &s.repeat}}},
      {"every", {{"every", &s.faults.mean_pause}, {"damaged", &s.faults.damaged}}},
  };
}

// ---- Words --------------------------------------------------------------------------------------

using Words = std::vector<std::string_view>;

Words split(std::string_view line) {
  Words words;
  while (true) {
    const auto from = line.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return words;
    line.remove_prefix(from);
    const auto to = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, to));
    line.remove_prefix(to);
  }
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr Unit kUnits[] = {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};

std::string time_text(Duration time) {
  for (const Unit& unit : kUnits) {
    if (time.ns % unit.ns == 0) return fmt::format("{}{}", time.ns / unit.ns, unit.name);
  }
  return {};
}

bool read_time(std::string_view text, Duration& time) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  constexpr std::int64_t kMax = std::int64_t{1} << 53;
  std::int64_t count = 0;
  if (!read_number(text.substr(0, digits), count)) return false;
  for (const Unit& unit : kUnits) {
    if (text.substr(digits) != unit.name || count > kMax / unit.ns) continue;
    time = nanoseconds(count * unit.ns);
    return true;
  }
  return false;
}

bool read_target(std::string_view text, const Target& target) {
  if (const auto* time = std::get_if<Duration*>(&target)) return read_time(text, **time);
  if (const auto* small = std::get_if<std::uint32_t*>(&target)) return read_number(text, **small);
  return read_number(text, *std::get<std::int64_t*>(target));
}

std::string target_text(const Target& target) {
  if (const auto* time = std::get_if<Duration*>(&target)) return time_text(**time);
  if (const auto* small = std::get_if<std::uint32_t*>(&target)) return fmt::to_string(**small);
  return fmt::to_string(*std::get<std::int64_t*>(target));
}

// ---- Lines --------------------------------------------------------------------------------------

// What a row of names does not mention is nothing: a mix is what it says.
void clear_mix(workload::Mix& mix) {
  const workload::Mix none;
  const auto keys = mix.keys, locks = mix.locks, pipeline = mix.pipeline, clients = mix.clients;
  const Duration think = mix.think;
  mix = none;
  mix.keys = keys;
  mix.locks = locks;
  mix.pipeline = pipeline;
  mix.clients = clients;
  mix.think = think;
}

Result<void> parse_row(const Row& row, std::span<const std::string_view> words) {
  std::size_t at = row.fields.front().name == row.name ? 0 : 1;
  if (words.size() <= at) return Error{fmt::format("{} says nothing", row.name)};
  std::set<std::string_view> seen;
  for (; at < words.size(); at += 2) {
    const auto field = std::find_if(row.fields.begin(), row.fields.end(),
                                    [&](const RowField& one) { return one.name == words[at]; });
    if (field == row.fields.end()) {
      return Error{fmt::format("{} knows no {}", row.name, words[at])};
    }
    if (!seen.insert(words[at]).second) return Error{fmt::format("{} twice", words[at])};
    if (at + 1 == words.size()) return Error{fmt::format("{} has no value", words[at])};
    if (!read_target(words[at + 1], field->target)) {
      return Error{fmt::format("{}: {} is no {}", words[at], words[at + 1],
                               std::holds_alternative<Duration*>(field->target)
                                   ? "time (20ms, 3s …)"
                                   : "number that fits")};
    }
  }
  return {};
}

Result<void> parse_faults(std::span<const std::string_view> words, Scenario& scenario) {
  scenario.faults.kinds.clear();
  for (const auto word : words.subspan(1)) {
    const auto kind = fault_kind(word);
    if (!kind) return Error{fmt::format("there is no fault {}", word)};
    scenario.faults.kinds.push_back(*kind);
  }
  return {};
}

template <class Choice>
Result<void> parse_choice(std::span<const std::string_view> words, Choice& choice,
                          std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  for (const auto& [name, value] : choices) {
    if (words.size() != 2 || words[1] != name) continue;
    choice = value;
    return {};
  }
  std::string names;
  for (const auto& [choice_name, value] : choices) {
    names += fmt::format("{}{}", names.empty() ? "" : " or ", choice_name);
  }
  return Error{fmt::format("{} is {}", words[0], names)};
}

Result<void> parse_line(std::string_view line, std::span<const std::string_view> words,
                        Scenario& scenario) {
  const std::string_view name = words[0];
  if (name == "mode") {
    return parse_choice(words, scenario.mode,
                        {{"safety", Mode::safety}, {"liveness", Mode::liveness}});
  }
  if (name == "promise") {
    return parse_choice(words, scenario.promise,
                        {{"live", Promise::live}, {"safe", Promise::safe}});
  }
  if (name == "reads") {
    return parse_choice(words, scenario.reads,
                        {{"quorum", Reads::quorum}, {"lease", Reads::lease}, {"either", Reads::either}});
  }
  if (name == "faults") return parse_faults(words, scenario);
  if (name == "fault") {
    scenario.scripted = true;
    if (words.size() == 2 && words[1] == "none") return {};
    auto fault = Fault::parse(line.substr(static_cast<std::size_t>(
        words.size() > 1 ? words[1].data() - line.data() : std::ptrdiff_t(line.size()))));
    if (!fault) return fault.error();
    scenario.script.push_back(*std::move(fault));
    return {};
  }
  for (const Row& row : rows_of(scenario)) {
    if (row.name != name) continue;
    if (name == "mix") clear_mix(scenario.mix);
    return parse_row(row, words);
  }
  return Error{fmt::format("there is no setting {}", name)};
}

Result<void> make_sense(const Scenario& scenario) {
  const auto& mix = scenario.mix;
  if (scenario.nodes < 1 || scenario.nodes > 7) return Error{"nodes: 1 to 7"};
  if (scenario.last >= scenario.nodes) return Error{"nodes: fewer than all of them last"};
  if (scenario.spares > 5) return Error{"members: at most 5 spares"};
  if (scenario.replace_after.ns % seconds(1).ns != 0) {
    return Error{"members: replace_after in whole seconds"};
  }
  if (mix.clients < 1 || mix.clients > 100) return Error{"clients: 1 to 100"};
  if (mix.keys < 1 || mix.locks < 1 || mix.pipeline < 1) {
    return Error{"keys, locks and pipeline are at least 1"};
  }
  if (mix.read + mix.write + mix.cas + mix.erase + mix.add + mix.once_add + mix.insert +
          mix.read_all + mix.write_ttl + mix.lock + mix.session + mix.set_if + mix.throttle +
          mix.latch + mix.feed + mix.hold + mix.cache ==
      0) {
    return Error{"the mix has no operation in it"};
  }
  if (scenario.wire.delay_min > scenario.wire.delay_max)
    return Error{"wire: delay_min > delay_max"};
  if (scenario.disk.sync_min > scenario.disk.sync_max) return Error{"disk: sync_min > sync_max"};
  if (scenario.timing.heartbeat < milliseconds(5) ||
      scenario.timing.election < scenario.timing.heartbeat * 3) {
    return Error{"timing: heartbeat at least 5ms, election at least three of them"};
  }
  if (scenario.faults.mean_pause <= Duration()) return Error{"every: more than 0"};
  for (const Fault& fault : scenario.script) {
    for (const MachineId node : fault.nodes) {
      if (node > scenario.machines()) return Error{fmt::format("{}: no node {}", fault.text(), node)};
    }
  }
  return {};
}

workload::Mix every_kind() {
  workload::Mix mix;
  mix.read = 4;
  mix.write = 3;
  mix.cas = mix.erase = mix.add = mix.once_add = mix.insert = mix.read_all = mix.write_ttl = 1;
  mix.set_if = mix.throttle = mix.latch = mix.feed = mix.cache = 1;
  mix.lock = mix.hold = 2;
  mix.session = 1;
  return mix;
}

}  // namespace

Scenario::Scenario() : mix(every_kind()) {}

bool Scenario::only_rots() const {
  return scrub != Duration{} && scripted &&
         std::all_of(script.begin(), script.end(),
                     [](const Fault& fault) { return fault.kind == FaultKind::bit_flip; });
}

bool Scenario::changes_members() const {
  const auto changes = [](FaultKind kind) {
    return kind >= FaultKind::join && kind <= FaultKind::renew;
  };
  return spares > 0 || std::any_of(faults.kinds.begin(), faults.kinds.end(), changes) ||
         std::any_of(script.begin(), script.end(),
                     [&](const Fault& fault) { return changes(fault.kind); });
}

// Not by the lowest bit, which decides about the secret (run.cc).
bool Scenario::leases(std::uint64_t seed) const {
  return reads == Reads::lease || (reads == Reads::either && seed % 4 >= 2);
}

std::string Scenario::text() const {
  Scenario copy = *this;  // rows_of wants to write, too
  std::string text;
  const auto line = [&text](const std::string& what) { text += what + '\n'; };
  line(fmt::format("mode {}", mode == Mode::safety ? "safety" : "liveness"));
  line(fmt::format("promise {}", promise == Promise::live ? "live" : "safe"));
  line(fmt::format("reads {}", reads == Reads::quorum  ? "quorum"
                               : reads == Reads::lease ? "lease"
                                                       : "either"));
  for (const Row& row : rows_of(copy)) {
    std::string words;
    if (row.fields.front().name != row.name) words = row.name;
    for (const RowField& field : row.fields) {
      if (!words.empty()) words += ' ';
      words += fmt::format("{} {}", field.name, target_text(field.target));
    }
    line(words);
  }
  if (!faults.kinds.empty()) {
    std::string words = "faults";
    for (const FaultKind kind : faults.kinds) words += fmt::format(" {}", name_of(kind));
    line(words);
  }
  if (scripted && script.empty()) line("fault none");
  for (const Fault& fault : script) line("fault " + fault.text());
  return text;
}

Result<Scenario> Scenario::parse(std::string_view text) {
  Scenario scenario;
  std::set<std::string_view> seen;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const Words words = split(line);
    if (words.empty()) continue;
    if (words[0] != "fault" && !seen.insert(words[0]).second) {
      return Error{fmt::format("line {}: {} twice", number, words[0])};
    }
    if (auto parsed = parse_line(line, words, scenario); !parsed) {
      return Error{fmt::format("line {}: {}", number, parsed.error().message)};
    }
  }
  if (auto sense = make_sense(scenario); !sense) return sense.error();
  return scenario;
}

}  // namespace holdfast::sim
