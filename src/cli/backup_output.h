// A file that appears under its name only when it is complete and on the disk. Blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::cli {

class OutputFile {
 public:
  // An error if there is a file of this name. Only its owner may read what is written: it holds all
  // of a cluster's data.
  static Result<OutputFile> create(const std::string& path);
  // What is not finished is removed.
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  Result<void> write(std::string_view bytes);
  Result<void> sync();
  const std::string& temporary() const { return temporary_; }
  // Gives it its name, durably. REQUIRES: sync() was the last call.
  Result<void> finish();

 private:
  OutputFile(int fd, std::string path);
  Error failed(std::string_view what) const;

  int fd_;
  std::string path_;
  std::string temporary_;
};

// The whole file. The error is for people.
Result<std::string> read_file(const std::string& path);

}  // namespace holdfast::cli
