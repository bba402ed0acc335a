#include "server/peer_frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/codec.h"

namespace holdfast::server {
namespace {

constexpr std::size_t kHeaderChecked = kFrameHeader - sizeof(std::uint32_t);

constexpr std::string_view kMagic = "HOLDFAST";
constexpr std::size_t kReasonBytes = 1000;
// So much of a body is made room for before it has come: enough for most entries, which then lie in as much
// memory as they need.
constexpr std::size_t kExpected = 256 * 1024;

bool is_known(std::uint8_t kind) {
  return kind >= static_cast<std::uint8_t>(FrameKind::hello) &&
         kind <= static_cast<std::uint8_t>(kLastFrameKind);
}

// Of the bytes before it. The seed keeps bytes that lie in a body from passing as a header.
std::uint32_t header_checksum(std::string_view checked) {
  constexpr std::uint64_t kSeed = 0x656d617266;  // "frame"
  return static_cast<std::uint32_t>(checksum(checked, kSeed));
}

}  // namespace

// ---- Frames -------------------------------------------------------------------------------------

std::string frame_header(FrameKind kind, std::size_t body_bytes, std::uint64_t body_checksum) {
  CHECK(body_bytes <= kLargestFrame - kFrameHeader);
  std::string header;
  Writer writer(header);
  writer.u32(static_cast<std::uint32_t>(body_bytes + kFrameHeader - kFrameLength));
  writer.u8(static_cast<std::uint8_t>(kind));
  writer.u64(body_checksum);
  writer.u32(header_checksum(header));
  return header;
}

std::string make_frame(FrameKind kind, std::string_view body) {
  std::string frame = frame_header(kind, body.size(), checksum(body));
  frame += body;
  return frame;
}

void FrameDecoder::feed(std::string_view bytes) {
  if (!error_.empty()) return;
  if (in_body_ && position_ == buffer_.size()) {
    // A large frame in many pieces: straight to where it belongs.
    const std::size_t taken = std::min(bytes.size(), missing_);
    body_.append(bytes.substr(0, taken));
    missing_ -= taken;
    bytes.remove_prefix(taken);
  }
  if (position_ > 0) {
    buffer_.erase(0, position_);
    position_ = 0;
  }
  buffer_.append(bytes);
}

bool FrameDecoder::fail(std::string error) {
  error_ = std::move(error);
  return false;
}

bool FrameDecoder::read_header() {
  if (buffer_.size() - position_ < kFrameHeader) return false;
  const std::string_view header = std::string_view(buffer_).substr(position_, kFrameHeader);
  Reader reader(header);
  const std::uint32_t length = reader.u32();
  const std::uint8_t kind = reader.u8();
  body_checksum_ = reader.u64();
  if (reader.u32() != header_checksum(header.substr(0, kHeaderChecked))) {
    return fail(
        "the header of a frame fails its checksum: it was damaged on the way, or the other side is "
        "not a Holdfast node of this version");
  }
  constexpr std::uint32_t kShortest = kFrameHeader - kFrameLength;
  if (length < kShortest || length > limit_) {
    return fail(
        fmt::format("a frame of {} bytes, where {} to {} are allowed", length, kShortest, limit_));
  }
  if (!is_known(kind)) return fail(fmt::format("a frame of the unknown kind {}", kind));
  position_ += kFrameHeader;
  kind_ = static_cast<FrameKind>(kind);
  missing_ = length - kShortest;
  body_.reserve(std::min(missing_, kExpected));
  in_body_ = true;
  return true;
}

std::optional<Frame> FrameDecoder::next() {
  if (!error_.empty() || (!in_body_ && !read_header())) return std::nullopt;
  const std::size_t taken = std::min(missing_, buffer_.size() - position_);
  body_.append(buffer_, position_, taken);
  position_ += taken;
  missing_ -= taken;
  if (missing_ > 0) return std::nullopt;
  in_body_ = false;
  if (checksum(body_) != body_checksum_) {
    fail(
        fmt::format("a frame of kind {} and {} bytes fails its checksum: it was damaged on the way",
                    static_cast<int>(kind_), body_.size()));
    return std::nullopt;
  }
  Frame frame{kind_, SharedBytes(std::move(body_))};
  body_.clear();
  return frame;
}

// ---- Greeting -----------------------------------------------------------------------------------

// Magic and version stand first, in this form in every version: that is what lets a node tell an
// older one, or something that is no node at all, apart.
std::string encode_hello(const Hello& hello) {
  std::string body(kMagic);
  Writer writer(body);
  writer.u16(kPeerVersion);
  writer.u8(static_cast<std::uint8_t>(hello.lane));
  writer.u64(hello.cluster);
  writer.u64(hello.node.value);
  writer.u64(hello.folder_uid);
  writer.u64(hello.incarnation.value);
  writer.u64(hello.reaching.value);
  body.append(reinterpret_cast<const char*>(hello.nonce.data()), hello.nonce.size());
  writer.u64(hello.list_version);
  const bool fits = hello.peer_address.size() <= kGreetedAddress;
  writer.bytes(fits ? std::string_view(hello.peer_address) : std::string_view());
  writer.u64(hello.start);
  writer.u64(hello.met.value);
  writer.u64(hello.met_start);
  return body;
}

Result<Hello> decode_hello(std::string_view body) {
  Reader reader(body);
  if (reader.raw(kMagic.size()) != kMagic) {
    return Error{"the other side is not a Holdfast node; check the addresses and the peer port"};
  }
  const std::uint16_t version = reader.u16();
  if (version > kPeerVersion) {
    return Error{
        fmt::format("version {} of the peer protocol is newer than the {} spoken here; "
                    "upgrade the older node",
                    version, kPeerVersion)};
  }
  if (reader.ok() && version < kPeerVersion) {
    return Error{fmt::format(
        "version {} of the peer protocol is older than the {} spoken here; upgrade the older node",
        version, kPeerVersion)};
  }
  Hello hello;
  const std::uint8_t lane = reader.u8();
  hello.cluster = reader.u64();
  hello.node = NodeId(reader.u64());
  hello.folder_uid = reader.u64();
  hello.incarnation = Incarnation(reader.u64());
  hello.reaching = NodeId(reader.u64());
  const std::string_view nonce = reader.raw(hello.nonce.size());
  std::copy(nonce.begin(), nonce.end(), hello.nonce.begin());
  hello.list_version = reader.u64();
  hello.peer_address = reader.bytes(kGreetedAddress);
  hello.start = reader.u64();
  hello.met = Incarnation(reader.u64());
  hello.met_start = reader.u64();
  if (!reader.finished() || lane < 1 || lane > 3) {
    return Error{"a damaged greeting"};
  }
  hello.lane = static_cast<PeerLane>(lane);
  return hello;
}

std::string encode_refusal(std::string_view reason) {
  return std::string(reason.substr(0, kReasonBytes));
}

std::string decode_refusal(std::string_view body) {
  std::string reason(body.substr(0, kReasonBytes));
  for (char& c : reason) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return reason;
}

// ---- Bodies -------------------------------------------------------------------------------------

std::string encode_ping(const Ping& ping) {
  std::string body;
  Writer writer(body);
  writer.u64(ping.number);
  writer.u64(ping.heard_control);
  writer.u64(ping.heard_data);
  return body;
}

std::optional<Ping> decode_ping(std::string_view body) {
  Reader reader(body);
  Ping ping;
  ping.number = reader.u64();
  ping.heard_control = reader.u64();
  ping.heard_data = reader.u64();
  if (!reader.finished()) return std::nullopt;
  return ping;
}

std::string encode_forward(const Forward& forward) {
  std::string body;
  body.reserve(forward.record.size() + 17);
  Writer writer(body);
  writer.u8(forward.write ? 1 : 0);
  writer.epoch(forward.under);
  writer.raw(forward.record);
  return body;
}

std::optional<Forward> decode_forward(std::string_view body) {
  Reader reader(body);
  Forward forward;
  const std::uint8_t write = reader.u8();
  forward.under = reader.epoch();
  forward.record = reader.raw(reader.left());
  if (!reader.ok() || write > 1 || forward.record.empty()) return std::nullopt;
  forward.write = write == 1;
  return forward;
}

std::string encode_outcome(const Outcome& outcome) {
  std::string body;
  body.reserve(outcome.reply.size() + 41);
  Writer writer(body);
  writer.u64(outcome.origin.node.value);
  writer.u64(outcome.origin.incarnation.value);
  writer.u64(outcome.origin.connection.value);
  writer.u64(outcome.origin.request);
  writer.u8(static_cast<std::uint8_t>(outcome.verdict));
  writer.u64(outcome.index.value);
  writer.raw(outcome.reply);
  return body;
}

std::optional<Outcome> decode_outcome(std::string_view body) {
  Reader reader(body);
  Outcome outcome;
  outcome.origin.node = NodeId(reader.u64());
  outcome.origin.incarnation = Incarnation(reader.u64());
  outcome.origin.connection = ConnectionId(reader.u64());
  outcome.origin.request = reader.u64();
  const std::uint8_t verdict = reader.u8();
  outcome.index = Index(reader.u64());
  outcome.reply = reader.raw(reader.left());
  if (!reader.ok() || verdict < 1 || verdict > 5) return std::nullopt;
  outcome.verdict = static_cast<replica::Verdict>(verdict);
  return outcome;
}

std::string encode_snapshot_begin(const SnapshotBegin& begin) {
  std::string body;
  Writer writer(body);
  writer.u64(begin.transfer);
  writer.u32(begin.snapshot.group.value);
  writer.u64(begin.snapshot.index.value);
  writer.epoch(begin.snapshot.epoch);
  writer.u64(begin.snapshot.size);
  writer.u64(begin.snapshot.content);
  return body;
}

std::optional<SnapshotBegin> decode_snapshot_begin(std::string_view body) {
  Reader reader(body);
  SnapshotBegin begin;
  begin.transfer = reader.u64();
  begin.snapshot.group = GroupId(reader.u32());
  begin.snapshot.index = Index(reader.u64());
  begin.snapshot.epoch = reader.epoch();
  begin.snapshot.size = reader.u64();
  begin.snapshot.content = reader.u64();
  if (!reader.finished()) return std::nullopt;
  return begin;
}

std::string encode_snapshot_progress(const SnapshotProgress& progress) {
  std::string body;
  Writer writer(body);
  writer.u64(progress.transfer);
  writer.u64(progress.offset);
  writer.u8(progress.from_here ? 1 : 0);
  return body;
}

std::optional<SnapshotProgress> decode_snapshot_progress(std::string_view body) {
  Reader reader(body);
  SnapshotProgress progress;
  progress.transfer = reader.u64();
  progress.offset = reader.u64();
  const std::uint8_t from_here = reader.u8();
  if (!reader.finished() || from_here > 1) return std::nullopt;
  progress.from_here = from_here == 1;
  return progress;
}

std::string encode_snapshot_chunk(const SnapshotChunk& chunk) {
  std::string body;
  Writer writer(body);
  writer.u64(chunk.transfer);
  writer.u64(chunk.offset);
  return body;
}

std::optional<SnapshotChunk> decode_snapshot_chunk(std::string_view body) {
  Reader reader(body);
  SnapshotChunk chunk;
  chunk.transfer = reader.u64();
  chunk.offset = reader.u64();
  if (!reader.ok()) return std::nullopt;
  return chunk;
}

std::string encode_snapshot_end(std::uint64_t transfer) {
  std::string body;
  Writer(body).u64(transfer);
  return body;
}

std::optional<std::uint64_t> decode_snapshot_end(std::string_view body) {
  Reader reader(body);
  const std::uint64_t transfer = reader.u64();
  if (!reader.finished()) return std::nullopt;
  return transfer;
}

std::string encode_snapshot_result(const SnapshotResult& result) {
  std::string body;
  Writer writer(body);
  writer.u64(result.transfer);
  writer.u8(result.delivered ? 1 : 0);
  return body;
}

std::optional<SnapshotResult> decode_snapshot_result(std::string_view body) {
  Reader reader(body);
  SnapshotResult result;
  result.transfer = reader.u64();
  result.delivered = reader.u8() == 1;
  if (!reader.finished()) return std::nullopt;
  return result;
}

std::string encode_digest_report(const DigestReport& report) {
  std::string body;
  Writer writer(body);
  writer.u32(report.group.value);
  writer.u64(report.index.value);
  writer.u64(report.hash);
  return body;
}

std::optional<DigestReport> decode_digest_report(std::string_view body) {
  Reader reader(body);
  DigestReport report;
  report.group = GroupId(reader.u32());
  report.index = Index(reader.u64());
  report.hash = reader.u64();
  if (!reader.finished()) return std::nullopt;
  return report;
}

std::string encode_rebuild_order(const RebuildOrder& order) {
  std::string body;
  Writer writer(body);
  writer.u32(order.group.value);
  writer.epoch(order.under);
  writer.u64(order.index.value);
  return body;
}

std::optional<RebuildOrder> decode_rebuild_order(std::string_view body) {
  Reader reader(body);
  RebuildOrder order;
  order.group = GroupId(reader.u32());
  order.under = reader.epoch();
  order.index = Index(reader.u64());
  if (!reader.finished()) return std::nullopt;
  return order;
}

std::string encode_published(const Published& published) {
  std::string body;
  Writer writer(body);
  writer.bytes(published.channel);
  writer.bytes(published.message);
  return body;
}

std::optional<Published> decode_published(std::string_view body) {
  Reader reader(body);
  Published published;
  published.channel = reader.bytes();
  published.message = reader.bytes();
  if (!reader.finished()) return std::nullopt;
  return published;
}

std::string encode_snapshot_request(const SnapshotRequest& request) {
  std::string body;
  Writer writer(body);
  writer.u32(request.group.value);
  writer.u64(request.at_least.value);
  return body;
}

std::optional<SnapshotRequest> decode_snapshot_request(std::string_view body) {
  Reader reader(body);
  SnapshotRequest request;
  request.group = GroupId(reader.u32());
  request.at_least = Index(reader.u64());
  if (!reader.finished()) return std::nullopt;
  return request;
}

}  // namespace holdfast::server
