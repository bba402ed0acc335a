#include "storage/segments.h"

#include <algorithm>
#include <utility>

#include "base/mutation.h"
#include "storage/log_format.h"

namespace holdfast::storage {
namespace {

// What a segment's header and padding cost at most, beside its records.
std::uint64_t segment_size_for(std::uint64_t bytes, std::uint64_t usual) {
  const std::uint64_t needed = kSegmentHeaderBytes + bytes;
  const std::uint64_t size = std::max(needed, usual);
  return (size + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

}  // namespace

Segments::Segments(env::Disk& disk, Trace& trace, const LogOptions& options, Log::Fatal fatal)
    : disk_(disk), trace_(trace), options_(options), fatal_(std::move(fatal)) {}

std::string Segments::name() const { return segment_name(options_.prefix, number()); }

Result<void> Segments::begin(const RecoveredLog& recovered) {
  live_.assign(recovered.segments.begin(), recovered.segments.end());
  if (auto made = live_.empty() ? make_first() : copy_tail(recovered); !made) return made;
  std::vector<env::DiskOperation> operations;
  // The newest first: a crash in between must not leave a gap.
  for (auto file = recovered.unused.rbegin(); file != recovered.unused.rend(); ++file) {
    operations.push_back(env::RemoveFile{*file});
    operations.push_back(env::SyncFolder{});
  }
  if (auto done = disk_.run(operations); !done) return done;
  prepare_next(0);
  return {};
}

Result<void> Segments::make_first() {
  constexpr std::uint64_t kFirst = 1;
  const std::uint64_t size = segment_size_for(0, options_.segment_bytes);
  auto operations = creation(kFirst, size);
  const SegmentHeader header{kLogVersion, options_.folder_id, kFirst, size};
  const std::string temporary = segment_temporary_name(options_.prefix, kFirst);
  operations.push_back(env::WriteFile{temporary, 0, {SharedBytes(encode(header))}});
  operations.push_back(env::SyncFile{temporary});
  operations.push_back(env::RenameFile{temporary, segment_name(options_.prefix, kFirst)});
  operations.push_back(env::SyncFolder{});
  live_.push_back({kFirst, size, {}, 0});
  return disk_.run(operations);
}

// The copy keeps its number and offsets, so its records lie where they say; the rename puts it in
// the old one's place as a whole.
Result<void> Segments::copy_tail(const RecoveredLog& recovered) {
  const std::string temporary = segment_temporary_name(options_.prefix, number());
  auto operations = creation(number(), size());
  operations.push_back(env::WriteFile{temporary, 0, {SharedBytes(recovered.tail)}});
  operations.push_back(env::SyncFile{temporary});
  operations.push_back(env::RenameFile{temporary, name()});
  operations.push_back(env::SyncFolder{});
  auto done = disk_.run(operations);
  if (!done) {
    return Error{
        fmt::format("{}. At each start the end of the log is copied to a fresh file, "
                    "which needs {} bytes. The log itself is whole and unchanged.",
                    done.error().message, size())};
  }
  return {};
}

std::vector<env::DiskOperation> Segments::creation(std::uint64_t number, std::uint64_t size) const {
  const std::string temporary = segment_temporary_name(options_.prefix, number);
  return {env::RemoveFile{temporary}, env::CreateFile{temporary, size}};
}

void Segments::note_entry(GroupId group, Index index) {
  Index& highest = live_.back().highest[group];
  highest = std::max(highest, index);
}

// ---- The next one -------------------------------------------------------------------------------

void Segments::prepare_next(std::uint64_t bytes) {
  if (next_ == Next::preparing || next_ready(bytes)) return;
  next_size_ = segment_size_for(bytes, options_.segment_bytes);
  // A full disk is not asked at every turn.
  if (!starved_) create();
}

bool Segments::next_ready(std::uint64_t bytes) const {
  return next_ == Next::ready && next_size_ >= segment_size_for(bytes, 0);
}

void Segments::try_again() {
  if (starved_ && next_ == Next::none) create();
}

void Segments::create() {
  next_ = Next::preparing;
  auto operations = creation(number() + 1, next_size_);
  // One that was made before and is too small gives its room back.
  operations.insert(operations.begin(),
                    env::RemoveFile{segment_name(options_.prefix, number() + 1)});
  disk_.submit(env::Lane::background, {std::move(operations), then(&Segments::on_created)});
}

void Segments::on_created(const Result<void>& result) {
  if (!result) {
    if (!result.error().no_space) return fatal_(result.error().message);
    next_ = Next::none;
    if (!std::exchange(starved_, true)) {
      trace_.warning("no room for the log's next file",
                     {{"bytes", fmt::to_string(next_size_)},
                      {"reason", result.error().message},
                      {"hint", "free some space on this disk: writes are refused until then"}});
    }
    return;
  }
  const std::uint64_t next = number() + 1;
  const std::string temporary = segment_temporary_name(options_.prefix, next);
  const SegmentHeader header{kLogVersion, options_.folder_id, next, next_size_};
  const std::string name = segment_name(options_.prefix, next);
  // Not chosen within the list: g++ 12 destroys what a condition makes there before it is copied.
  env::DiskOperation last = env::SyncFolder{};
  if (mutated(Mutation::name_not_synced)) last = env::SyncFile{name};
  disk_.submit(env::Lane::background,
               {{env::WriteFile{temporary, 0, {SharedBytes(encode(header))}},
                 env::SyncFile{temporary}, env::RenameFile{temporary, name}, std::move(last)},
                then(&Segments::on_prepared)});
}

void Segments::on_prepared(const Result<void>& result) {
  if (!result) return fatal_(result.error().message);
  next_ = Next::ready;
  if (std::exchange(starved_, false)) trace_.info("there is room for the log again");
}

void Segments::advance(std::uint64_t end) {
  CHECK(next_ == Next::ready);
  live_.back().end = end;
  live_.push_back({number() + 1, next_size_, {}, 0});
  next_ = Next::none;
  prepare_next(0);
}

// ---- Removal ------------------------------------------------------------------------------------

void Segments::remove_unneeded(const std::function<Index(GroupId)>& forgotten) {
  if (removing_ > 0) return;
  const auto needed = [&](const RecoveredSegment& segment) {
    return std::any_of(segment.highest.begin(), segment.highest.end(),
                       [&](const auto& entry) { return entry.second > forgotten(entry.first); });
  };
  std::vector<env::DiskOperation> operations;
  while (removing_ + 1 < live_.size() && !needed(live_[removing_])) {
    // One by one: after a crash no younger file may be missing while an older one is there.
    operations.push_back(env::RemoveFile{segment_name(options_.prefix, live_[removing_].number)});
    operations.push_back(env::SyncFolder{});
    ++removing_;
  }
  if (removing_ == 0) return;
  disk_.submit(env::Lane::background, {std::move(operations), then(&Segments::on_removed)});
}

void Segments::on_removed(const Result<void>& result) {
  if (!result) return fatal_(result.error().message);
  live_.erase(live_.begin(), live_.begin() + static_cast<std::ptrdiff_t>(removing_));
  removing_ = 0;
}

std::vector<SegmentExtent> Segments::extents(std::uint64_t durable) const {
  std::vector<SegmentExtent> extents;
  // Those on their way out, too: until they are gone the disk has them.
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const bool closed = i + 1 < live_.size();
    extents.push_back({.folder = options_.folder_id,
                       .number = live_[i].number,
                       .size = live_[i].size,
                       .end = closed ? live_[i].end : durable,
                       .closed = closed});
  }
  return extents;
}

std::map<GroupId, Index> Segments::highest_up_to(std::uint64_t number) const {
  std::map<GroupId, Index> highest;
  for (const RecoveredSegment& segment : live_) {
    if (segment.number > number) break;
    for (const auto& [group, index] : segment.highest) {
      highest[group] = std::max(highest[group], index);
    }
  }
  return highest;
}

std::uint64_t Segments::bytes() const {
  std::uint64_t sum = next_ == Next::ready ? next_size_ : 0;
  for (const RecoveredSegment& segment : live_) sum += segment.size;
  return sum;
}

template <class Method>
std::function<void(Result<void>)> Segments::then(Method method) {
  return [self = weak_from_this(), method](Result<void> result) {
    if (const auto alive = self.lock()) ((*alive).*method)(result);
  };
}

}  // namespace holdfast::storage
