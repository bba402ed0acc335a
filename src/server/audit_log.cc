#include "server/audit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace holdfast::server {
namespace {

// The end of a file that is read to find its last line. No line is longer than a quarter of it.
constexpr std::uint64_t kTailBytes = 64 * 1024;
// Beyond the last line of any entry.
constexpr std::uint64_t kWholeEntry = UINT32_MAX;
constexpr Duration kRetry = seconds(5);

}  // namespace

std::string AuditLog::file_name(std::uint64_t number) const {
  return fmt::format("audit-{:016x}-{:08}.jsonl", cluster_, number);
}

// Nothing: it is none of this cluster's.
std::optional<std::uint64_t> AuditLog::number_of_file(std::string_view name) const {
  const std::string begin = fmt::format("audit-{:016x}-", cluster_);
  constexpr std::string_view kEnd = ".jsonl";
  if (!name.starts_with(begin) || !name.ends_with(kEnd)) return std::nullopt;
  if (name.size() <= begin.size() + kEnd.size()) return std::nullopt;
  const std::string_view digits = name.substr(begin.size(), name.size() - begin.size() - kEnd.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number == 0 ? std::nullopt : std::optional(number);
}

Result<void> AuditLog::open() {
  if (disk_ == nullptr) return {};
  const auto files = disk_->list();
  if (!files) return files.error();
  std::vector<std::uint64_t> numbers;
  for (const env::FileInfo& file : *files) {
    if (const auto number = number_of_file(file.name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  if (numbers.empty()) return {};
  oldest_ = numbers.front();
  file_ = numbers.back();
  return look_at(numbers);
}

// The newest file may end in the middle of a line, or hold none at all.
Result<void> AuditLog::look_at(const std::vector<std::uint64_t>& numbers) {
  const auto files = disk_->list();
  if (!files) return files.error();
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    const std::string name = file_name(*number);
    const auto found = std::find_if(files->begin(), files->end(),
                                    [&](const env::FileInfo& file) { return file.name == name; });
    if (found == files->end()) continue;
    const std::uint64_t from = found->size - std::min(found->size, kTailBytes);
    std::string tail;
    const env::DiskOperation read = env::ReadFile{name, from, kTailBytes, &tail};
    if (auto done = disk_->run({&read, 1}); !done) return done;
    const auto last = last_audit_line(tail);
    if (*number == file_) {
      offset_ = last ? from + last->end : from;
      cut_ = offset_ != found->size;
    }
    if (!last) continue;
    position_ = last->position;
    return {};
  }
  return {};
}

void AuditLog::begin(NodeId node, Index applied, WallTime wall) {
  node_ = node;
  // Lines of the entries in between may not be in these files: they were not written before the node
  // ended, and the snapshot from which it begins has them behind it.
  const std::uint64_t after = position_.index;
  add_own(wall, "begun",
          {{"after", fmt::to_string(after), true}, {"from", fmt::to_string(applied.value), true}});
}

void AuditLog::on_entry(const replica::EntryNotices& entry) {
  const AuditLevel level = parse_audit_level(config_.audit_level).value_or(AuditLevel::losses);
  std::uint64_t n = 0;
  for (const keyspace::Notice& notice : entry.notices) {
    if (!is_audited(notice)) continue;
    const AuditPosition at{entry.index.value, n++};
    if (at <= position_) continue;
    position_ = at;
    if (is_audited(notice, level)) add(audit_line(notice, at, entry.wall));
  }
  newest_ = std::max(newest_, entry.wall);
}

void AuditLog::on_missed(Index from, Index to, WallTime wall) {
  add_own(wall, "missed", {{"after", fmt::to_string(from.value), true},
                           {"to", fmt::to_string(to.value), true}});
  position_ = std::max(position_, AuditPosition{to.value, kWholeEntry});
}

void AuditLog::on_login_failed(std::string_view client, WallTime wall) {
  add_own(wall, "login failed", {{"client", std::string(client)}});
}

void AuditLog::on_configured(std::string_view client, const std::vector<AuditField>& settings,
                             WallTime wall) {
  for (const AuditField& setting : settings) {
    add_own(wall, "configured", {{"name", std::string(setting.name)},
                                 {"value", setting.value},
                                 {"client", std::string(client)}});
  }
}

// ---- lines on their way

void AuditLog::add_own(WallTime wall, std::string_view event,
                       const std::vector<AuditField>& fields) {
  newest_ = std::max(newest_, wall);
  add(audit_line(node_, position_, wall, event, fields));
}

void AuditLog::add(std::string line) {
  if (pending_.size() + line.size() > kQueueBytes) return drop(1);
  if (disk_ == nullptr) return drop(1);
  say_dropped();
  pending_ += line;
  ++pending_lines_;
}

void AuditLog::drop(std::uint64_t lines) {
  figures_.dropped += lines;
  unsaid_ += lines;
}

void AuditLog::say_dropped() {
  const std::uint64_t lines = std::exchange(unsaid_, 0);
  if (lines == 0) return;
  pending_ += audit_line(node_, position_, newest_, "dropped",
                         {{"lines", fmt::to_string(lines), true}});
  ++pending_lines_;
}

// ---- files

void AuditLog::on_turn_end(Instant now) {
  now_ = now;
  if (writing_ || pending_.empty() || now < retry_at_) return;
  env::DiskJob job;
  if (offset_ != 0 && offset_ >= static_cast<std::uint64_t>(config_.audit_max_bytes)) {
    ++file_;
    offset_ = 0;
    cut_ = false;
  }
  const auto kept = static_cast<std::uint64_t>(config_.audit_files);
  const std::uint64_t first = file_ >= kept ? file_ - kept + 1 : 1;
  for (; oldest_ < first; ++oldest_) job.operations.push_back(env::RemoveFile{file_name(oldest_)});
  if (cut_ && offset_ == 0) {
    job.operations.push_back(env::RemoveFile{file_name(file_)});  // it may not be there at all
  } else if (cut_) {
    job.operations.push_back(env::ResizeFile{file_name(file_), offset_});
  }
  const std::size_t bytes = pending_.size();
  const std::uint64_t lines = std::exchange(pending_lines_, 0);
  job.operations.push_back(env::WriteFile{
      file_name(file_), offset_, {SharedBytes(std::exchange(pending_, {}))}});
  job.done = [this, bytes, lines, held = std::weak_ptr<int>(alive_)](Result<void> result) {
    if (!held.expired()) written(result, bytes, lines, now_);
  };
  writing_ = true;
  disk_->submit(env::Lane::background, std::move(job));
}

void AuditLog::written(const Result<void>& result, std::size_t bytes, std::uint64_t lines,
                       Instant now) {
  writing_ = false;
  const bool failed_before = std::exchange(figures_.failing, !result.ok());
  if (result) {
    offset_ += bytes;
    cut_ = false;
    figures_.lines += lines;
    if (failed_before) trace_.info("the audit log is written again", {});
    return;
  }
  cut_ = true;  // some of it may be there
  drop(lines);
  retry_at_ = now + kRetry;
  if (failed_before) return;
  trace_.error("the audit log cannot be written: what happens is missing there until it can",
               {{"reason", result.error().message}, {"file", file_name(file_)}});
}

Instant AuditLog::wake_at() const {
  if (writing_ || pending_.empty()) return Instant::never();
  return std::max(now_, retry_at_);
}

}  // namespace holdfast::server
