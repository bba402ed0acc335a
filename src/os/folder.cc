#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace holdfast::os {
namespace {

constexpr const char* kLockName = "lock";
// Open files that are kept; above this the cache starts anew. A log has a handful.
constexpr std::size_t kOpenFilesMax = 64;
constexpr std::size_t kZeroBlock = 1 << 20;
constexpr int kLockAttempts = 60;
constexpr auto kLockPause = std::chrono::milliseconds(50);

std::string reason() { return ::strerror(errno); }

template <class Call>
auto retry_interrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

std::string parent_of(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const auto slash = trimmed.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : trimmed.substr(0, slash);
}

Error cannot_make(const std::string& path) {
  const std::string parent = parent_of(path);
  if (errno == ENOENT) {
    return {
        fmt::format("cannot make the data folder {}: its parent {} does not exist. Create "
                    "that first, or name another data folder with --data.",
                    path, parent)};
  }
  return {
      fmt::format("cannot make the data folder {}: {}. Allow user {} to write in {}, or name "
                  "another data folder with --data.",
                  path, reason(), ::geteuid(), parent)};
}

// The new folder's name must survive a crash as well as what will be in it.
Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) != 0) {
    if (errno == EEXIST) return {};
    return cannot_make(path);
  }
  const std::string parent = parent_of(path);
  const Descriptor descriptor(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) {
    return Error{fmt::format("cannot sync {}, where the data folder {} was just made: {}", parent,
                             path, reason())};
  }
  return {};
}

