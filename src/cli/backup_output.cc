#include "cli/backup_output.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace holdfast::cli {
namespace {

// More than memory holds is not read; what is announced wrongly is not believed.
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 40;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

OutputFile::OutputFile(int fd, std::string path)
    : fd_(fd), path_(std::move(path)), temporary_(path_ + ".partial") {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)) {}

OutputFile::~OutputFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Error OutputFile::failed(std::string_view what) const {
  return {fmt::format("cannot {} {}: {}; nothing was left behind", what, temporary_,
                      ::strerror(errno))};
}

Result<OutputFile> OutputFile::create(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) {
    return Error{fmt::format("{} is there already; nothing was done. Choose another name", path)};
  }
  const std::string temporary = path + ".partial";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Error{
        fmt::format("cannot create {}: {}; nothing was done", temporary, ::strerror(errno))};
  }
  return OutputFile(fd, path);
}

Result<void> OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write to");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> OutputFile::sync() {
  if (::fsync(fd_) != 0) return failed("sync");
  return {};
}

Result<void> OutputFile::finish() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("rename");
  ::close(std::exchange(fd_, -1));
  const std::string folder = folder_of(path_);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (synced) return {};
  return Error{
      fmt::format("{} is written, but its folder cannot be synced: {}. It may be gone "
                  "after a power failure; make another backup, on another disk",
                  path_, ::strerror(why))};
}

Result<std::string> read_file(const std::string& path) {
  const auto failed = [&path](const char* what) {
    return Error{
        fmt::format("cannot {} {}: {}; nothing was changed", what, path, ::strerror(errno))};
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("open");
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > kMaxBytes) {
    ::close(fd);
    return Error{fmt::format("{} is no file that could be a backup; nothing was changed", path)};
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t more =
        ::read(fd, bytes.data() + got, std::min(bytes.size() - got, std::size_t{1} << 30));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  const bool whole = got == bytes.size();
  const Error error = whole ? Error{} : failed("read");
  ::close(fd);
  if (!whole) return error;
  return bytes;
}

}  // namespace holdfast::cli
