// A file of a live node read once more, piece by piece and without keeping it: is it still what was
// written? What replaying a log or loading a snapshot would find out besides is not looked at: what
// was written was right then, and only the disk is doubted.
//
// Any pieces of a file give a verdict, never a crash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/log_format.h"

namespace holdfast::storage {

class FileScan {
 public:
  virtual ~FileScan() = default;

  // The next bytes of the file, from its beginning. What is wrong, with its offset, for people;
  // empty: nothing so far. After something was wrong nothing more is fed.
  std::string feed(std::string_view bytes);
  // The end has come: what is missing; empty: nothing.
  std::string finish() const;

 protected:
  // What comes next: so many bytes as a whole, or as they come. REQUIRES: a whole is small.
  void expect_whole(std::uint64_t bytes);
  void expect_parts(std::uint64_t bytes);
  // Nothing may follow.
  void expect_end() { ended_ = true; }
  // Where the step that is being taken began.
  std::uint64_t begin() const { return begin_; }

  // Each says what is wrong, or expects the next step.
  virtual std::string on_whole(std::string_view bytes) = 0;
  virtual std::string on_part(std::string_view bytes) = 0;
  virtual std::string on_parts_end() = 0;

 private:
  std::uint64_t offset_ = 0;  // of the next byte
  std::uint64_t begin_ = 0;
  std::uint64_t left_ = 0;  // of the step
  bool whole_ = false;
  bool ended_ = false;
  std::string buffer_;
};

std::unique_ptr<FileScan> scan_segment(const SegmentExtent& segment);

// A snapshot of so many bytes.
std::unique_ptr<FileScan> scan_snapshot(std::uint64_t size);

}  // namespace holdfast::storage
