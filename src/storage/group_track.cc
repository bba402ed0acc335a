#include "storage/group_track.h"

#include <fmt/format.h>

#include "base/check.h"

namespace holdfast::storage {

std::string GroupTrack::objection(const RecordHeader& record) const {
  const Index index = record.index;
  switch (record.kind) {
    case RecordKind::start:
      return "a start record in the middle";
    case RecordKind::promise:
      if (record.epoch >= promise) return "";
      return fmt::format("promise {} after promise {}", record.epoch, promise);
    case RecordKind::entry:
      if (index == last.next()) return "";
      return fmt::format("entry {} after entry {}", index, last);
    case RecordKind::cut:
      if (index > before && index <= last.next()) return "";
      return fmt::format("a cut from {} of a log from {} to {}", index, before.next(), last);
    case RecordKind::forget:
      if (index > before && index <= last) return "";
      return fmt::format("forgetting up to {} of a log from {} to {}", index, before.next(), last);
    case RecordKind::reset:
      if (index >= before) return "";
      return fmt::format("a reset to {}, before {}", index, before);
  }
  return fmt::format("a record of the unknown kind {}", static_cast<int>(record.kind));
}

void GroupTrack::apply(const RecordHeader& record) {
  const std::string wrong = objection(record);
  CHECK(wrong.empty(), "group {}: {}", record.group, wrong);
  switch (record.kind) {
    case RecordKind::start:
      break;
    case RecordKind::promise:
      promise = record.epoch;
      break;
    case RecordKind::entry:
      last = record.index;
      break;
    case RecordKind::cut:
      last = record.index.previous();
      break;
    case RecordKind::reset:
      last = record.index;
      [[fallthrough]];
    case RecordKind::forget:
      before = record.index;
      before_epoch = record.epoch;
      break;
  }
}

}  // namespace holdfast::storage
