// A file whose content nobody else may know.
#pragma once

#include <string>

#include "base/result.h"

namespace holdfast::os {

// More than this is no secret but another file, named by mistake.
inline constexpr std::size_t kLargestSecretFile = 4096;

// The whole content. Refused, with an error that names the file and says what to do: what cannot be
// read, is no regular file, is empty or larger than kLargestSecretFile, and what users other than
// the owner and the group may read, or others than the owner may change. Blocks.
Result<std::string> read_secret_file(const std::string& path);

}  // namespace holdfast::os
