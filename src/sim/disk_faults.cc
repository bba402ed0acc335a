// What is on the platters, what the page cache shows, and what should be there: three things that
// faults drive apart.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "sim/disk.h"

namespace holdfast::sim {
namespace {

// Never the only bit that tells what comes before it, or behind it, from zeros.
void flip_one(std::string& sector, Prng& prng) {
  const std::size_t at = prng.below(sector.size());
  const unsigned bit = 1U << prng.below(8);
  const unsigned byte = static_cast<unsigned char>(sector[at]);
  const bool at_an_end =
      sector.find_first_not_of('\0') == at || sector.find_last_not_of('\0') == at;
  const unsigned another = bit == 1 ? 2 : bit / 2;
  sector[at] = static_cast<char>(byte ^ (byte == bit && at_an_end ? another : bit));
}

}  // namespace

// ---- Sectors ------------------------------------------------------------------------------------

std::string_view Disk::sector_of(const std::string& bytes, Sector sector) {
  const std::uint64_t begin = sector * kSector;
  if (begin >= bytes.size()) return {};
  return std::string_view(bytes).substr(begin, kSector);
}

// Nothing beyond the end.
void Disk::put_sector(std::string& bytes, Sector sector, std::string_view content) {
  const std::uint64_t begin = sector * kSector;
  if (begin >= bytes.size()) return;
  const auto length = std::min<std::uint64_t>(content.size(), bytes.size() - begin);
  bytes.replace(begin, length, content.substr(0, length));
}

void Disk::mark_dirty(File& file, std::uint64_t begin, std::uint64_t end) {
  for (Sector sector = begin / kSector; sector * kSector < end; ++sector) {
    if (file.dirty.empty() || file.dirty.back() != sector) file.dirty.push_back(sector);
  }
  // A file that is written again and again and never synced.
  if (file.dirty.size() > 2 * sectors_of(file.content) + 64) sort_dirty(file);
}

void Disk::sort_dirty(File& file) {
  std::sort(file.dirty.begin(), file.dirty.end());
  file.dirty.erase(std::unique(file.dirty.begin(), file.dirty.end()), file.dirty.end());
  // What was cut off since.
  while (!file.dirty.empty() && file.dirty.back() >= sectors_of(file.content)) {
    file.dirty.pop_back();
  }
}

void Disk::write_at(File& file, std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t end = offset + bytes.size();
  if (file.content.size() < end) resize(file, end);
  file.content.replace(offset, bytes.size(), bytes);
  mark_dirty(file, offset, end);
  if (file.truth.empty()) return;
  for (auto one = file.truth.lower_bound(offset / kSector); one != file.truth.end(); ++one) {
    const std::uint64_t begin = one->first * kSector;
    if (begin >= end) break;
    const std::uint64_t from = std::max(offset, begin);
    const std::uint64_t to = std::min(end, begin + kSector);
    if (one->second.size() < to - begin) one->second.resize(to - begin, '\0');
    one->second.replace(from - begin, to - from, bytes.substr(from - offset, to - from));
  }
}

void Disk::resize(File& file, std::uint64_t size) {
  const std::uint64_t before = file.content.size();
  file.content.resize(size, '\0');
  if (size > before) mark_dirty(file, before, size);
  file.truth.erase(file.truth.lower_bound(sectors_of(file.content)), file.truth.end());
}

// ---- Syncing ------------------------------------------------------------------------------------

bool Disk::Ambush::strikes(std::string_view name) {
  if (left == 0 || !name.starts_with(prefix)) return false;
  if (left != kForGood) --left;
  return true;
}

// The page cache's sector reaches the platters.
void Disk::write_back(File& file, Sector sector) {
  const std::string_view content = sector_of(file.content, sector);
  put_sector(file.durable, sector, content);
  const auto truth = file.truth.find(sector);
  if (truth != file.truth.end() && truth->second == content) file.truth.erase(truth);
}

void Disk::sync(File& file, std::string_view name) {
  if (lying_) {
    ++counts_.ignored_syncs;
    ignored_sync_ = true;
    return;
  }
  sort_dirty(file);
  file.durable.resize(file.content.size(), '\0');
  if (!file.dirty.empty() && lost_writes_.strikes(name)) {
    ++counts_.lost_writes;
    leave_out(file, draw_run(file));
  } else if (!file.dirty.empty() && misdirected_writes_.strikes(name)) {
    ++counts_.misdirected_writes;
    misdirect(file, draw_run(file));
  } else {
    for (const Sector sector : file.dirty) write_back(file, sector);
  }
  file.dirty.clear();
}

// What a device gets as one write, or the beginning, middle or end of it.
Disk::Run Disk::draw_run(const File& file) {
  const auto& dirty = file.dirty;
  const std::size_t chosen = prng_.below(dirty.size());
  std::size_t first = chosen;
  std::size_t last = chosen;
  while (last + 1 < dirty.size() && dirty[last + 1] == dirty[last] + 1) ++last;
  if (prng_.below(2) == 0) return {dirty[first], 1 + prng_.below(last - first + 1)};
  while (first > 0 && dirty[first - 1] + 1 == dirty[first]) --first;
  return {dirty[first], last - first + 1};
}

void Disk::leave_out(File& file, const Run& run) {
  for (const Sector sector : file.dirty) {
    const bool left_out = sector >= run.first && sector - run.first < run.count;
    const std::string_view content = sector_of(file.content, sector);
    if (!left_out || sector_of(file.durable, sector) == content) {
      write_back(file, sector);
    } else {
      file.truth.try_emplace(sector, content);
    }
  }
}

void Disk::misdirect(File& file, const Run& run) {
  leave_out(file, run);
  const std::uint64_t sectors = sectors_of(file.durable);
  const Sector target = prng_.below(sectors - run.count + 1);
  for (std::uint64_t i = 0; i < run.count; ++i) {
    const Sector hit = target + i;
    file.truth.try_emplace(hit, sector_of(file.content, hit));
    put_sector(file.durable, hit, sector_of(file.content, run.first + i));
    if (sector_of(file.durable, hit) == file.truth.at(hit)) file.truth.erase(hit);
  }
}

// ---- The power goes -----------------------------------------------------------------------------

void Disk::lose_unsynced(File& file, bool everything) {
  sort_dirty(file);
  // The size, too, may or may not have reached the disk.
  if (file.content.size() > file.durable.size() && !everything && prng_.below(2) == 0) {
    file.durable.resize(file.content.size(), '\0');
  }
  for (const Sector sector : file.dirty) {
    const bool there = sector < sectors_of(file.durable);
    if (there && !everything && prng_.below(2) != 0) {
      write_back(file, sector);
    } else {
      ++counts_.unsynced_losses;
    }
  }
  file.content = file.durable;
  file.dirty.clear();
}

// The page cache lets go of what it believes to be on the platters.
void Disk::drop_cached(File& file, std::uint64_t offset, std::uint64_t length) {
  sort_dirty(file);
  const std::uint64_t end = std::min<std::uint64_t>(offset + length, file.durable.size());
  for (Sector sector = offset / kSector; sector * kSector < end; ++sector) {
    if (std::binary_search(file.dirty.begin(), file.dirty.end(), sector)) continue;
    put_sector(file.content, sector, sector_of(file.durable, sector));
  }
}

template <class Each>
void Disk::for_each_file(Each each) const {
  // A file of two names is met twice.
  for (const auto& [name, file] : names_) each(*file);
  for (const auto& [name, file] : durable_names_) each(*file);
}

bool Disk::hides_loss() const {
  bool hides = ignored_sync_;
  for_each_file([&hides](const File& file) {
    for (const auto& [sector, truth] : file.truth) {
      hides = hides || sector_of(file.content, sector) == truth;
    }
  });
  return hides;
}

void Disk::keep_promises() {
  if (!hides_loss()) return;
  ++counts_.promises_kept;
  for_each_file([this](File& file) {
    if (ignored_sync_) {
      sort_dirty(file);
      file.durable.resize(file.content.size(), '\0');
      for (const Sector sector : file.dirty) write_back(file, sector);
      file.dirty.clear();
    }
    std::erase_if(file.truth, [&file](const auto& one) {
      const auto& [sector, truth] = one;
      if (sector_of(file.content, sector) != truth) return false;
      put_sector(file.durable, sector, truth);
      return true;
    });
  });
  if (!std::exchange(ignored_sync_, false)) return;
  durable_names_ = names_;
  name_changes_.clear();
}

bool Disk::has_wrong_sectors() const {
  bool wrong = false;
  for_each_file([&wrong](const File& file) { wrong = wrong || !file.truth.empty(); });
  return wrong;
}

bool Disk::wrong_within(std::string_view name, std::uint64_t bytes) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return false;
  const File& file = *found->second;
  return std::any_of(file.truth.begin(), file.truth.end(), [&](const auto& one) {
    const auto& [sector, truth] = one;
    if (sector * kSector >= bytes) return false;
    const auto length = std::min<std::uint64_t>(kSector, bytes - sector * kSector);
    const std::string_view is = sector_of(file.durable, sector);
    return is.substr(0, length) != std::string_view(truth).substr(0, length);
  });
}

