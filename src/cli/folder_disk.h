// The disk interface over a folder for tools that run alone: what is submitted is done when the
// tool says so. Blocks. For a folder that is only to be looked at nothing is ever written: removals
// and syncs, which reading asks for to tidy up, are passed over.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "env/disk.h"
#include "os/folder.h"

namespace holdfast::cli {

class FolderDisk final : public env::Disk {
 public:
  enum class Use { look, write };

  // Locks the folder: an error while a server uses it. With `look` it must be there.
  static Result<std::unique_ptr<FolderDisk>> open(const std::string& path, Use use);

  // Everything submitted, in order, and what that submits.
  void work();

  void submit(env::Lane lane, env::DiskJob job) override;
  Result<void> run(std::span<const env::DiskOperation> operations) override;
  Result<std::vector<env::FileInfo>> list() override { return folder_->list(); }
  Result<std::string> read(std::string_view name, std::uint64_t limit) override {
    return folder_->read(name, limit);
  }
  Result<std::uint64_t> free_space() override { return folder_->free_space(); }

 private:
  FolderDisk(std::unique_ptr<os::Folder> folder, Use use) : folder_(std::move(folder)), use_(use) {}

  std::unique_ptr<os::Folder> folder_;
  Use use_;
  std::deque<env::DiskJob> jobs_;
};

}  // namespace holdfast::cli
