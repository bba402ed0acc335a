// Bytes of the founding lane. Format: docs/formats/peer.md.
#include "base/codec.h"
#include "server/bootstrap.h"

namespace holdfast::server {
namespace {

constexpr std::size_t kMaxText = 1000;

void write_place(Writer& writer, const Place& place) {
  writer.bytes(place.client.host);
  writer.u16(place.client.port);
  writer.u16(place.peer().port);
}

Place read_place(Reader& reader) {
  Place place;
  place.client.host = reader.bytes(kMaxText);
  place.client.port = reader.u16();
  place.peer_port = reader.u16();
  if (place.client.host.empty() || place.client.port == 0 || place.peer_port == 0) reader.fail();
  return place;
}

}  // namespace

std::string encode_report(const FoundingReport& report) {
  std::string body;
  Writer writer(body);
  writer.u64(report.folder_uid);
  writer.u32(report.place);
  writer.varint(report.list.size());
  for (const Place& place : report.list) write_place(writer, place);
  return body;
}

std::optional<FoundingReport> decode_report(std::string_view body) {
  Reader reader(body);
  FoundingReport report;
  report.folder_uid = reader.u64();
  report.place = reader.u32();
  const std::uint64_t count = reader.varint();
  if (count > kMaxPlaces) return std::nullopt;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i)
    report.list.push_back(read_place(reader));
  if (!reader.finished() || report.folder_uid == 0 || report.place >= count) return std::nullopt;
  return report;
}

std::string encode_answer(const FoundingAnswer& answer) {
  std::string body;
  Writer writer(body);
  writer.u8(static_cast<std::uint8_t>(answer.kind));
  writer.u64(answer.cluster_id);
  writer.u64(answer.node.value);
  writer.bytes(std::string_view(answer.reason).substr(0, kMaxText));
  writer.u32(answer.founders);
  writer.varint(answer.members.size());
  for (const storage::Member& member : answer.members) {
    writer.u64(member.node.value);
    writer.bytes(member.address);
    writer.bytes(member.peer_address);
    writer.u64(member.uid);
  }
  return body;
}

std::optional<FoundingAnswer> decode_answer(std::string_view body) {
  Reader reader(body);
  FoundingAnswer answer;
  const std::uint8_t kind = reader.u8();
  answer.cluster_id = reader.u64();
  answer.node = NodeId(reader.u64());
  answer.reason = reader.bytes(kMaxText);
  answer.founders = reader.u32();
  const std::uint64_t count = reader.varint();
  if (kind < 1 || kind > 4 || count > kMaxPlaces) return std::nullopt;
  answer.kind = static_cast<FoundingAnswer::Kind>(kind);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    storage::Member member;
    member.node = NodeId(reader.u64());
    member.address = reader.bytes(kMaxText);
    member.peer_address = reader.bytes(kMaxText);
    member.uid = reader.u64();
    if (member.node <= (i == 0 ? NodeId{} : answer.members.back().node)) return std::nullopt;
    if (!env::Address::parse(member.address) || !env::Address::parse(member.peer_address)) {
      return std::nullopt;
    }
    answer.members.push_back(std::move(member));
  }
  if (!reader.finished()) return std::nullopt;
  return answer;
}

}  // namespace holdfast::server