// ---- Faults -------------------------------------------------------------------------------------

void Disk::fail_writes(std::uint32_t times, std::string prefix) {
  failing_writes_ = {times, std::move(prefix)};
}

void Disk::fail_reads(std::uint32_t times, std::string prefix) {
  failing_reads_ = {times, std::move(prefix)};
}

void Disk::fail_syncs(std::uint32_t times, std::string prefix) {
  failing_syncs_ = {times, std::move(prefix)};
}

void Disk::lose_writes(std::uint32_t times, std::string prefix) {
  lost_writes_ = {times, std::move(prefix)};
}

void Disk::misdirect_writes(std::uint32_t times, std::string prefix) {
  misdirected_writes_ = {times, std::move(prefix)};
}

void Disk::lie_about_syncs(bool lie) { lying_ = lie; }

void Disk::slow_down(std::int64_t factor, Duration stall, std::uint32_t stall_ppm) {
  CHECK(factor >= 1);
  factor_ = factor;
  stall_ = stall;
  stall_ppm_ = stall_ppm;
}

void Disk::limit_space(std::uint64_t bytes) { capacity_ = used() + bytes; }

void Disk::stand_still_after(std::uint64_t operations, std::function<void()> call) {
  still_at_ = counts_.operations + std::max<std::uint64_t>(1, operations);
  at_still_ = std::move(call);
}

