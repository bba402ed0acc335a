// For tests of storage: a disk in memory that does nothing by itself, forgets what was not synced
// when the power fails, and fails on demand.
//
// Submitted jobs wait for step(), which carries out one operation. A power cut keeps, of what was
// written and not synced, any sectors at all, and of the names changed any first few.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "env/disk.h"

namespace holdfast::storage {

class TestDisk final : public env::Disk {
 public:
  static constexpr std::size_t kSector = 512;

  // ---- env::Disk ----

  void submit(env::Lane lane, env::DiskJob job) override {
    lanes_[lane == env::Lane::log ? 0 : 1].push_back({std::move(job), 0});
  }
  Result<void> run(std::span<const env::DiskOperation> all) override {
    for (const auto& operation : all) {
      if (auto done = carry_out(operation); !done) return done;
    }
    return {};
  }
  Result<std::vector<env::FileInfo>> list() override {
    std::vector<env::FileInfo> files;
    for (const auto& [name, file] : names_) files.push_back({name, file->now.size()});
    return files;
  }
  Result<std::string> read(std::string_view name, std::uint64_t limit) override {
    const auto found = names_.find(std::string(name));
    if (found == names_.end()) return Error{fmt::format("no file {}", name)};
    if (found->second->now.size() > limit) return Error{fmt::format("{} is too big", name)};
    return found->second->now;
  }
  Result<std::uint64_t> free_space() override { return capacity - std::min(capacity, used()); }

  // ---- The hand of the test ----

  // One operation of the lane's first job; its `done` with the last. False: nothing to do.
  bool step(env::Lane lane) {
    auto& jobs = lanes_[lane == env::Lane::log ? 0 : 1];
    if (jobs.empty() || out_of_power()) return false;
    auto& [job, next] = jobs.front();
    Result<void> result;
    if (next < job.operations.size()) result = carry_out(job.operations[next++]);
    if (out_of_power() && !result) return false;
    if (result && next < job.operations.size()) return true;
    const auto done = std::move(job.done);
    jobs.pop_front();
    if (done) done(std::move(result));
    return true;
  }
  bool step() { return step(env::Lane::log) || step(env::Lane::background); }
  void run_all() {
    while (step()) {
    }
  }

  // The power fails: un-synced sectors survive by chance, jobs are gone.
  void crash(Prng& prng) {
    lanes_[0].clear();
    lanes_[1].clear();
    const std::size_t kept = prng.below(name_changes_.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) name_changes_[i](durable_names_);
    name_changes_.clear();
    names_ = durable_names_;
    std::set<File*> seen;
    for (const auto& [name, file] : names_) {
      if (seen.insert(file.get()).second) file->lose_power(prng);
    }
    power_until.reset();
  }

  // No operation beyond this number (of operations ever) is done: the moment before a crash.
  std::optional<std::uint64_t> power_until;
  std::uint64_t operations = 0;
  std::uint64_t syncs = 0;  // of files
  std::uint64_t capacity = std::uint64_t{1} << 40;
  // Errors on demand.
  std::function<std::optional<Error>(const env::DiskOperation&)> fault;

