#include "replica/batch.h"

#include "base/check.h"
#include "base/codec.h"

namespace holdfast::replica {
namespace {

constexpr std::size_t kHeaderBytes = 2 + 8 + 8 + 4 + 8;

}  // namespace

BatchWriter::BatchWriter() { payload_.resize(kHeaderBytes); }

std::size_t BatchWriter::add(std::string_view record) {
  Writer(payload_).bytes(record);
  ++records_;
  return payload_.size() - record.size();
}

std::string BatchWriter::finish(const BatchHeader& header) {
  CHECK(payload_.size() >= kHeaderBytes, "a batch is finished once");
  std::string bytes;
  Writer writer(bytes);
  writer.u16(header.semantics);
  writer.i64(header.stamp.ms);
  writer.i64(header.wall.ms);
  writer.u32(header.expire_bound);
  writer.u64(header.random);
  CHECK(bytes.size() == kHeaderBytes);
  payload_.replace(0, kHeaderBytes, bytes);
  return std::move(payload_);
}

BatchReader::BatchReader(std::string_view payload) : payload_(payload), position_(kHeaderBytes) {
  Reader reader(payload);
  header_.semantics = reader.u16();
  header_.stamp.ms = reader.i64();
  header_.wall.ms = reader.i64();
  header_.expire_bound = reader.u32();
  header_.random = reader.u64();
  ok_ = reader.ok();
}

bool BatchReader::next(std::string_view& record) {
  if (!ok_ || position_ == payload_.size()) return false;
  Reader reader(payload_.substr(position_));
  record = reader.bytes();
  ok_ = reader.ok();
  position_ = payload_.size() - reader.left();
  return ok_;
}

}  // namespace holdfast::replica