bool Disk::flip_bit(Prng& prng, std::string_view prefix) {
  struct Place {
    File* file;
    Sector sector;
  };
  std::vector<Place> written;
  std::vector<Place> zero;
  for (const auto& [name, file] : names_) {
    if (!name.starts_with(prefix)) continue;
    sort_dirty(*file);
    for (Sector sector = 0; sector < sectors_of(file->durable); ++sector) {
      const std::string_view bytes = sector_of(file->durable, sector);
      const bool dirty = std::binary_search(file->dirty.begin(), file->dirty.end(), sector);
      if (dirty || bytes != sector_of(file->content, sector) || file->truth.contains(sector)) {
        continue;
      }
      const bool holds = bytes.find_first_not_of('\0') != std::string_view::npos;
      (holds ? written : zero).push_back({file.get(), sector});
    }
  }
  const bool rather_zero = prng.below(8) == 0;
  const auto& places = written.empty() || (rather_zero && !zero.empty()) ? zero : written;
  if (places.empty()) return false;
  const auto [file, sector] = places[prng.below(places.size())];
  std::string bytes(sector_of(file->durable, sector));
  file->truth.emplace(sector, bytes);
  flip_one(bytes, prng);
  put_sector(file->durable, sector, bytes);
  put_sector(file->content, sector, bytes);
  ++counts_.flipped_bits;
  return true;
}

void Disk::heal() {
  keep_promises();
  for_each_file([this](File& file) {
    for (const auto& [sector, truth] : file.truth) {
      put_sector(file.durable, sector, truth);
      put_sector(file.content, sector, truth);
      ++counts_.restored_sectors;
    }
    file.truth.clear();
  });
  failing_writes_ = failing_reads_ = failing_syncs_ = lost_writes_ = misdirected_writes_ = {};
  lying_ = false;
  const bool slow = factor_ != 1 || stall_ppm_ != 0;
  slow_down(1);
  if (slow) plan_again();
  capacity_.reset();
  at_still_ = nullptr;
}

// ---- Whole disks --------------------------------------------------------------------------------

void Disk::wipe() {
  crash(false);
  names_.clear();
  durable_names_.clear();
  name_changes_.clear();
  ignored_sync_ = false;
  heal();
  wiped_ = true;
  ++wipes_;
}

std::optional<std::string> Disk::content(std::string_view name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  return found->second->content;
}

std::optional<std::string> Disk::after_power_loss(std::string_view name) const {
  const auto found = durable_names_.find(name);
  if (found == durable_names_.end()) return std::nullopt;
  return found->second->durable;
}

std::optional<std::string> Disk::in_image(std::string_view name) const {
  const auto found = image_.find(name);
  if (found == image_.end()) return std::nullopt;
  return found->second;
}

// What is hidden or flipped now is not in the image: it is an old one, not a bad one.
void Disk::save_image() {
  image_.clear();
  has_image_ = true;
  for (const auto& [name, file] : durable_names_) {
    std::string& bytes = image_[name];
    bytes = file->durable;
    for (const auto& [sector, truth] : file->truth) put_sector(bytes, sector, truth);
  }
}

bool Disk::restore_image() {
  if (!has_image_) return false;
  names_.clear();
  name_changes_.clear();
  ignored_sync_ = false;
  for (const auto& [name, bytes] : image_) {
    const auto file = std::make_shared<File>();
    file->content = bytes;
    file->durable = bytes;
    names_[name] = file;
  }
  durable_names_ = names_;
  wiped_ = false;
  return true;
}

}  // namespace holdfast::sim
