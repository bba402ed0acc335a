#include "storage/snapshot_file.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/codec.h"
#include "base/mutation.h"
#include "storage/snapshot_format.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kPrefix = "snapshot-";
constexpr std::string_view kSnapshotSuffix = ".hfs";
constexpr std::string_view kSnapshotTemporary = ".tmp";
constexpr std::string_view kArriving = ".arriving";

// What follows the header.
class ChunkReader {
 public:
  ChunkReader(std::string_view name, std::string_view bytes, std::uint64_t begin)
      : name_(name), bytes_(bytes), offset_(begin), all_(checksum(bytes.substr(0, begin))) {}

  // Behind the last chunk that was good; after a success the trailer's offset.
  std::size_t offset() const { return offset_; }

  Result<void> read(const std::function<bool(std::string_view)>& on_chunk) {
    while (true) {
      Reader reader(bytes_.substr(offset_));
      const std::uint32_t magic = reader.u32();
      if (magic == kSnapshotTrailerMagic) return read_trailer();
      const std::uint32_t length = reader.u32();
      const std::uint64_t number = reader.u64();
      const std::uint64_t sum = reader.u64();
      if (!reader.ok()) return damaged_snapshot(name_, bytes_.size(), "it ends too early");
      if (magic != kSnapshotChunkMagic || number != chunks_ || length > kSnapshotChunkMax) {
        return damaged_snapshot(name_, offset_,
                                fmt::format("chunk {} does not begin here", chunks_));
      }
      const std::string_view chunk = reader.raw(length);
      if (!reader.ok()) return damaged_snapshot(name_, bytes_.size(), "it ends too early");
      if (snapshot_chunk_checksum(chunk, number) != sum) {
        return damaged_snapshot(name_, offset_, fmt::format("chunk {} fails its checksum", number));
      }
      if (!on_chunk(chunk)) {
        return damaged_snapshot(name_, offset_,
                                fmt::format("chunk {} could not be understood", number));
      }
      all_ = mix(all_, sum);
      ++chunks_;
      offset_ += kSnapshotChunkHeaderBytes + length;
    }
  }

 private:
  Result<void> read_trailer() const {
    if (bytes_.substr(offset_) == snapshot_trailer(chunks_, offset_, all_)) return {};
    return damaged_snapshot(name_, offset_, "its trailer does not match what is before it");
  }

  std::string_view name_;
  std::string_view bytes_;
  std::size_t offset_;
  std::uint64_t all_;  // checksums of everything so far, mixed in order
  std::uint64_t chunks_ = 0;
};

// The index, if the name is a finished snapshot of this group.
std::optional<Index> index_of(std::string_view name, std::string_view group_prefix) {
  if (!name.starts_with(group_prefix) || !name.ends_with(kSnapshotSuffix)) return std::nullopt;
  name.remove_prefix(group_prefix.size());
  name.remove_suffix(kSnapshotSuffix.size());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return Index(value);
}

std::string prefix_of(GroupId group) { return fmt::format("{}{}-", kPrefix, group); }

}  // namespace

// ---- Writing ------------------------------------------------------------------------------------

struct SnapshotWriter::State {
  env::Disk& disk;
  std::string name;
  std::string temporary;
  std::uint64_t bytes = 0;  // of the file so far
  std::uint64_t all = 0;    // as ChunkReader's
  std::uint64_t chunks = 0;
  std::uint64_t pending = 0;  // bytes of jobs that are not done
  bool finished = false;
  Result<void> first_error;

  // The jobs of the lane run in order; after an error nothing more is written.
  void append(const std::shared_ptr<State>& self, std::vector<SharedBytes> parts) {
    std::uint64_t size = 0;
    for (const SharedBytes& part : parts) size += part.size();
    std::vector<env::DiskOperation> operations;
    if (bytes == 0) operations.push_back(env::RemoveFile{temporary});
    operations.push_back(env::WriteFile{temporary, bytes, std::move(parts), true});
    bytes += size;
    pending += size;
    disk.submit(env::Lane::snapshots, {std::move(operations), [self, size](Result<void> result) {
                                          self->pending -= size;
                                          if (!result && self->first_error.ok())
                                            self->first_error = result;
                                        }});
  }
};

SnapshotWriter::SnapshotWriter(env::Disk& disk, const SnapshotHeader& header)
    : state_(std::make_shared<State>(State{disk,
                                           snapshot_name(header.group, header.mark.index),
                                           snapshot_temporary_name(header.group, header.mark.index),
                                           0,
                                           0,
                                           0,
                                           0,
                                           false,
                                           {}})) {
  SharedBytes bytes(encode_snapshot_header(header));
  state_->all = checksum(bytes.view());
  state_->append(state_, {std::move(bytes)});
}

SnapshotWriter::~SnapshotWriter() {
  if (state_->finished) return;
  state_->disk.submit(env::Lane::snapshots, {{env::RemoveFile{state_->temporary}}, nullptr});
}

void SnapshotWriter::add_chunk(SharedBytes chunk) {
  CHECK(!state_->finished && chunk.size() <= kSnapshotChunkMax);
  const std::uint64_t number = state_->chunks++;
  const std::uint64_t sum = snapshot_chunk_checksum(chunk.view(), number);
  state_->all = mix(state_->all, sum);
  SharedBytes head(snapshot_chunk_header(chunk.view(), number, sum));
  state_->append(state_, {std::move(head), std::move(chunk)});
}

std::uint64_t SnapshotWriter::pending() const { return state_->pending; }

