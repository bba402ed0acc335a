// One segment: record after record, and the judgement of its end.

#include <algorithm>
#include <optional>
#include <utility>

#include "base/mutation.h"
#include "storage/log_format.h"
#include "storage/recovery.h"

namespace holdfast::storage {
namespace {

// What an error about a log file always says after what it found.
constexpr std::string_view kWhatNow =
    "Nothing has been changed on disk. Entries that were acknowledged may be unreadable here, so "
    "this node must not go on with less. If the cluster's other nodes are well, their copies are "
    "whole: keep this folder aside and replace the node. If not, check the disk, then restore the "
    "folder from a backup or ask for help with a copy of it.";

class SegmentReader {
 public:
  SegmentReader(std::string_view name, std::uint64_t number, std::string_view bytes,
                const LogOptions& options, bool first, std::map<GroupId, GroupReplay>& groups,
                std::map<GroupId, Index>& highest)
      : name_(name),
        bytes_(bytes),
        options_(options),
        folder_(options.folder_id),
        number_(number),
        first_(first),
        groups_(groups),
        highest_(highest) {}

  Result<SegmentEnd> read() {
    if (auto header = check_header(); !header) return header.error();
    std::uint64_t offset = kSegmentHeaderBytes;
    while (const auto header = record_at(offset)) {
      const std::uint64_t size = record_bytes(header->length);
      if (size > bytes_.size() - offset)
        return damaged(offset, "the record is longer than the file");
      const std::string_view payload = part(offset + kRecordHeaderBytes, header->length);
      if (!whole(*header, payload, part(offset, size))) return judge_cut_record(*header, payload);
      if (const auto wrong = replay(*header, payload); !wrong.empty())
        return damaged(offset, wrong);
      offset += size;
      ++records_;
      if (header->kind == RecordKind::start) ++starts_;
    }
    return judge_end(offset);
  }

 private:
  Result<void> check_header() const {
    SegmentHeader header;
    if (const auto wrong = decode(bytes_, header); !wrong.empty()) return damaged(0, wrong);
    if (header.version > kLogVersion) {
      return Error{
          fmt::format("{}: written in version {} of the log's format; this program knows "
                      "up to {}. Nothing has been changed. Start this folder with the "
                      "newer program that wrote it.",
                      name_, header.version, kLogVersion)};
    }
    if (header.folder != folder_) {
      return Error{
          fmt::format("{}: belongs to another data folder ({:016x}; this one is {:016x}). "
                      "Nothing has been changed. Put each node's files back into its own "
                      "folder.",
                      name_, header.folder, folder_)};
    }
    if (header.segment != number_) {
      return damaged(0, fmt::format("it was written as log file {:x}", header.segment));
    }
    if (header.size != bytes_.size()) {
      return damaged(
          std::min<std::uint64_t>(header.size, bytes_.size()),
          fmt::format("the file has {} bytes instead of {}", bytes_.size(), header.size));
    }
    return {};
  }

  // A header that is good and lies where it says.
  std::optional<RecordHeader> record_at(std::uint64_t offset) const {
    const auto header = decode_record_header(part(offset, kRecordHeaderBytes));
    if (!header || header->place != Place{folder_, number_, offset}) return std::nullopt;
    return header;
  }

  static bool whole(const RecordHeader& header, std::string_view payload, std::string_view record) {
    if (mutated(Mutation::damage_accepted)) return true;
    return content_of(header, payload) == header.content &&
           all_zero(record.substr(kRecordHeaderBytes + payload.size()));
  }

  std::string replay(const RecordHeader& header, std::string_view payload) {
    if (header.kind == RecordKind::start) return replay_start(header, payload);
    GroupReplay& group = groups_[header.group];
    if (auto wrong = group.track.objection(header); !wrong.empty()) {
      return fmt::format("group {}: {}", header.group, wrong);
    }
    group.track.apply(header);
    if (header.kind == RecordKind::entry) {
      group.entries.push_back({header.index, header.epoch, header.entry_kind, header.content,
                               SharedBytes(std::string(payload))});
      Index& highest = highest_[header.group];
      highest = std::max(highest, header.index);
    } else {
      shorten(group);
    }
    return "";
  }

  // Keeps only the entries that the track still has.
  static void shorten(GroupReplay& group) {
    auto& entries = group.entries;
    while (!entries.empty() && entries.back().index > group.track.last) entries.pop_back();
    while (!entries.empty() && entries.front().index <= group.track.before) entries.pop_front();
    group.missing = std::min(group.missing, group.track.last);
  }

