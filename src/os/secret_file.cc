#include "os/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "os/descriptor.h"

namespace holdfast::os {
namespace {

// Everything for others, and writing for the group.
constexpr mode_t kForbidden = S_IRWXO | S_IWGRP;

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
  return read_named_file(path, {"the secret file", kLargestSecretFile, true});
}

Result<std::string> read_named_file(const std::string& path, const NamedFile& rules) {
  const auto refused = [&](std::string_view why) {
    return Error{fmt::format("cannot use {} {}: {}", rules.what, path, why)};
  };
  // A pipe would be waited for without an end.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return refused(::strerror(errno));
  if (!S_ISREG(status.st_mode)) return refused("it is no regular file");
  if (rules.secret && (status.st_mode & kForbidden) != 0) {
    return refused(
        fmt::format("other users of this machine may read or change it (mode {:03o}). "
                    "Make it the server's alone: chmod 600 {}. If others can have read "
                    "it, make a new one.",
                    status.st_mode & 0777, path));
  }
  std::string content(rules.largest + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > rules.largest) {
    return refused(fmt::format("it has more than {} bytes", rules.largest));
  }
  if (size == 0) return refused("it is empty");
  content.resize(size);
  return content;
}

}  // namespace holdfast::os