Result<std::unique_ptr<Descriptor>> lock_folder(const std::string& path, int folder) {
  auto lock = std::make_unique<Descriptor>(
      ::openat(folder, kLockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (lock->get() < 0) {
    return Error{
        fmt::format("the data folder {} cannot be written: {}. Allow user {} to write "
                    "there, or name another data folder with --data.",
                    path, reason(), ::geteuid())};
  }
  // A process that was just killed holds its lock until the sync that it was in returns.
  for (int attempt = 0; ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if ((errno == EWOULDBLOCK || errno == EINTR) && attempt < kLockAttempts) {
      std::this_thread::sleep_for(kLockPause);
      continue;
    }
    const std::string why = errno == EWOULDBLOCK ? "it holds the lock" : reason();
    return Error{
        fmt::format("the data folder {} is in use by another process ({}). Stop that one, or name "
                    "another data folder with --data.",
                    path, why)};
  }
  return lock;
}

// Writes all of the vectors, which it uses up. False: errno says why.
bool write_all(int fd, std::vector<iovec>& vectors, std::uint64_t offset) {
  std::size_t first = 0;
  while (first < vectors.size()) {
    const auto count = static_cast<int>(std::min<std::size_t>(vectors.size() - first, IOV_MAX));
    const ssize_t wrote = retry_interrupted(
        [&] { return ::pwritev(fd, &vectors[first], count, static_cast<off_t>(offset)); });
    if (wrote < 0) return false;
    auto left = static_cast<std::size_t>(wrote);
    offset += left;
    while (first < vectors.size() && left >= vectors[first].iov_len) {
      left -= vectors[first++].iov_len;
    }
    if (left > 0) {
      vectors[first].iov_base = static_cast<char*>(vectors[first].iov_base) + left;
      vectors[first].iov_len -= left;
    }
  }
  return true;
}

// False: errno says why. What a system or a file cannot do is no error.
bool let_go(int fd, std::uint64_t offset, std::size_t bytes) {
  constexpr unsigned kWritten = SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  const int done = ::sync_file_range(fd, static_cast<off64_t>(offset), static_cast<off64_t>(bytes),
                                     kWritten);
  // What the disk refused is said once only, here instead of at the sync.
  if (done != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT)) return false;
  // The next bytes then go where these were: fresh memory can be slow to get, and whoever shares the machine
  // keeps his. A hint: nothing is wrong if it is not taken.
  ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
  return true;
}

// Really written zeros, not only reserved blocks: a later datasync then has no block map to
// change. Synced block by block, so that the log next door does not wait behind all of it.
bool fill_with_zeros(int fd, std::uint64_t size) {
  if (size > 0 && ::fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0 && errno != EOPNOTSUPP) {
    return false;
  }
  const std::string zeros(static_cast<std::size_t>(std::min<std::uint64_t>(size, kZeroBlock)),
                          '\0');
  for (std::uint64_t offset = 0; offset < size; offset += zeros.size()) {
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
    std::vector<iovec> vectors{{const_cast<char*>(zeros.data()), length}};
    if (!write_all(fd, vectors, offset) || ::fdatasync(fd) != 0) return false;
  }
  return true;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<Folder>> Folder::open(const std::string& path) {
  if (auto made = make_folder(path); !made) return made.error();
  auto folder =
      std::make_unique<Descriptor>(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder->get() < 0) {
    return Error{
        fmt::format("the data folder {} cannot be opened: {}. Name a folder that user "
                    "{} may use with --data.",
                    path, reason(), ::geteuid())};
  }
  auto lock = lock_folder(path, folder->get());
  if (!lock) return lock.error();
  return std::unique_ptr<Folder>(new Folder(path, std::move(folder), std::move(*lock)));
}

Result<void> Folder::carry_out(const env::DiskOperation& operation) {
  struct Visitor {
    Folder& self;
    Result<void> operator()(const env::CreateFile& o) { return self.create(o); }
    Result<void> operator()(const env::WriteFile& o) { return self.write(o); }
    Result<void> operator()(const env::ResizeFile& o) { return self.resize(o); }
    Result<void> operator()(const env::SyncFile& o) { return self.sync(o); }
    Result<void> operator()(const env::SyncFolder&) { return self.sync_folder(); }
    Result<void> operator()(const env::RenameFile& o) { return self.rename(o); }
    Result<void> operator()(const env::RemoveFile& o) { return self.remove(o); }
    Result<void> operator()(const env::ReadFile& o) { return self.read_part(o); }
  };
  return std::visit(Visitor{*this}, operation);
}

Result<void> Folder::create(const env::CreateFile& operation) {
  CHECK(operation.name.find('/') == std::string::npos);
  const auto opened = std::make_shared<Descriptor>(
      ::openat(folder_->get(), operation.name.c_str(),
               O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (opened->get() < 0) return failed("create", operation.name);
  if (!fill_with_zeros(opened->get(), operation.size)) {
    const Error error =
        failed(fmt::format("allocate {} bytes for", operation.size), operation.name);
    // What could be had of a full disk is given back.
    ::unlinkat(folder_->get(), operation.name.c_str(), 0);
    return error;
  }
  const std::lock_guard guard(mutex_);
  files_[operation.name] = opened;
  return {};
}

Result<void> Folder::write(const env::WriteFile& operation) {
  auto opened = file(operation.name, IfMissing::create);
  if (!opened) return opened.error();
  std::vector<iovec> vectors;
  vectors.reserve(operation.parts.size());
  std::size_t bytes = 0;
  for (const SharedBytes& part : operation.parts) {
    if (part.empty()) continue;
    vectors.push_back({const_cast<char*>(part.view().data()), part.size()});
    bytes += part.size();
  }
  const int fd = (*opened)->get();
  if (!write_all(fd, vectors, operation.offset) ||
      (operation.let_go && !let_go(fd, operation.offset, bytes))) {
    return failed(fmt::format("write {} bytes at offset {} of", bytes, operation.offset),
                  operation.name);
  }
  return {};
}

Result<void> Folder::resize(const env::ResizeFile& operation) {
  auto opened = file(operation.name, IfMissing::fail);
  if (!opened) return opened.error();
  const auto size = static_cast<off_t>(operation.size);
  if (retry_interrupted([&] { return ::ftruncate((*opened)->get(), size); }) != 0) {
    return failed(fmt::format("resize to {} bytes", operation.size), operation.name);
  }
  return {};
}

Result<void> Folder::sync(const env::SyncFile& operation) {
  auto opened = file(operation.name, IfMissing::fail);
  if (!opened) return opened.error();
  // Interrupted is an error like any other: what reached the disk is not known any more.
  if (::fdatasync((*opened)->get()) != 0) return failed("sync", operation.name);
  return {};
}

Result<void> Folder::sync_folder() {
  if (::fsync(folder_->get()) != 0) return failed("sync the folder", "");
  return {};
}

Result<void> Folder::rename(const env::RenameFile& operation) {
  CHECK(operation.to.find('/') == std::string::npos);
  forget(operation.from);
  forget(operation.to);
  if (::renameat(folder_->get(), operation.from.c_str(), folder_->get(), operation.to.c_str()) !=
      0) {
    return failed(fmt::format("give the name {} to", operation.to), operation.from);
  }
  return {};
}

Result<void> Folder::remove(const env::RemoveFile& operation) {
  const auto opened = file(operation.name, IfMissing::fail);
  forget(operation.name);
  if (::unlinkat(folder_->get(), operation.name.c_str(), 0) != 0 && errno != ENOENT) {
    return failed("remove", operation.name);
  }
  struct stat status {};
  if (!opened || ::fstat((*opened)->get(), &status) != 0) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size >= Remains::kLeast) remains_.take(*opened, size);
  return {};
}

Result<void> Folder::read_part(const env::ReadFile& operation) {
  auto opened = file(operation.name, IfMissing::fail);
  if (!opened) return opened.error();
  struct stat status {};
  if (::fstat((*opened)->get(), &status) != 0) return failed("look at", operation.name);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // Never more memory than there is file, whatever was asked for.
  const std::uint64_t begin = std::min(operation.offset, size);
  const std::uint64_t length = std::min(operation.length, size - begin);
  std::string& out = *operation.out;
  out.resize(static_cast<std::size_t>(length));
  // Advice: where it is not taken the bytes come from memory, and nobody is worse off.
  const auto drop_cached = [&] {
    if (!operation.past_cache) return;
    ::posix_fadvise((*opened)->get(), static_cast<off_t>(begin), static_cast<off_t>(length),
                    POSIX_FADV_DONTNEED);
  };
  drop_cached();
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t count = retry_interrupted([&] {
      return ::pread((*opened)->get(), &out[got], out.size() - got,
                     static_cast<off_t>(begin + got));
    });
    if (count < 0) return failed(fmt::format("read at offset {} of", begin + got), operation.name);
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  out.resize(got);
  drop_cached();  // it would only push out what is read more often
  return {};
}

Result<std::vector<env::FileInfo>> Folder::list() const {
  const int fd = ::openat(folder_->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = fd < 0 ? nullptr : ::fdopendir(fd);
  if (stream == nullptr) {
    const Error error = failed("list", "");
    if (fd >= 0) ::close(fd);
    return error;
  }
  std::vector<env::FileInfo> files;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    struct stat status {};
    const bool there = ::fstatat(folder_->get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && S_ISREG(status.st_mode) && std::string_view(entry->d_name) != kLockName) {
      files.push_back({entry->d_name, static_cast<std::uint64_t>(status.st_size)});
    }
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  errno = error;
  if (error != 0) return failed("list", "");
  std::sort(files.begin(), files.end(),
            [](const env::FileInfo& a, const env::FileInfo& b) { return a.name < b.name; });
  return files;
}

Result<std::string> Folder::read(std::string_view name, std::uint64_t limit) {
  const std::string owned(name);
  auto opened = file(owned, IfMissing::fail);
  if (!opened) return opened.error();
  struct stat status {};
  if (::fstat((*opened)->get(), &status) != 0) return failed("look at", name);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit) {
    return Error{fmt::format("{}/{} has {} bytes, more than the {} that may be read", path_, name,
                             size, limit)};
  }
  std::string bytes;
  if (auto done = read_part({owned, 0, size, &bytes}); !done) return done.error();
  return bytes;
}

Result<std::uint64_t> Folder::free_space() const {
  struct statvfs status {};
  if (::fstatvfs(folder_->get(), &status) != 0) return failed("ask for the free space of", "");
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

Result<Folder::File> Folder::file(const std::string& name, IfMissing if_missing) {
  CHECK(name.find('/') == std::string::npos);
  const std::lock_guard guard(mutex_);
  if (const auto found = files_.find(name); found != files_.end()) return found->second;
  const int create = if_missing == IfMissing::create ? O_CREAT : 0;
  auto opened = std::make_shared<Descriptor>(
      ::openat(folder_->get(), name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | create, 0640));
  if (opened->get() < 0) return failed("open", name);
  if (files_.size() >= kOpenFilesMax) files_.clear();
  files_[name] = opened;
  return opened;
}

void Folder::forget(const std::string& name) {
  const std::lock_guard guard(mutex_);
  files_.erase(name);
}

Error Folder::failed(std::string_view what, std::string_view name) const {
  const bool no_space = errno == ENOSPC || errno == EDQUOT;
  const std::string why = reason();
  return {fmt::format("cannot {} {}{}{}: {}", what, path_, name.empty() ? "" : "/", name, why),
          no_space};
}

}  // namespace holdfast::os