  std::string replay_start(const RecordHeader& header, std::string_view payload) {
    const auto body = decode_start_body(payload);
    if (!body || body->last < header.index) return "a start record without a sense";
    const GroupTrack stated{body->promise, header.index, header.epoch, body->last};
    const auto [known, is_new] = groups_.try_emplace(header.group);
    if (is_new && first_) {
      known->second.track = stated;
      known->second.missing = stated.last;
      return "";
    }
    if (is_new || known->second.track != stated) {
      return fmt::format(
          "group {} stood elsewhere at the end of the file before this one: "
          "records are missing there",
          header.group);
    }
    return "";
  }

  // ---- The end ----

  // The header is good, what follows it is not: torn if a sector of it never arrived.
  Result<SegmentEnd> judge_cut_record(const RecordHeader& header, std::string_view payload) const {
    const std::uint64_t offset = header.place.offset;
    if (mutated(Mutation::damage_cut_off)) return judge_torn(offset);
    if (count_zero_sectors(payload, offset + kRecordHeaderBytes) <= header.zero_sectors) {
      return damaged(offset, "the content of the record fails its checksum");
    }
    return judge_torn(offset);
  }

  // No good record begins at `offset`.
  Result<SegmentEnd> judge_end(std::uint64_t offset) const {
    const std::string_view rest = bytes_.substr(static_cast<std::size_t>(offset));
    if (all_zero(rest)) return SegmentEnd{offset, 0, records_, starts_};
    if (const auto header = decode_record_header(rest)) {
      return damaged(
          offset, fmt::format("a record lies here that belongs into log file {:x} of "
                              "folder {:016x}, offset {}",
                              header->place.segment, header->place.folder, header->place.offset));
    }
    const bool believed = mutated(Mutation::damage_cut_off);
    if (rest.size() < kRecordHeaderBytes || !(header_sector_lost(offset) || believed)) {
      return damaged(offset, "the header of the record fails its checksum");
    }
    return judge_torn(offset);
  }

  // A sector is written whole or not at all: if the one in which the record's header lies, in part
  // or whole, is zero from the record on, it never arrived.
  bool header_sector_lost(std::uint64_t offset) const {
    std::uint64_t at = offset;
    while (at < offset + kRecordHeaderBytes) {
      const std::uint64_t sector_end = (at / kSectorBytes + 1) * kSectorBytes;
      if (all_zero(part(at, sector_end - at))) return true;
      at = sector_end;
    }
    return false;
  }

  // A write that a crash cut short, unless what follows was written when this was durable.
  Result<SegmentEnd> judge_torn(std::uint64_t offset) const {
    for (std::uint64_t at = offset + kRecordAlignment; at + kRecordHeaderBytes <= bytes_.size();
         at += kRecordAlignment) {
      if (bytes_[static_cast<std::size_t>(at)] == 0) continue;
      const auto header = record_at(at);
      if (mutated(Mutation::torn_whatever_follows)) break;
      if (header && header->chain > offset && !mutated(Mutation::damage_cut_off)) {
        return damaged(offset, fmt::format("the record is unreadable, and one at offset {} was "
                                           "written after it had reached the disk",
                                           at));
      }
    }
    const std::size_t last = bytes_.find_last_not_of('\0');
    const std::uint64_t torn = last == std::string_view::npos ? 0 : last + 1 - offset;
    return SegmentEnd{offset, torn, records_, starts_};
  }

  std::string_view part(std::uint64_t offset, std::uint64_t length) const {
    if (offset >= bytes_.size()) return {};
    return bytes_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
  }

  Error damaged(std::uint64_t offset, std::string_view what) const {
    if (options_.damage != nullptr) {
      *options_.damage = fmt::format("{}, offset {}: {}", name_, offset, what);
    }
    return {
        fmt::format("{}, offset {}: the log is damaged: {}. {}", name_, offset, what, kWhatNow)};
  }

  std::string_view name_;
  std::string_view bytes_;
  const LogOptions& options_;
  std::uint64_t folder_;
  std::uint64_t number_;
  bool first_;
  std::map<GroupId, GroupReplay>& groups_;
  std::map<GroupId, Index>& highest_;
  std::uint64_t records_ = 0;
  std::uint64_t starts_ = 0;
};

}  // namespace

Result<SegmentEnd> read_segment(std::string_view name, std::uint64_t number, std::string_view bytes,
                                const LogOptions& options, bool first,
                                std::map<GroupId, GroupReplay>& groups,
                                std::map<GroupId, Index>& highest) {
  return SegmentReader(name, number, bytes, options, first, groups, highest).read();
}

}  // namespace holdfast::storage
