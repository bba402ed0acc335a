// One write to the log in the making: records laid one after the other, payloads by view.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/log_format.h"

namespace holdfast::storage {

class Chain {
 public:
  // Will be written at `begin`, which gives the folder, the segment and where the chain begins.
  explicit Chain(const Place& begin) : begin_(begin), end_(begin.offset) {}

  // Fills in where the record lies and what follows from that.
  void add(RecordHeader header, const SharedBytes& payload);

  bool empty() const { return end_ == begin_.offset; }
  std::uint64_t begin() const { return begin_.offset; }
  std::uint64_t end() const { return end_; }
  // REQUIRES: nothing is added any more.
  std::vector<SharedBytes> take_parts();

 private:
  void seal();

  Place begin_;
  std::uint64_t end_;
  std::vector<SharedBytes> parts_;
  std::string scratch_;  // headers, padding and small payloads since the last shared part
};

}  // namespace holdfast::storage
