// Bytes that several owners look at: the disk, each follower and apply share one buffer.
//
// A SharedBytes is an immutable view with a counted owner. Copying it copies a pointer; a part()
// shares the owner. The bytes live as long as any view of them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace holdfast {

class SharedBytes {
 public:
  SharedBytes() = default;
  // Takes ownership of the string's bytes.
  explicit SharedBytes(std::string bytes)
      : owner_(std::make_shared<const std::string>(std::move(bytes))), view_(*owner_) {}

  // Shares the string, which nobody changes while there is any view of it.
  explicit SharedBytes(std::shared_ptr<const std::string> owner)
      : owner_(std::move(owner)), view_(*owner_) {}

  std::string_view view() const { return view_; }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }

  // A view of [offset, offset + length) that keeps the same owner.
  // REQUIRES: the range lies inside.
  SharedBytes part(std::size_t offset, std::size_t length) const {
    CHECK(offset <= view_.size() && length <= view_.size() - offset);
    SharedBytes result = *this;
    result.view_ = view_.substr(offset, length);
    return result;
  }

 private:
  std::shared_ptr<const std::string> owner_;
  std::string_view view_;
};

}  // namespace holdfast