  bool out_of_power() const { return power_until && operations >= *power_until; }
  bool has(const std::string& name) const { return names_.contains(name); }
  // Puts bytes on the disk, durably, past all rules.
  void put(const std::string& name, std::string bytes) {
    auto file = std::make_shared<File>();
    file->now = file->durable = std::move(bytes);
    names_[name] = durable_names_[name] = file;
  }
  void drop(const std::string& name) {
    names_.erase(name);
    durable_names_.erase(name);
  }
  std::string content(const std::string& name) const { return names_.at(name)->now; }
  std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const auto& [name, file] : names_) all.push_back(name);
    return all;
  }
  // All files, as they are seen now.
  std::map<std::string, std::string> image() const {
    std::map<std::string, std::string> all;
    for (const auto& [name, file] : names_) all[name] = file->now;
    return all;
  }
  void load(const std::map<std::string, std::string>& image) {
    names_.clear();
    durable_names_.clear();
    name_changes_.clear();
    for (const auto& [name, bytes] : image) put(name, bytes);
  }

 private:
  struct File {
    std::string now;
    std::string durable;
    std::set<std::size_t> dirty;  // sectors that differ, perhaps

    void sync() {
      durable = now;
      dirty.clear();
    }
    void lose_power(Prng& prng) {
      if (prng.below(2) == 0) durable.resize(now.size(), '\0');
      for (const std::size_t sector : dirty) {
        const std::size_t begin = sector * kSector;
        if (prng.below(2) == 0 || begin >= durable.size() || begin >= now.size()) continue;
        const std::size_t length = std::min({kSector, now.size() - begin, durable.size() - begin});
        durable.replace(begin, length, now, begin, length);
      }
      now = durable;
      dirty.clear();
    }
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  struct Pending {
    env::DiskJob job;
    std::size_t next = 0;
  };

  std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const auto& [name, file] : names_) sum += file->now.size();
    return sum;
  }
  void change_names(std::function<void(Names&)> change) {
    change(names_);
    name_changes_.push_back(std::move(change));
  }
  std::shared_ptr<File> find(const std::string& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : found->second;
  }
  static void write_at(File& file, std::uint64_t offset, std::string_view bytes) {
    const auto begin = static_cast<std::size_t>(offset);
    if (file.now.size() < begin + bytes.size()) file.now.resize(begin + bytes.size(), '\0');
    file.now.replace(begin, bytes.size(), bytes);
    for (std::size_t s = begin / kSector; s * kSector < begin + bytes.size(); ++s) {
      file.dirty.insert(s);
    }
  }

  Result<void> carry_out(const env::DiskOperation& operation) {
    if (out_of_power()) return Error{"no power"};
    ++operations;
    if (fault) {
      if (auto error = fault(operation)) return *error;
    }
    return std::visit([this](const auto& o) { return act(o); }, operation);
  }
  Result<void> act(const env::CreateFile& o) {
    if (has(o.name)) return Error{o.name + " exists"};
    if (used() + o.size > capacity) return Error{"no space left for " + o.name, true};
    auto file = std::make_shared<File>();
    file->now.assign(static_cast<std::size_t>(o.size), '\0');
    change_names([name = o.name, file](Names& names) { names[name] = file; });
    return {};
  }
  Result<void> act(const env::WriteFile& o) {
    auto file = find(o.name);
    if (!file) {
      file = std::make_shared<File>();
      change_names([name = o.name, file](Names& names) { names[name] = file; });
    }
    std::uint64_t offset = o.offset;
    for (const SharedBytes& part : o.parts) {
      write_at(*file, offset, part.view());
      offset += part.size();
    }
    return {};
  }
  Result<void> act(const env::ResizeFile& o) {
    const auto file = find(o.name);
    if (!file) return Error{"no file " + o.name};
    file->now.resize(static_cast<std::size_t>(o.size), '\0');
    return {};
  }
  Result<void> act(const env::SyncFile& o) {
    const auto file = find(o.name);
    if (!file) return Error{"no file " + o.name};
    file->sync();
    ++syncs;
    return {};
  }
  Result<void> act(const env::SyncFolder&) {
    for (const auto& change : name_changes_) change(durable_names_);
    name_changes_.clear();
    return {};
  }
  Result<void> act(const env::RenameFile& o) {
    if (!has(o.from)) return Error{"no file " + o.from};
    change_names([from = o.from, to = o.to](Names& names) {
      names[to] = names.at(from);
      names.erase(from);
    });
    return {};
  }
  Result<void> act(const env::RemoveFile& o) {
    if (has(o.name)) change_names([name = o.name](Names& names) { names.erase(name); });
    return {};
  }
  Result<void> act(const env::ReadFile& o) {
    const auto file = find(o.name);
    if (!file) return Error{"no file " + o.name};
    const std::size_t begin = std::min(static_cast<std::size_t>(o.offset), file->now.size());
    *o.out = file->now.substr(begin, static_cast<std::size_t>(o.length));
    return {};
  }

  Names names_;
  Names durable_names_;
  std::vector<std::function<void(Names&)>> name_changes_;  // since the last SyncFolder
  std::deque<Pending> lanes_[2];
};

}  // namespace holdfast::storage
