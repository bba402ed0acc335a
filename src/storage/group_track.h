// Where a group's log stands after a record: the same rules for the writer, which keeps them, and
// for recovery, which checks them.
#pragma once

#include <string>

#include "base/ids.h"
#include "storage/log_format.h"

namespace holdfast::storage {

struct GroupTrack {
  Epoch promise;
  Index before;  // entries up to here are not needed any more
  Epoch before_epoch;
  Index last;  // >= before

  bool operator==(const GroupTrack&) const = default;

  // Empty: this record may come next. Otherwise what is wrong with it, for people.
  // Start records are not judged here.
  std::string objection(const RecordHeader& record) const;
  // REQUIRES: no objection.
  void apply(const RecordHeader& record);
};

}  // namespace holdfast::storage
