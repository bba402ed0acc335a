// Files that a setting names and that are read whole: the cluster's secret, certificates, keys.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::os {

// More than this is no secret but another file, named by mistake.
inline constexpr std::size_t kLargestSecretFile = 4096;

struct NamedFile {
  std::string_view what;     // for errors: "cannot use WHAT PATH: …"
  std::size_t largest = 0;   // bytes
  bool secret = false;       // nobody else may know its content
};

// The whole content. Refused, with an error that names the file and says what to do: what cannot be
// read, is no regular file, is empty or larger than `largest`; and a secret that users other than
// the owner and the group may read, or others than the owner may change. Blocks.
Result<std::string> read_named_file(const std::string& path, const NamedFile& file);
// A secret of at most kLargestSecretFile bytes.
Result<std::string> read_secret_file(const std::string& path);

}  // namespace holdfast::os
