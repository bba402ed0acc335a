// Jobs, operations, and the two ways in which a process ends. What goes wrong is in disk_faults.cc.
#include "sim/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace holdfast::sim {
namespace {

constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 40;

// The words of os/folder.cc, as strerror has them.
constexpr std::string_view kInputOutput = "Input/output error";
constexpr std::string_view kNoSpace = "No space left on device";

Error failed(std::string_view what, std::string_view name, std::string_view why) {
  return {fmt::format("cannot {} data{}{}: {}", what, name.empty() ? "" : "/", name, why),
          why == kNoSpace};
}

Error missing(std::string_view name) { return failed("open", name, "No such file or directory"); }

}  // namespace

// ---- Jobs ---------------------------------------------------------------------------------------

void Disk::submit(env::Lane lane, env::DiskJob job) {
  lanes_[static_cast<std::size_t>(lane)].jobs.push_back(std::move(job));
  plan(lane);
}

void Disk::plan(env::Lane lane) {
  auto& state = lanes_[static_cast<std::size_t>(lane)];
  if (state.planned || state.jobs.empty()) return;
  state.planned = true;
  schedule_.after(cost(state.jobs.front().operations[state.done]),
                  [this, lane, generation = generation_] {
                    if (generation == generation_) work(lane);
                  });
}

void Disk::plan_again() {
  ++generation_;
  for (const env::Lane lane : {env::Lane::log, env::Lane::background, env::Lane::snapshots}) {
    lanes_[static_cast<std::size_t>(lane)].planned = false;
    plan(lane);
  }
}

// Carries out one operation of the lane's first job.
void Disk::work(env::Lane lane) {
  if (stands_still_) return;
  auto& state = lanes_[static_cast<std::size_t>(lane)];
  state.planned = false;
  Result<void> result = carry_out(state.jobs.front().operations[state.done]);
  if (stands_still_) return;
  ++state.done;
  if (!result.ok() || state.done == state.jobs.front().operations.size()) {
    auto done = std::move(state.jobs.front().done);
    state.jobs.pop_front();
    state.done = 0;
    if (done) deliver_([done = std::move(done), result] { done(result); });
  }
  plan(lane);
}

Duration Disk::cost(const env::DiskOperation& operation) {
  const bool is_sync = std::holds_alternative<env::SyncFile>(operation) ||
                       std::holds_alternative<env::SyncFolder>(operation);
  Duration time = microseconds(prng_.between(1, 50));
  // Mostly quick, now and then slow.
  if (is_sync) {
    time = prng_.below(50) == 0
               ? std::max(speed_.sync_max, milliseconds(prng_.between(1, 30)))
               : microseconds(prng_.between(speed_.sync_min.ns / 1000, speed_.sync_max.ns / 1000));
  }
  time = time * factor_;
  if (stall_ppm_ > 0 && prng_.chance_ppm(stall_ppm_)) {
    ++counts_.stalls;
    time = time + stall_;
  }
  return time;
}

Result<void> Disk::run(std::span<const env::DiskOperation> operations) {
  for (const auto& operation : operations) {
    if (stands_still_) return failed("use", "", "the machine loses its power");
    auto result = carry_out(operation);
    if (!result.ok()) return result;
  }
  return {};
}

// ---- Operations ---------------------------------------------------------------------------------

Result<void> Disk::carry_out(const env::DiskOperation& operation) {
  auto result = std::visit([this](const auto& one) { return act(one); }, operation);
  ++counts_.operations;
  if (at_still_ && counts_.operations >= still_at_) {
    stands_still_ = true;
    std::exchange(at_still_, nullptr)();
  }
  return result;
}

void Disk::change_names(std::function<void(Names&)> change) {
  change(names_);
  name_changes_.push_back(std::move(change));
}

Result<void> Disk::act(const env::CreateFile& operation) {
  const auto what = fmt::format("allocate {} bytes for", operation.size);
  if (names_.contains(operation.name)) return failed("create", operation.name, "File exists");
  if (failing_writes_.strikes(operation.name)) {
    ++counts_.failed_writes;
    return failed(what, operation.name, kInputOutput);
  }
  if (operation.size > room()) {
    ++counts_.refused_for_space;
    return failed(what, operation.name, kNoSpace);
  }
  const auto file = std::make_shared<File>();
  file->content.assign(operation.size, '\0');
  // Allocated blocks read as zero, before and after a crash.
  file->durable = file->content;
  change_names([name = operation.name, file](Names& names) { names[name] = file; });
  return {};
}

Result<void> Disk::act(const env::WriteFile& operation) {
  if (!names_.contains(operation.name)) {
    const auto file = std::make_shared<File>();
    change_names([name = operation.name, file](Names& names) { names[name] = file; });
  }
  File& file = *names_.at(operation.name);
  std::uint64_t bytes = 0;
  for (const auto& part : operation.parts) bytes += part.size();
  const auto fails = [&](std::string_view why) {
    return failed(fmt::format("write {} bytes at offset {} of", bytes, operation.offset),
                  operation.name, why);
  };
  if (failing_writes_.strikes(operation.name)) {
    ++counts_.failed_writes;
    return fails(kInputOutput);
  }
  const std::uint64_t size = file.content.size();
  const std::uint64_t limit = std::max(size, size + room());  // the file cannot become larger
  std::uint64_t offset = operation.offset;
  for (const auto& part : operation.parts) {
    const std::uint64_t fits = offset >= limit ? 0 : std::min(part.size(), limit - offset);
    // What there was room for is written.
    if (fits > 0) write_at(file, offset, part.view().substr(0, fits));
    if (fits < part.size()) {
      ++counts_.refused_for_space;
      return fails(kNoSpace);
    }
    offset += part.size();
  }
  return {};
}