void SnapshotWriter::finish(Done done) {
  CHECK(!std::exchange(state_->finished, true));
  state_->append(state_,
                 {SharedBytes(snapshot_trailer(state_->chunks, state_->bytes, state_->all))});
  // By the time this job's turn comes an earlier one may have failed without our knowing here, so
  // the name is given by a job of its own, once all of them have reported.
  auto name_it = [self = state_, done = std::move(done)](Result<void> result) {
    if (result.ok()) result = self->first_error;
    if (!result) {
      self->disk.submit(env::Lane::snapshots, {{env::RemoveFile{self->temporary}},
                                                [done, result](Result<void>) { done(result); }});
      return;
    }
    self->disk.submit(env::Lane::snapshots,
                      {{env::RenameFile{self->temporary, self->name}, env::SyncFolder{}}, done});
  };
  env::DiskOperation sync = env::SyncFile{state_->temporary};  // not in the list: see segments.cc
  if (mutated(Mutation::snapshot_not_synced)) sync = env::SyncFolder{};
  state_->disk.submit(env::Lane::snapshots, {{std::move(sync)}, std::move(name_it)});
}

const std::string& SnapshotWriter::name() const { return state_->name; }
std::uint64_t SnapshotWriter::bytes() const { return state_->bytes; }

// ---- Reading ------------------------------------------------------------------------------------

Result<SnapshotHeader> read_snapshot(std::string_view name, std::string_view bytes,
                                     const std::function<bool(std::string_view chunk)>& on_chunk) {
  auto opened = open_snapshot_header(name, bytes);
  if (!opened) return opened.error();
  if (auto read = ChunkReader(name, bytes, opened->bytes).read(on_chunk); !read) {
    return read.error();
  }
  return std::move(opened->header);
}

bool is_newer_snapshot(std::string_view bytes) { return is_newer(kSnapshotEnvelope, bytes); }

Result<SnapshotHeader> read_snapshot_header(std::string_view name, std::string_view bytes) {
  auto opened = open_snapshot_header(name, bytes);
  if (!opened) return opened.error();
  return std::move(opened->header);
}

Result<SnapshotIdentity> identify_snapshot(const SnapshotFile& file, std::string_view beginning,
                                           std::string_view end) {
  auto opened = open_snapshot_header(file.name, beginning);
  if (!opened) return opened.error();
  Reader reader(end);
  reader.u64();  // magic and zero, which trailer() makes again
  const std::uint64_t chunks = reader.u64();
  const std::uint64_t offset = reader.u64();
  const std::uint64_t all = reader.u64();
  if (file.size < kSnapshotTrailerBytes || offset != file.size - kSnapshotTrailerBytes ||
      end != snapshot_trailer(chunks, offset, all)) {
    return damaged_snapshot(file.name,
                            file.size - std::min<std::uint64_t>(file.size, kSnapshotTrailerBytes),
                            "it does not end with a trailer");
  }
  const SnapshotHeader& header = opened->header;
  return SnapshotIdentity{header.group, header.mark.index, header.mark.epoch, file.size, all};
}

std::size_t whole_snapshot_bytes(const SnapshotIdentity& snapshot, std::string_view bytes) {
  const auto opened = open_snapshot_header({}, bytes);
  if (!opened || bytes.size() > snapshot.size) return 0;
  const SnapshotHeader& header = opened->header;
  if (header.group != snapshot.group || header.mark.index != snapshot.index ||
      header.mark.epoch != snapshot.epoch) {
    return 0;
  }
  ChunkReader chunks({}, bytes, opened->bytes);
  const bool all = chunks.read([](std::string_view) { return true; }).ok();
  return all ? bytes.size() : chunks.offset();
}

Result<std::optional<SnapshotFile>> find_snapshot(env::Disk& disk, GroupId group) {
  auto files = disk.list();
  if (!files) return files.error();
  const std::string prefix = prefix_of(group);
  std::optional<SnapshotFile> newest;
  std::vector<env::DiskOperation> cleaning;
  for (const env::FileInfo& file : *files) {
    if (file.name.starts_with(prefix) && file.name.ends_with(kSnapshotTemporary)) {
      cleaning.push_back(env::RemoveFile{file.name});
    }
    const auto index = index_of(file.name, prefix);
    if (index && (!newest || *index > newest->index)) newest = {file.name, *index, file.size};
  }
  if (!cleaning.empty()) {
    cleaning.push_back(env::SyncFolder{});
    if (auto done = disk.run(cleaning); !done) return done.error();
  }
  return newest;
}

bool is_snapshot(std::string_view name, GroupId group) {
  return index_of(name, prefix_of(group)).has_value();
}

std::string snapshot_name(GroupId group, Index index) {
  return fmt::format("{}{:020}{}", prefix_of(group), index.value, kSnapshotSuffix);
}

std::string snapshot_temporary_name(GroupId group, Index index) {
  return snapshot_name(group, index).append(kSnapshotTemporary);
}

std::string snapshot_arriving_name(const SnapshotIdentity& snapshot) {
  return fmt::format("{}-{:x}-{:016x}-{:x}-{:016x}{}",
                     snapshot_name(snapshot.group, snapshot.index), snapshot.epoch.round,
                     snapshot.epoch.node.value, snapshot.size, snapshot.content, kArriving);
}

bool is_arriving_snapshot(std::string_view name) {
  return name.starts_with(kPrefix) && name.ends_with(kArriving);
}

}  // namespace holdfast::storage
