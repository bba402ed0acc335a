// A keyspace's snapshot from anywhere: it is refused or makes a keyspace that works, whose own
// snapshot restores the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_codec.h"

namespace holdfast::keyspace {
namespace {

// Ends whole parts as they should end: no mutation would ever hit upon the right hash.
std::string with_end(std::string_view bytes) {
  std::string out(bytes);
  Reader reader(bytes);
  reader.u8();
  std::uint64_t hash = 0;
  while (reader.left() > 0) {
    const auto kind = static_cast<PartKind>(reader.u8());
    const std::string_view body = reader.bytes();
    if (!reader.ok() || kind == PartKind::end) return out;
    hash = chain(hash, kind, body);
  }
  std::string end;
  Writer(end).u64(hash);
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(PartKind::end));
  writer.bytes(end);
  return out;
}

void try_snapshot(std::string_view bytes) {
  Keyspace keyspace(1);
  if (!keyspace.load_chunk(with_end(bytes)).ok() || !keyspace.finish_load().ok()) return;
  Keyspace copy(2);
  keyspace.begin_snapshot();
  for (std::string chunk; !(chunk = keyspace.next_chunk(100)).empty();) {
    CHECK(copy.load_chunk(chunk).ok());
  }
  CHECK(copy.finish_load().ok());
  CHECK(copy.digest() == keyspace.digest());
  // Tokens would reach their limit, which no cluster does.
  if (keyspace.revision() > std::uint64_t{1} << 52) return;
  keyspace.expire_due(ClusterTime{1'000'000}, 1000);
  copy.expire_due(ClusterTime{1'000'000}, 1000);
  CHECK(copy.digest() == keyspace.digest());
  CHECK(copy.take_events().size() == keyspace.take_events().size());
}

}  // namespace
}  // namespace holdfast::keyspace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  holdfast::keyspace::try_snapshot({reinterpret_cast<const char*>(data), size});
  return 0;
}