Result<void> Disk::act(const env::ResizeFile& operation) {
  const auto found = names_.find(operation.name);
  if (found == names_.end()) return missing(operation.name);
  File& file = *found->second;
  if (operation.size > file.content.size() && operation.size - file.content.size() > room()) {
    ++counts_.refused_for_space;
    return failed(fmt::format("resize to {} bytes", operation.size), operation.name, kNoSpace);
  }
  resize(file, operation.size);
  return {};
}

Result<void> Disk::act(const env::SyncFile& operation) {
  const auto found = names_.find(operation.name);
  if (found == names_.end()) return missing(operation.name);
  if (failing_syncs_.strikes(operation.name)) {
    ++counts_.failed_syncs;
    found->second->dirty.clear();
    return failed("sync", operation.name, kInputOutput);
  }
  sync(*found->second, operation.name);
  return {};
}

Result<void> Disk::act(const env::SyncFolder&) {
  if (failing_syncs_.strikes("")) {
    ++counts_.failed_syncs;
    return failed("sync the folder", "", kInputOutput);
  }
  if (lying_) {
    ++counts_.ignored_syncs;
    ignored_sync_ = true;
    return {};
  }
  durable_names_ = names_;
  name_changes_.clear();
  return {};
}

Result<void> Disk::act(const env::RenameFile& operation) {
  if (!names_.contains(operation.from)) {
    return failed(fmt::format("give the name {} to", operation.to), operation.from,
                  "No such file or directory");
  }
  change_names([from = operation.from, to = operation.to](Names& names) {
    const auto found = names.find(from);
    if (found == names.end()) return;
    names[to] = found->second;
    names.erase(from);
  });
  return {};
}

Result<void> Disk::act(const env::RemoveFile& operation) {
  if (!names_.contains(operation.name)) return {};
  change_names([name = operation.name](Names& names) { names.erase(name); });
  return {};
}

Result<void> Disk::act(const env::ReadFile& operation) {
  const auto found = names_.find(operation.name);
  if (found == names_.end()) return missing(operation.name);
  if (operation.past_cache) drop_cached(*found->second, operation.offset, operation.length);
  const std::string& content = found->second->content;
  const auto offset = std::min<std::uint64_t>(operation.offset, content.size());
  if (failing_reads_.strikes(operation.name)) {
    ++counts_.failed_reads;
    return failed(fmt::format("read at offset {} of", offset), operation.name, kInputOutput);
  }
  *operation.out = content.substr(offset, operation.length);
  return {};
}

// ---- Questions ----------------------------------------------------------------------------------

Result<std::vector<env::FileInfo>> Disk::list() {
  if (stands_still_) return failed("list", "", "the machine loses its power");
  std::vector<env::FileInfo> files;
  for (const auto& [name, file] : names_) files.push_back({name, file->content.size()});
  return files;
}

Result<std::string> Disk::read(std::string_view name, std::uint64_t limit) {
  if (stands_still_) return failed("read", name, "the machine loses its power");
  const auto found = names_.find(name);
  if (found == names_.end()) return missing(name);
  const std::string& content = found->second->content;
  if (content.size() > limit) {
    return Error{fmt::format("data/{} has {} bytes, more than the {} that may be read", name,
                             content.size(), limit)};
  }
  if (failing_reads_.strikes(name)) {
    ++counts_.failed_reads;
    return failed("read at offset 0 of", name, kInputOutput);
  }
  return content;
}

Result<std::uint64_t> Disk::free_space() { return room(); }

std::uint64_t Disk::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, file] : names_) sum += file->content.size();
  return sum;
}

std::uint64_t Disk::room() const {
  if (!capacity_) return kUnlimited;
  return *capacity_ - std::min(*capacity_, used());
}

// ---- Crashes ------------------------------------------------------------------------------------

void Disk::crash(bool power) {
  ++generation_;
  lanes_ = {};
  stands_still_ = false;
  if (!power) return;
  if (hides_loss()) ++counts_.losses_shown;
  // A disk that lied may have kept some of what it confirmed, or nothing.
  const bool everything = std::exchange(ignored_sync_, false) && prng_.below(2) == 0;
  Names names = durable_names_;
  const auto kept = everything ? 0 : prng_.below(name_changes_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) name_changes_[i](names);
  counts_.lost_names += name_changes_.size() - kept;
  names_ = std::move(names);
  for (const auto& [name, file] : names_) lose_unsynced(*file, everything);
  durable_names_ = names_;
  name_changes_.clear();
}

}  // namespace holdfast::sim
