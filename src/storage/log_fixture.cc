#include "storage/log_fixture.h"

#include <algorithm>
#include <utility>

namespace holdfast::storage {

consensus::Entry entry(GroupId group, std::uint64_t index, std::uint64_t round,
                       std::string payload) {
  consensus::Entry made;
  made.index = Index(index);
  made.epoch = epoch(round);
  made.kind = payload.empty() ? consensus::EntryKind::noop : consensus::EntryKind::batch;
  made.content = content_checksum(group, made.index, made.kind, payload);
  made.payload = SharedBytes(std::move(payload));
  return made;
}

LogFixture::LogFixture() {
  options.segment_bytes = 8192;
  options.folder_id = kFolder;
}

std::string LogFixture::open() {
  log.reset();
  auto opened = Log::open(
      disk, trace, options, [this](const std::string& what) { fatal.push_back(what); }, recovered);
  if (!opened) return opened.error().message;
  log = std::move(*opened);
  last_index.clear();
  for (const auto& [group, state] : recovered.groups) {
    last_index[group] = state.before.value + state.entries.size();
  }
  return "";
}

void LogFixture::reopen() {
  close();
  ASSERT_EQ(open(), "");
}

void LogFixture::write(GroupId group, std::vector<consensus::Entry> entries,
                       std::optional<std::uint64_t> promise,
                       std::optional<std::uint64_t> cut_from) {
  LogWrite step;
  step.group = group;
  if (promise) step.promise = epoch(*promise);
  if (cut_from) step.cut_from = Index(*cut_from);
  step.entries = entries;
  if (cut_from) last_index[group] = *cut_from - 1;
  if (!entries.empty()) last_index[group] = entries.back().index.value;
  log->write(step, count());
}

void LogFixture::append(std::string bytes, GroupId group, std::uint64_t round) {
  write(group, {entry(group, last_index[group] + 1, round, std::move(bytes))});
}

void LogFixture::flush_all() {
  log->flush();
  disk.run_all();
  while (!log->idle() && fatal.empty()) {
    log->flush();
    if (!disk.step()) break;
    disk.run_all();
  }
}

const GroupRecovery& LogFixture::found(GroupId group) {
  static const GroupRecovery nothing;
  const auto at = std::find_if(recovered.groups.begin(), recovered.groups.end(),
                               [group](const auto& pair) { return pair.first == group; });
  return at == recovered.groups.end() ? nothing : at->second;
}

std::string LogFixture::payload(std::uint64_t index, GroupId group) {
  for (const auto& e : found(group).entries) {
    if (e.index.value == index) return std::string(e.payload.view());
  }
  return "(none)";
}

}  // namespace holdfast::storage
