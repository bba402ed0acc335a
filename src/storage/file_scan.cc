#include "storage/file_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace holdfast::storage {

void FileScan::expect_whole(std::uint64_t bytes) {
  left_ = bytes;
  whole_ = true;
}

void FileScan::expect_parts(std::uint64_t bytes) {
  left_ = bytes;
  whole_ = false;
}

std::string FileScan::feed(std::string_view bytes) {
  while (true) {
    if (left_ == 0 && !ended_) {
      const std::string whole = std::exchange(buffer_, {});
      std::string wrong = whole_ ? on_whole(whole) : on_parts_end();
      if (!wrong.empty()) return fmt::format("offset {}: {}", begin_, wrong);
      begin_ = offset_;
      continue;
    }
    if (bytes.empty()) return "";
    if (ended_) return fmt::format("offset {}: something follows its end", offset_);
    const auto part =
        bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    bytes.remove_prefix(part.size());
    offset_ += part.size();
    left_ -= part.size();
    if (whole_) {
      buffer_ += part;
    } else if (std::string wrong = on_part(part); !wrong.empty()) {
      return fmt::format("offset {}: {}", begin_, wrong);
    }
  }
}

std::string FileScan::finish() const {
  return ended_ ? "" : fmt::format("offset {}: it ends too early", offset_);
}

}  // namespace holdfast::storage
