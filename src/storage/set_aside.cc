#include "storage/set_aside.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "storage/log_format.h"
#include "storage/snapshot_file.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kSnapshotLimit = std::uint64_t{1} << 40;

bool is_temporary(std::string_view prefix, std::string_view name) {
  const auto number = segment_number(prefix, name.substr(0, name.rfind('.')));
  return number && name == segment_temporary_name(prefix, *number);
}

bool has(const std::vector<env::FileInfo>& files, std::string_view name) {
  return std::any_of(files.begin(), files.end(),
                     [name](const env::FileInfo& file) { return file.name == name; });
}

// What an earlier recovery has left for people: it ended, so nobody needs it any more.
Result<void> make_room(env::Disk& disk, const std::vector<env::FileInfo>& files) {
  std::vector<env::DiskOperation> operations;
  for (const env::FileInfo& file : files) {
    if (file.name.starts_with(kDamaged)) operations.push_back(env::RemoveFile{file.name});
  }
  if (operations.empty()) return {};
  operations.push_back(env::SyncFolder{});
  return disk.run(operations);
}

}  // namespace

Result<FolderState> folder_state(env::Disk& disk) {
  auto files = disk.list();
  if (!files) return files.error();
  if (has(*files, kSettingAside)) return FolderState::setting_aside;
  return has(*files, kRecovering) ? FolderState::recovering : FolderState::whole;
}

Result<std::vector<std::string>> damaged_snapshots(env::Disk& disk, GroupId group) {
  auto files = disk.list();
  if (!files) return files.error();
  std::vector<std::string> damaged;
  for (const env::FileInfo& file : *files) {
    if (!is_snapshot(file.name, group)) continue;
    auto bytes = disk.read(file.name, kSnapshotLimit);
    if (!bytes) return bytes.error();
    const auto read = read_snapshot(file.name, *bytes, [](std::string_view) { return true; });
    if (read) continue;
    if (is_newer_snapshot(*bytes)) return read.error();
    damaged.push_back(file.name);
  }
  return damaged;
}

Result<std::vector<std::string>> set_aside(env::Disk& disk, std::string_view log_prefix,
                                           const std::vector<std::string>& snapshots,
                                           Incarnation start, std::string_view why) {
  auto files = disk.list();
  if (!files) return files.error();
  // A log that was begun during recovery: nobody was promised anything by it.
  const bool again = has(*files, kRecovering);
  if (!again && !has(*files, kSettingAside)) {
    if (auto done = make_room(disk, *files); !done) return done.error();
  }
  const std::string begun(kSettingAside);
  std::vector<env::DiskOperation> operations{
      env::RemoveFile{begun}, env::WriteFile{begun, 0, {SharedBytes(std::string(why))}},
      env::SyncFile{begun}, env::SyncFolder{}};
  if (auto done = disk.run(operations); !done) return done.error();

  operations.clear();
  std::vector<std::string> names;
  for (const env::FileInfo& file : *files) {
    const bool log = segment_number(log_prefix, file.name).has_value();
    if (is_temporary(log_prefix, file.name) || (log && again)) {
      operations.push_back(env::RemoveFile{file.name});
    } else if (log || std::count(snapshots.begin(), snapshots.end(), file.name) != 0) {
      names.push_back(fmt::format("{}{}-{}", kDamaged, start, file.name));
      operations.push_back(env::RenameFile{file.name, names.back()});
    }
  }
  operations.push_back(env::SyncFolder{});
  operations.push_back(env::RenameFile{begun, std::string(kRecovering)});
  operations.push_back(env::SyncFolder{});
  if (auto done = disk.run(operations); !done) return done.error();
  return names;
}

std::vector<env::DiskOperation> end_of_recovery() {
  return {env::RemoveFile{std::string(kRecovering)}, env::SyncFolder{}};
}

}  // namespace holdfast::storage
