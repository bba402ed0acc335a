// One folder of files, by system calls: what file_disk's lanes and its blocking calls share.
//
// Files stay open between calls, by name. A rename or a removal forgets the names it touches. The bytes of a
// large file that is removed are given back little by little (os/remains.h).
//
// Threads: any; the calls of one file from one thread at a time. Owns: the lock on the folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/disk.h"
#include "os/descriptor.h"
#include "os/remains.h"

namespace holdfast::os {

class Folder {
 public:
  // Makes the folder if only it is missing, and locks it against other processes.
  static Result<std::unique_ptr<Folder>> open(const std::string& path);

  Result<void> carry_out(const env::DiskOperation& operation);
  Result<std::vector<env::FileInfo>> list() const;
  Result<std::string> read(std::string_view name, std::uint64_t limit);
  Result<std::uint64_t> free_space() const;

 private:
  using File = std::shared_ptr<Descriptor>;
  enum class IfMissing { fail, create };

  Folder(std::string path, std::unique_ptr<Descriptor> folder, std::unique_ptr<Descriptor> lock)
      : path_(std::move(path)), folder_(std::move(folder)), lock_(std::move(lock)) {}

  Result<void> create(const env::CreateFile& operation);
  Result<void> write(const env::WriteFile& operation);
  Result<void> resize(const env::ResizeFile& operation);
  Result<void> sync(const env::SyncFile& operation);
  Result<void> sync_folder();
  Result<void> rename(const env::RenameFile& operation);
  Result<void> remove(const env::RemoveFile& operation);
  Result<void> read_part(const env::ReadFile& operation);

  Result<File> file(const std::string& name, IfMissing if_missing);
  void forget(const std::string& name);
  // "cannot <what> <path>/<name>: <the system's reason>", from errno.
  Error failed(std::string_view what, std::string_view name) const;

  std::string path_;
  std::unique_ptr<Descriptor> folder_;
  std::unique_ptr<Descriptor> lock_;
  std::mutex mutex_;
  std::map<std::string, File> files_;  // guarded by mutex_
  Remains remains_;
};

}  // namespace holdfast::os
