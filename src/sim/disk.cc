#include "sim/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace holdfast::sim {

void Disk::submit(env::Lane lane, env::DiskJob job) {
  lanes_[lane].jobs.push_back(std::move(job));
  plan(lane);
}

void Disk::plan(env::Lane lane) {
  auto& state = lanes_[lane];
  if (state.planned || state.jobs.empty()) return;
  state.planned = true;
  schedule_.after(cost(state.jobs.front().operations[state.done]),
                  [this, lane, generation = generation_] {
                    if (generation == generation_) work(lane);
                  });
}

// Carries out one operation of the lane's first job.
void Disk::work(env::Lane lane) {
  auto& state = lanes_[lane];
  state.planned = false;
  Result<void> result = carry_out(state.jobs.front().operations[state.done]);
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
  const bool sync = std::holds_alternative<env::SyncFile>(operation) ||
                    std::holds_alternative<env::SyncFolder>(operation);
  if (!sync) return microseconds(prng_.between(1, 50));
  // Mostly quick, now and then slow.
  return prng_.below(50) == 0 ? milliseconds(prng_.between(1, 30))
                              : microseconds(prng_.between(20, 400));
}

Result<void> Disk::run(std::span<const env::DiskOperation> operations) {
  for (const auto& operation : operations) {
    auto result = carry_out(operation);
    if (!result.ok()) return result;
  }
  return {};
}

void Disk::change_names(std::function<void(Names&)> change) {
  change(names_);
  name_changes_.push_back(std::move(change));
}

void Disk::write(const env::WriteFile& operation) {
  if (!names_.contains(operation.name)) {
    const auto file = std::make_shared<File>();
    change_names([name = operation.name, file](Names& names) { names[name] = file; });
  }
  File& file = *names_.at(operation.name);
  std::uint64_t offset = operation.offset;
  for (const auto& part : operation.parts) {
    if (part.empty()) continue;
    if (file.content.size() < offset + part.size()) file.content.resize(offset + part.size());
    file.content.replace(offset, part.size(), part.view());
    for (auto sector = offset / kSector; sector <= (offset + part.size() - 1) / kSector; ++sector) {
      file.dirty.insert(sector);
    }
    offset += part.size();
  }
}

Result<void> Disk::carry_out(const env::DiskOperation& operation) {
  const auto missing = [](const std::string& name) {
    return Error{fmt::format("{}: no such file", name)};
  };
  if (const auto* create = std::get_if<env::CreateFile>(&operation)) {
    if (names_.contains(create->name)) return Error{create->name + ": exists"};
    const auto file = std::make_shared<File>();
    file->content.assign(create->size, '\0');
    // Allocated blocks read as zero, before and after a crash.
    file->durable = file->content;
    change_names([name = create->name, file](Names& names) { names[name] = file; });
  } else if (const auto* data = std::get_if<env::WriteFile>(&operation)) {
    write(*data);
  } else if (const auto* resize = std::get_if<env::ResizeFile>(&operation)) {
    if (!names_.contains(resize->name)) return missing(resize->name);
    names_.at(resize->name)->content.resize(resize->size);
  } else if (const auto* sync = std::get_if<env::SyncFile>(&operation)) {
    if (!names_.contains(sync->name)) return missing(sync->name);
    File& file = *names_.at(sync->name);
    file.durable = file.content;
    file.dirty.clear();
  } else if (std::holds_alternative<env::SyncFolder>(operation)) {
    durable_names_ = names_;
    name_changes_.clear();
  } else if (const auto* rename = std::get_if<env::RenameFile>(&operation)) {
    if (!names_.contains(rename->from)) return missing(rename->from);
    change_names([from = rename->from, to = rename->to](Names& names) {
      const auto found = names.find(from);
      if (found == names.end()) return;
      names[to] = found->second;
      names.erase(from);
    });
  } else if (const auto* remove = std::get_if<env::RemoveFile>(&operation)) {
    change_names([name = remove->name](Names& names) { names.erase(name); });
  } else if (const auto* read_file = std::get_if<env::ReadFile>(&operation)) {
    if (!names_.contains(read_file->name)) return missing(read_file->name);
    const std::string& content = names_.at(read_file->name)->content;
    const auto offset = std::min<std::uint64_t>(read_file->offset, content.size());
    *read_file->out = content.substr(offset, read_file->length);
  }
  return {};
}

Result<std::vector<env::FileInfo>> Disk::list() {
  std::vector<env::FileInfo> files;
  for (const auto& [name, file] : names_) files.push_back({name, file->content.size()});
  return files;
}

Result<std::string> Disk::read(std::string_view name, std::uint64_t limit) {
  const auto found = names_.find(name);
  if (found == names_.end()) return Error{fmt::format("{}: no such file", name)};
  if (found->second->content.size() > limit) return Error{fmt::format("{}: too large", name)};
  return found->second->content;
}

void Disk::lose_unsynced(File& file) {
  std::string content = file.durable;
  // The size, too, may or may not have reached the disk.
  if (file.content.size() > content.size() && prng_.below(2) == 0) {
    content.resize(file.content.size());
  }
  for (const auto sector : file.dirty) {
    const std::uint64_t begin = sector * kSector;
    if (begin >= content.size() || prng_.below(2) == 0) continue;
    const auto length = std::min({kSector, content.size() - begin, file.content.size() - begin});
    content.replace(begin, length, file.content, begin, length);
  }
  file.content = content;
  file.durable = content;
  file.dirty.clear();
}

void Disk::crash(bool power) {
  ++generation_;
  lanes_.clear();
  if (!power) return;
  Names names = durable_names_;
  const auto kept = prng_.below(name_changes_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) name_changes_[i](names);
  names_ = std::move(names);
  std::set<File*> seen;
  for (const auto& [name, file] : names_) {
    if (seen.insert(file.get()).second) lose_unsynced(*file);
  }
  durable_names_ = names_;
  name_changes_.clear();
}

}  // namespace holdfast::sim
