#include "cli/folder_disk.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

namespace holdfast::cli {

Result<std::unique_ptr<FolderDisk>> FolderDisk::open(const std::string& path, Use use) {
  struct stat info {};
  const bool there = ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  if (use == Use::look && !there) {
    return Error{fmt::format("there is no folder {}; nothing was changed", path)};
  }
  auto folder = os::Folder::open(path);
  if (!folder) return folder.error();
  return std::unique_ptr<FolderDisk>(new FolderDisk(std::move(*folder), use));
}

void FolderDisk::work() {
  while (!jobs_.empty()) {
    const env::DiskJob job = std::move(jobs_.front());
    jobs_.pop_front();
    const auto done = run(job.operations);
    if (job.done) job.done(done);
  }
}

void FolderDisk::submit(env::Lane, env::DiskJob job) { jobs_.push_back(std::move(job)); }

Result<void> FolderDisk::run(std::span<const env::DiskOperation> operations) {
  for (const env::DiskOperation& operation : operations) {
    const bool tidies = std::holds_alternative<env::RemoveFile>(operation) ||
                        std::holds_alternative<env::SyncFolder>(operation);
    const bool reads = std::holds_alternative<env::ReadFile>(operation);
    if (use_ == Use::look && tidies) continue;
    if (use_ == Use::look && !reads) return Error{"this folder is only looked at"};
    if (auto done = folder_->carry_out(operation); !done) return done;
  }
  return {};
}

}  // namespace holdfast::cli
