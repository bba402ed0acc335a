#include "sim/timeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace holdfast::sim {
namespace {

constexpr std::size_t kTimeWidth = 12;

std::size_t column_width(std::uint32_t nodes) { return nodes <= 3 ? 26 : 20; }

std::string_view value_of(std::initializer_list<Field> fields, std::string_view name) {
  const auto named = [name](const Field& field) { return field.name == name; };
  const auto found = std::find_if(fields.begin(), fields.end(), named);
  return found == fields.end() ? std::string_view() : found->value;
}

// The one event that a reader looks for most, in few words.
std::string role_text(std::initializer_list<Field> fields) {
  const auto role = value_of(fields, "role");
  const auto epoch = value_of(fields, "epoch");
  const auto leader = value_of(fields, "leader");
  if (role == "leader") return fmt::format("leads {}", epoch);
  if (role == "candidate") return fmt::format("campaigns, promised {}", epoch);
  if (leader.empty() || leader == "0") return fmt::format("knows no leader, promised {}", epoch);
  return fmt::format("follows {} in {}", leader, epoch);
}

std::string event_text(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (event == "role") return role_text(fields);
  std::string text(level == Level::error ? "ERROR: " : "");
  text += event;
  for (const Field& field : fields) text += fmt::format(" {}={}", field.name, field.value);
  return text;
}

}  // namespace

// What one node says.
class Timeline::Column final : public Trace {
 public:
  Column(Timeline& timeline, MachineId node) : timeline_(timeline), node_(node) {}

  bool enabled(Level level) const override { return shown(level) || passed_on(level); }

  void write(Level level, std::string_view event, std::initializer_list<Field> fields) override {
    if (shown(level)) timeline_.line(node_, event_text(level, event, fields));
    if (passed_on(level)) {
      timeline_.also_->write(level, fmt::format("node {}: {}", node_, event), fields);
    }
  }

 private:
  bool shown(Level level) const { return timeline_.on_ && level >= Level::info; }
  bool passed_on(Level level) const {
    return timeline_.also_ != nullptr && timeline_.also_->enabled(level);
  }

  Timeline& timeline_;
  MachineId node_;
};

Timeline::Timeline(std::uint32_t nodes, bool on, Trace* also)
    : nodes_(nodes), on_(on), also_(also) {
  for (MachineId node = 1; node <= nodes; ++node) {
    columns_.push_back(std::make_unique<Column>(*this, node));
  }
  if (!on_) return;
  text_ = fmt::format("{:>{}}", "ms  ", kTimeWidth);
  for (MachineId node = 1; node <= nodes; ++node) {
    text_ += fmt::format("{:<{}}", fmt::format("node {}", node), column_width(nodes));
  }
  text_.erase(text_.find_last_not_of(' ') + 1);
  text_ += '\n';
}

Timeline::~Timeline() = default;

void Timeline::attach(const Schedule& schedule) {
  schedule_ = &schedule;
  begin_ = schedule.now();
}

Trace& Timeline::trace_of(MachineId node) {
  CHECK(node >= 1 && node <= nodes_, "there is no node {}", node);
  return *columns_[node - 1];
}

void Timeline::fault(const Fault& fault) {
  if (on_) line(0, "-- " + fault.text());
}

void Timeline::node(MachineId node, std::string_view what) {
  if (on_) line(node, what);
}

void Timeline::client(MachineId client, std::string_view what) {
  if (on_) line(0, fmt::format("client {}: {}", client, what));
}

void Timeline::note(std::string_view what) {
  if (on_) line(0, fmt::format("-- {}", what));
}

void Timeline::on_death(MachineId node, const std::string& why) {
  if (on_) line(node, "DIED: " + why);
}

void Timeline::line(MachineId node, std::string_view what) {
  const Duration passed = schedule_ == nullptr ? Duration{} : schedule_->now() - begin_;
  const std::size_t indent = node == 0 ? 0 : (node - 1) * column_width(nodes_);
  text_ += fmt::format("{:>{}.1f}  {:{}}", static_cast<double>(passed.us()) / 1000, kTimeWidth - 2,
                       "", indent);
  // One line an event, whatever bytes are in it.
  for (const char c : what) text_ += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  text_ += '\n';
}

std::string Timeline::text() const { return text_; }

}  // namespace holdfast::sim
