#include "storage/log.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "base/mutation.h"
#include "storage/chain.h"
#include "storage/group_track.h"
#include "storage/log_format.h"
#include "storage/recovery.h"
#include "storage/segments.h"

namespace holdfast::storage {
namespace {

// On a full disk this much of the last segment is kept for promises, cuts and what is under way.
constexpr std::uint64_t kReserveBytes = 8 << 20;
// How many flushes pass before a full disk is asked again.
constexpr std::uint64_t kFlushesBetweenTries = 64;
constexpr std::uint64_t kSegmentBytesMin = 4096;
constexpr std::uint64_t kStartRecordBytes = kRecordHeaderBytes + 24;

struct Queued {
  RecordHeader header;
  SharedBytes payload;
  std::uint64_t bytes() const { return record_bytes(payload.size()); }
};

struct Waiter {
  std::uint64_t record = 0;  // counts the records queued so far: the last one to wait for
  Log::Done done;
};

}  // namespace

struct Log::State : std::enable_shared_from_this<Log::State> {
  State(env::Disk& log_disk, Trace& log_trace, const LogOptions& log_options, Log::Fatal on_fatal)
      : disk(log_disk), trace(log_trace), options(log_options), fatal(std::move(on_fatal)) {}

  Result<void> open(LogRecovery& recovered);
  void adopt(const RecoveredLog& found, LogRecovery& recovered);
  void queue_record(const RecordHeader& header, SharedBytes payload);
  void wait_for_queued(Log::Done done);
  void start_chain();
  bool make_room(std::uint64_t bytes);
  void drop_queue();
  Chain fill_chain();
  void on_chain_done(std::uint64_t last_record, const Result<void>& result);
  void fail(const std::string& what);

  env::Disk& disk;
  Trace& trace;
  const LogOptions options;
  const Log::Fatal fatal;
  std::shared_ptr<Segments> segments;

  // Each group's position after all that is queued, and after all that is written or on its way.
  std::map<GroupId, GroupTrack> queued_tracks;
  std::map<GroupId, GroupTrack> written_tracks;

