#include "server/image_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::server {

ImageReader::~ImageReader() { *alive_ = false; }

Index ImageReader::of(ConnectionId who) const {
  const auto found = readers_.find(who.value);
  return found == readers_.end() ? Index() : found->second->file.index;
}

Result<void> ImageReader::open(ConnectionId who, const storage::SnapshotFile& file,
                               std::shared_ptr<void> holders, Instant now) {
  readers_.erase(who.value);
  if (readers_.size() >= kReaders) {
    return Error{fmt::format(
        "LIMIT at most {} backups at once are made of one node; nothing was done. Try again later, "
        "or ask another node",
        kReaders)};
  }
  auto reader = std::make_shared<Reader>();
  reader->file = file;
  reader->holders = std::move(holders);
  reader->asked = now;
  begin(reader, 0);
  readers_.emplace(who.value, std::move(reader));
  return {};
}

void ImageReader::begin(const std::shared_ptr<Reader>& reader, std::uint64_t offset) {
  reader->offset = offset;
  reader->bytes.clear();
  reader->result = {};
  if (offset >= reader->file.size) return;
  const std::uint64_t length = std::min(kPart, reader->file.size - offset);
  reader->reading = true;
  const auto done = [reader, length, alive = alive_](Result<void> result) {
    if (!*alive) return;
    reader->reading = false;
    reader->result = std::move(result);
    if (reader->result.ok() && reader->bytes.size() != length) {
      reader->result = Error{"the file is shorter than it was"};
    }
  };
  disk_.submit(env::Lane::background,
               {{env::ReadFile{reader->file.name, offset, length, &reader->bytes}}, done});
}

Result<Services::Image> ImageReader::read(ConnectionId who, std::uint64_t offset, Instant now) {
  const auto found = readers_.find(who.value);
  CHECK(found != readers_.end());
  const auto reader = found->second;
  reader->asked = now;
  if (reader->reading) return Services::Image{};
  if (!reader->result.ok()) {
    readers_.erase(found);
    return Error{fmt::format("ERR the snapshot cannot be read: {}. Begin the backup again",
                             reader->result.error().message)};
  }
  const bool there =
      offset == reader->offset && !(reader->bytes.empty() && offset < reader->file.size);
  if (offset < reader->file.size && !there) {
    begin(reader, offset);
    return Services::Image{};
  }
  Services::Image image{reader->file.index, reader->file.size, std::move(reader->bytes)};
  if (offset >= reader->file.size) {
    image.bytes.clear();
    readers_.erase(found);
  } else {
    begin(reader, offset + image.bytes.size());
  }
  return image;
}

void ImageReader::sweep(Instant now) {
  std::erase_if(readers_, [now](const auto& one) { return now - one.second->asked > kForgotten; });
}

}  // namespace holdfast::server
