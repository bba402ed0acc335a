#include "storage/envelope.h"

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/codec.h"

namespace holdfast::storage {

std::string seal(const Envelope& envelope, std::string_view body) {
  std::string out;
  Writer writer(out);
  writer.u64(envelope.magic);
  writer.u32(envelope.version);
  writer.u32(static_cast<std::uint32_t>(body.size()));
  writer.raw(body);
  writer.u64(checksum(out));
  return out;
}

Result<std::string_view> unseal(const Envelope& envelope, std::string_view name,
                                std::string_view bytes) {
  const auto damaged = [&](std::uint64_t offset, std::string_view what) {
    return Error{
        fmt::format("{}, offset {}: {} is damaged: {}. Nothing has been changed. Restore "
                    "it (or the whole data folder) from a backup; if the cluster's other "
                    "nodes are well, this node can also be replaced by a new one.",
                    name, offset, envelope.what, what)};
  };
  Reader reader(bytes);
  const std::uint64_t magic = reader.u64();
  const std::uint32_t version = reader.u32();
  const std::uint32_t length = reader.u32();
  if (!reader.ok()) return damaged(bytes.size(), "it ends too early");
  if (magic != envelope.magic) return damaged(0, "it does not begin as it should");
  // Every version has its checksum behind the body: whether the version itself is believed comes first.
  const std::string_view body = reader.raw(length);
  const std::uint64_t sum = reader.u64();
  if (!reader.ok()) return damaged(bytes.size(), "it ends too early");
  if (version == 0 || sum != checksum(bytes.substr(0, kEnvelopeHeaderBytes + length))) {
    return damaged(0, "its checksum does not match");
  }
  if (version > envelope.version) {
    return Error{
        fmt::format("{}: {} is written in version {} of its format; this program knows up "
                    "to {}. Nothing has been changed. Start the newer program that wrote "
                    "it.",
                    name, envelope.what, version, envelope.version)};
  }
  return body;
}

bool is_newer(const Envelope& envelope, std::string_view bytes) {
  Reader reader(bytes);
  const std::uint64_t magic = reader.u64();
  const std::uint32_t version = reader.u32();
  Envelope newest = envelope;
  newest.version = version;
  return reader.ok() && magic == envelope.magic && version > envelope.version &&
         unseal(newest, "", bytes).ok();
}

}  // namespace holdfast::storage
