#include "storage/scrub.h"

#include <algorithm>
#include <utility>

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kPiece = 256 << 10;
constexpr Duration kBetweenHurries = seconds(60);

bool same(const ScrubFile& one, const ScrubFile& other) {
  return one.name == other.name && one.version == other.version;
}

}  // namespace

// ---- The turn -----------------------------------------------------------------------------------

void Scrub::on_turn_end(const Pace& pace, Instant now) {
  if (!damaged_.empty()) look_for_repairs();
  set_pace(pace, now);
  if (under_way_) return;
  if (!current_ && waiting_.empty() && now >= pass_at_) {
    const auto files = owner_.files_to_scrub();
    waiting_.assign(files.begin(), files.end());
    pass_began_ = now;
    pass_at_ = now + pace_.period;
  }
  while (!current_ && !waiting_.empty()) {
    // As it is now: it may be longer than when the pass began, or gone.
    const auto file = find(waiting_.front());
    waiting_.pop_front();
    if (file) {
      begin(*file, false);
    } else if (waiting_.empty()) {
      ++figures_.passes;
    }
  }
  if (current_ && throttle_.ready(now)) read_piece(now);
}

void Scrub::set_pace(const Pace& pace, Instant now) {
  throttle_.set_rate(pace.bytes_per_s);
  if (pace.period == pace_.period) return;
  const bool first = pace_.period == Duration{};
  pace_ = pace;
  if (pace.period == Duration{}) {
    waiting_.clear();
    current_.reset();
    pass_at_ = Instant::never();
  } else if (first) {
    const auto half = static_cast<std::uint64_t>(pace.period.ns / 2);
    pass_at_ = now + nanoseconds(static_cast<std::int64_t>(half + chance_ % (half + 1)));
  } else {
    pass_at_ = std::min(pass_at_, now + pace.period);
  }
}

void Scrub::hurry(Instant now) {
  if (pace_.period == Duration{}) return;
  pass_at_ = std::min(pass_at_, std::max(now, pass_began_ + kBetweenHurries));
}

Instant Scrub::wake_at() const {
  if (under_way_) return Instant::never();
  return current_ || !waiting_.empty() ? throttle_.ready_at() : pass_at_;
}

// ---- One file -----------------------------------------------------------------------------------

std::optional<ScrubFile> Scrub::find(const ScrubFile& file) const {
  for (ScrubFile& one : owner_.files_to_scrub()) {
    if (same(one, file)) return std::move(one);
  }
  return std::nullopt;
}

void Scrub::begin(const ScrubFile& file, bool again) {
  current_ = Reading{file, file.segment ? scan_segment(*file.segment) : scan_snapshot(file.bytes),
                     0, again};
}

void Scrub::read_piece(Instant now) {
  const std::uint64_t length = std::min(kPiece, current_->file.bytes - current_->offset);
  throttle_.take(length, now);
  under_way_ = true;
  auto out = std::make_shared<std::string>();
  const auto done = [this, out, length, alive = alive_](Result<void> result) {
    if (!*alive) return;
    under_way_ = false;
    if (current_) on_piece(result, *out, length);
  };
  disk_.submit(env::Lane::background, {{env::ReadFile{.name = current_->file.name,
                                                      .offset = current_->offset,
                                                      .length = length,
                                                      .out = out.get(),
                                                      .past_cache = true}},
                                       done});
}

void Scrub::on_piece(const Result<void>& result, const std::string& bytes, std::uint64_t wanted) {
  // It may have been removed meanwhile, or changed its content with its name.
  if (!find(current_->file)) return end_file();
  if (!result) return suspect(result.error().message, false);
  current_->offset += bytes.size();
  figures_.bytes += bytes.size();
  std::string wrong = current_->scan->feed(bytes);
  const bool at_end = current_->offset == current_->file.bytes || bytes.size() < wanted;
  if (wrong.empty() && at_end) wrong = current_->scan->finish();
  if (!wrong.empty()) return suspect(wrong, current_->file.segment.has_value());
  if (at_end) end_file();
}

// What is read of a log file does not change any more, so one look is enough. A snapshot may get
// another one in its place between two pieces, and a disk may stumble once.
// REQUIRES: the file is there.
void Scrub::suspect(const std::string& what, bool certain) {
  const ScrubFile file = *find(current_->file);
  if (!certain && !current_->again) return begin(file, true);
  end_file();
  const auto known = [&file](const ScrubFile& one) { return same(one, file); };
  if (std::any_of(damaged_.begin(), damaged_.end(), known)) return;
  damaged_.push_back(file);
  ++figures_.found;
  owner_.on_damage(file, what);
}

void Scrub::end_file() {
  current_.reset();
  if (waiting_.empty()) ++figures_.passes;
}

void Scrub::look_for_repairs() {
  const auto files = owner_.files_to_scrub();
  std::erase_if(damaged_, [&](const ScrubFile& damaged) {
    const auto there = [&damaged](const ScrubFile& one) { return same(one, damaged); };
    if (std::any_of(files.begin(), files.end(), there)) return false;
    ++figures_.repaired;
    owner_.on_repaired(damaged);
    return true;
  });
}

}  // namespace holdfast::storage