  std::deque<Queued> queue;
  std::uint64_t queued_bytes = 0;
  std::deque<Waiter> waiters;
  std::uint64_t records_queued = 0;   // ever
  std::uint64_t records_written = 0;  // ever, or on their way
  std::uint64_t offset = 0;           // of the next record in the segment that is written
  std::uint64_t durable = 0;          // up to here it is
  std::uint64_t syncs = 0;
  std::uint64_t flushes = 0;
  bool under_way = false;
  bool look_for_unneeded = true;  // since the last look something was forgotten or a segment ended
  bool failed = false;
  bool rolling = false;  // the segment that is written is to be left
};

// ---- Start --------------------------------------------------------------------------------------

Result<std::unique_ptr<Log>> Log::open(env::Disk& disk, Trace& trace, LogOptions options,
                                       Fatal fatal, LogRecovery& recovered) {
  CHECK(options.segment_bytes >= kSegmentBytesMin && options.segment_bytes <= kSegmentBytesMax);
  auto state = std::make_shared<State>(disk, trace, options, std::move(fatal));
  if (auto opened = state->open(recovered); !opened) return opened.error();
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

Result<void> Log::State::open(LogRecovery& recovered) {
  auto found = recover_log(disk, options);
  if (!found) return found.error();
  const auto on_fatal = [self = weak_from_this()](const std::string& what) {
    if (const auto alive = self.lock()) alive->fail(what);
  };
  segments = std::make_shared<Segments>(disk, trace, options, on_fatal);
  if (auto begun = segments->begin(*found); !begun) return begun;
  if (found->torn_bytes > 0) {
    trace.warning("the log ended in a write that was cut short and never acknowledged",
                  {{"dropped_bytes", fmt::to_string(found->torn_bytes)}});
  }
  adopt(*found, recovered);
  return {};
}

void Log::State::adopt(const RecoveredLog& found, LogRecovery& recovered) {
  offset = std::max<std::uint64_t>(found.tail.size(), kSegmentHeaderBytes);
  durable = offset;
  recovered = {};
  recovered.torn_bytes = found.torn_bytes;
  recovered.bytes_read = found.bytes_read;
  for (const auto& [group, replay] : found.groups) {
    const GroupTrack& track = replay.track;
    queued_tracks[group] = track;
    written_tracks[group] = track;
    recovered.groups.emplace_back(group,
                                  GroupRecovery{track.promise,
                                                track.before,
                                                track.before_epoch,
                                                {replay.entries.begin(), replay.entries.end()}});
  }
}

Log::Log(std::shared_ptr<State> state) : state_(std::move(state)) {}

Log::~Log() = default;

// ---- Queueing -----------------------------------------------------------------------------------

void Log::write(const LogWrite& step, Done done) {
  State& state = *state_;
  CHECK(step.promise || step.cut_from || !step.entries.empty(), "an empty step");
  RecordHeader header;
  header.group = step.group;
  if (step.promise) {
    header.kind = RecordKind::promise;
    const bool lost = mutated(Mutation::promise_not_written);
    header.epoch = lost ? state.queued_tracks[step.group].promise : *step.promise;
    state.queue_record(header, {});
  }
  // Where there is nothing to cut, a record that says so is wanted only if nothing else is said.
  const bool cuts = step.cut_from && *step.cut_from <= state.queued_tracks[step.group].last;
  if (cuts || (step.cut_from && !step.promise && step.entries.empty())) {
    header.kind = RecordKind::cut;
    header.index = *step.cut_from;
    header.epoch = {};
    state.queue_record(header, {});
  }
  header.kind = RecordKind::entry;
  for (const consensus::Entry& entry : step.entries) {
    header.index = entry.index;
    header.epoch = entry.epoch;
    header.entry_kind = entry.kind;
    header.content = entry.content;
    state.queue_record(header, entry.payload);
  }
  state.wait_for_queued(std::move(done));
}

void Log::forget(GroupId group, Index index, Epoch epoch) {
  State& state = *state_;
  state.segments->try_again();
  if (index <= state.queued_tracks[group].before) return;
  RecordHeader header;
  header.kind = RecordKind::forget;
  header.group = group;
  header.index = index;
  header.epoch = epoch;
  state.queue_record(header, {});
}

void Log::reset(GroupId group, Index index, Epoch epoch, Done done) {
  RecordHeader header;
  header.kind = RecordKind::reset;
  header.group = group;
  header.index = index;
  header.epoch = epoch;
  state_->queue_record(header, {});
  state_->wait_for_queued(std::move(done));
}

void Log::State::queue_record(const RecordHeader& header, SharedBytes payload) {
  CHECK(payload.size() <= kRecordPayloadMax, "an entry of {} bytes", payload.size());
  queued_tracks[header.group].apply(header);
  Queued record{header, std::move(payload)};
  // An entry comes with its checksum; the others get theirs here.
  if (header.kind != RecordKind::entry) {
    record.header.content = content_of(record.header, record.payload.view());
  }
  queued_bytes += record.bytes();
  queue.push_back(std::move(record));
  ++records_queued;
}

void Log::State::wait_for_queued(Log::Done done) {
  waiters.push_back({records_queued, std::move(done)});
}

// ---- Writing ------------------------------------------------------------------------------------

void Log::flush() {
  State& state = *state_;
  if (++state.flushes % kFlushesBetweenTries == 0) state.segments->try_again();
  state.start_chain();
}

void Log::State::start_chain() {
  if (under_way || failed || (queue.empty() && !rolling)) return;
  if (!make_room(queue.empty() ? 0 : queue.front().bytes())) {
    if (segments->starved() && mutated(Mutation::full_disk_acknowledges)) drop_queue();
    return;
  }
  // A new segment has something to say even if nobody else has.
  if (queue.empty() && rolling) return;
  Chain chain = fill_chain();
  under_way = true;
  auto done = [self = weak_from_this(), last = records_written](Result<void> result) {
    if (const auto alive = self.lock()) alive->on_chain_done(last, result);
  };
  const std::string name = segments->name();
  std::vector<env::DiskOperation> operations{
      env::WriteFile{name, chain.begin(), chain.take_parts()}, env::SyncFile{name}};
  if (mutated(Mutation::log_not_synced)) operations.back() = env::SyncFolder{};
  disk.submit(env::Lane::log, {std::move(operations), std::move(done)});
}

// True: the segment that is written has room for a record of this size. Goes on to the next
// segment if there is one, and asks for it if not; then the queue waits.
bool Log::State::make_room(std::uint64_t bytes) {
  const bool room = segments->size() - offset >= bytes;
  // One that is empty stays: a log must not go on behind an empty file.
  const bool leave = rolling && offset > kSegmentHeaderBytes;
  if (room && !leave) return true;
  const std::uint64_t needed = written_tracks.size() * kStartRecordBytes + bytes;
  if (!segments->next_ready(needed)) {
    segments->prepare_next(needed);
    return room;
  }
  segments->advance(offset);
  look_for_unneeded = true;
  rolling = false;
  offset = durable = kSegmentHeaderBytes;
  return true;
}

// Of a broken variant: what there is no room for counts as written, no sooner than a write would.
void Log::State::drop_queue() {
  for (const Queued& record : queue) written_tracks[record.header.group].apply(record.header);
  queue.clear();
  queued_bytes = 0;
  records_written = records_queued;
  under_way = true;
  auto done = [self = weak_from_this(), last = records_written](Result<void> result) {
    if (const auto alive = self.lock()) alive->on_chain_done(last, result);
  };
  disk.submit(env::Lane::log, {{env::SyncFolder{}}, std::move(done)});
}

// Takes what fits into the segment; a new segment first says where each group stands.
Chain Log::State::fill_chain() {
  Chain chain({options.folder_id, segments->number(), offset});
  if (offset == kSegmentHeaderBytes) {
    for (const auto& [group, track] : written_tracks) {
      RecordHeader header;
      header.kind = RecordKind::start;
      header.group = group;
      header.index = track.before;
      header.epoch = track.before_epoch;
      const bool dropped = mutated(Mutation::promise_dropped_with_segment);
      const SharedBytes body(encode(StartBody{dropped ? Epoch{} : track.promise, track.last}));
      header.content = content_of(header, body.view());
      chain.add(header, body);
    }
  }
  while (!queue.empty() && segments->size() - chain.end() >= queue.front().bytes()) {
    const Queued& record = queue.front();
    written_tracks[record.header.group].apply(record.header);
    const RecordKind kind = record.header.kind;
    if (kind == RecordKind::entry) {
      segments->note_entry(record.header.group, record.header.index);
    }
    if (kind == RecordKind::forget || kind == RecordKind::reset) look_for_unneeded = true;
    chain.add(record.header, record.payload);
    queued_bytes -= record.bytes();
    ++records_written;
    queue.pop_front();
  }
  offset = chain.end();
  return chain;
}

void Log::State::on_chain_done(std::uint64_t last_record, const Result<void>& result) {
  if (failed) return;
  if (!result) return fail(result.error().message);
  under_way = false;
  durable = offset;  // one chain at a time
  ++syncs;
  // What is written is durable now: one chain at a time.
  if (std::exchange(look_for_unneeded, false)) {
    segments->remove_unneeded([this](GroupId group) { return written_tracks[group].before; });
  }
  while (!waiters.empty() && waiters.front().record <= last_record) {
    const Log::Done done = std::move(waiters.front().done);
    waiters.pop_front();
    if (done) done();
  }
}

// The first failure is the last thing that happens: what the disk holds is not known any more.
void Log::State::fail(const std::string& what) {
  if (std::exchange(failed, true)) return;
  fatal(what);
}

// ---- Whether it is still what was written -------------------------------------------------------

std::vector<SegmentExtent> Log::extents() const {
  const bool past = mutated(Mutation::scrub_reads_past_durable);
  return state_->segments->extents(past ? state_->offset : state_->durable);
}

std::string Log::name_of(const SegmentExtent& segment) const {
  return segment_name(state_->options.prefix, segment.number);
}

std::map<GroupId, Index> Log::entries_up_to(const SegmentExtent& segment) const {
  return state_->segments->highest_up_to(segment.number);
}

Index Log::forgotten(GroupId group) const {
  const auto found = state_->queued_tracks.find(group);
  return found == state_->queued_tracks.end() ? Index() : found->second.before;
}

void Log::roll() { state_->rolling = true; }

// ---- Questions ----------------------------------------------------------------------------------

bool Log::may_accept() const {
  const State& state = *state_;
  if (!state.segments->starved()) return true;
  const std::uint64_t room = state.segments->size() - state.offset;
  const std::uint64_t reserve = std::min(kReserveBytes, state.options.segment_bytes / 8);
  return room >= state.queued_bytes + reserve;
}

std::uint64_t Log::bytes() const { return state_->segments->bytes(); }
std::uint64_t Log::syncs() const { return state_->syncs; }
bool Log::idle() const { return state_->queue.empty() && !state_->under_way; }

}  // namespace holdfast::storage
