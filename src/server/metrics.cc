#include "server/metrics.h"

namespace holdfast::server {
namespace {

constexpr Duration kSampleEvery = milliseconds(100);
// Error kinds can come from scripts and stored answers: their number is bounded.
constexpr std::size_t kErrorKinds = 128;

}  // namespace

void Metrics::count_rejected(const commands::CommandSpec* spec, std::string_view reply) {
  if (spec != nullptr) ++count_of(*spec).rejected;
  count_error(reply);
}

void Metrics::count_answer(const commands::CommandSpec* spec, Duration took,
                           std::string_view reply) {
  const bool failed = !reply.empty() && reply.front() == '-';
  if (failed) count_error(reply);
  ++commands;
  if (spec == nullptr) return;
  CommandCount& count = count_of(*spec);
  count.took.add(took);
  if (failed) ++count.failed;
}

CommandCount& Metrics::count_of(const commands::CommandSpec& spec) {
  if (by_row_.empty()) by_row_.resize(commands::all_commands().size());
  CommandCount*& count = by_row_[spec.row];
  if (count == nullptr) count = &by_command_.emplace_back(&spec, CommandCount{}).second;
  return *count;
}

void Metrics::count_error(std::string_view reply) {
  ++error_replies;
  if (reply.starts_with('-')) reply.remove_prefix(1);
  const std::string_view kind = reply.substr(0, reply.find_first_of(" \r"));
  const auto found = by_error_.find(kind);
  if (found != by_error_.end()) {
    ++found->second;
  } else if (by_error_.size() < kErrorKinds) {
    by_error_.emplace(kind, 1);
  }
}

void Metrics::on_turn(Instant now) {
  if (samples_[newest_].at != Instant{} && now - samples_[newest_].at < kSampleEvery) return;
  newest_ = (newest_ + 1) % kSamples;
  samples_[newest_] = {now, commands, input_bytes, output_bytes};
}

double Metrics::rate(std::uint64_t Sample::* counter) const {
  const Sample& newest = samples_[newest_];
  const Sample* oldest = &newest;
  for (const Sample& sample : samples_) {
    if (sample.at != Instant{} && sample.at < oldest->at) oldest = &sample;
  }
  const std::int64_t ms = (newest.at - oldest->at).ms();
  if (ms <= 0 || newest.*counter < oldest->*counter) return 0;
  return static_cast<double>(newest.*counter - oldest->*counter) * 1000 / static_cast<double>(ms);
}

std::uint64_t Metrics::commands_per_second() const {
  return static_cast<std::uint64_t>(rate(&Sample::commands));
}

double Metrics::input_kbps() const { return rate(&Sample::input_bytes) / 1024; }
double Metrics::output_kbps() const { return rate(&Sample::output_bytes) / 1024; }

void Metrics::reset() { *this = Metrics(); }

}  // namespace holdfast::server
