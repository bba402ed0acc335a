#include "storage/met_starts.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "storage/envelope.h"

namespace holdfast::storage {
namespace {

constexpr std::string_view kMetStartsTemporary = "met-starts.tmp";
constexpr std::uint64_t kMetStartsBytesMax = 1 << 20;
constexpr std::uint32_t kNodesMax = 1024;

constexpr Envelope kMetStartsEnvelope{0x5354524154534648, 1,
                                      "the file of the other nodes' starts"};  // "HFSTARTS"

Result<MetStarts> decode_met_starts(std::string_view body) {
  Reader reader(body);
  MetStarts met;
  met.cluster_id = reader.u64();
  const std::uint32_t count = reader.u32();
  if (count > kNodesMax) reader.fail();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    MetStart one;
    one.node = NodeId(reader.u64());
    one.uid = reader.u64();
    one.incarnation = Incarnation(reader.u64());
    one.start = reader.u64();
    met.starts.push_back(one);
  }
  if (reader.finished()) return met;
  return Error{fmt::format("{}: its content makes no sense", kMetStarts)};
}

}  // namespace

Result<MetStarts> load_met_starts(env::Disk& disk, bool& damaged) {
  damaged = false;
  auto files = disk.list();
  if (!files) return files.error();
  const bool there = std::any_of(files->begin(), files->end(),
                                 [](const auto& file) { return file.name == kMetStarts; });
  if (!there) return MetStarts{};
  auto bytes = disk.read(kMetStarts, kMetStartsBytesMax);
  if (!bytes) return bytes.error();
  const auto body = unseal(kMetStartsEnvelope, kMetStarts, *bytes);
  auto met = body ? decode_met_starts(*body) : Result<MetStarts>(body.error());
  damaged = !met && !is_newer(kMetStartsEnvelope, *bytes);
  return met;
}

std::vector<env::DiskOperation> store_met_starts(const MetStarts& met) {
  CHECK(met.starts.size() <= kNodesMax);
  std::string body;
  Writer writer(body);
  writer.u64(met.cluster_id);
  writer.u32(static_cast<std::uint32_t>(met.starts.size()));
  for (const MetStart& one : met.starts) {
    writer.u64(one.node.value);
    writer.u64(one.uid);
    writer.u64(one.incarnation.value);
    writer.u64(one.start);
  }
  const std::string temporary(kMetStartsTemporary);
  return {env::RemoveFile{temporary},
          env::WriteFile{temporary, 0, {SharedBytes(seal(kMetStartsEnvelope, body))}},
          env::SyncFile{temporary}, env::RenameFile{temporary, std::string(kMetStarts)},
          env::SyncFolder{}};
}

}  // namespace holdfast::storage
