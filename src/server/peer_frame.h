// What travels between nodes: frames (length, kind, body), and the greeting that opens each
// connection. Format: docs/formats/peer.md.
//
// The decoder is fed bytes and asked for frames. Nothing a stranger sends is trusted: a length is
// bounded before it is used, and memory follows the bytes that came, not those announced. Nothing
// that a wire has changed gets through: the header has a checksum of its own, so that a damaged
// length is not waited for, and the body's stands in it. TCP's sum misses what a faulty network
// card or switch does to a packet before it computes that sum.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "replica/outbox.h"
#include "storage/snapshot_file.h"

namespace holdfast::server {

enum class FrameKind : std::uint8_t {
  hello = 1,    // first on every connection, from the node that dialled
  welcome = 2,  // the answer: who was reached
  refused = 3,  // the other answer: why not; then the connection ends
  ping = 4,     // "I live, and hear you"
  message = 5,  // between replicas of a group
  forward = 6,  // a client's command, to the leader
  outcome = 7,  // how it ended, to where it came from
  snapshot_begin = 8,
  snapshot_chunk = 9,
  snapshot_end = 10,
  snapshot_result = 11,
  report = 12,           // founding lane: "I am an empty folder at this place"
  answer = 13,           // founding lane
  digest = 14,           // what a replica found at a check, to the leader
  rebuild = 15,          // from the leader: your data is wrong
  snapshot_wanted = 16,  // to the leader: send me one that is new enough
  challenge = 17,        // the answer to a hello, if the cluster has a secret
  proof = 18,            // the answer to that: peer_proof.h
  snapshot_progress = 19,  // how much of a snapshot has come, or from where it is wanted
  published = 20,          // PUBLISH: to who listens at the receiver; from level 3 on
};
inline constexpr FrameKind kLastFrameKind = FrameKind::published;

// A frame as it arrived; the body is its own buffer and may be kept.
struct Frame {
  FrameKind kind = FrameKind::ping;
  SharedBytes body;
};

// Length of what follows it (u32), kind (u8), checksum of the body (u64), checksum of these (u32).
inline constexpr std::size_t kFrameHeader = 17;
inline constexpr std::size_t kFrameLength = 4;  // the first so many bytes of it
// Before the greeting is over. A refusal must fit, which is the longest of what is said then.
inline constexpr std::uint32_t kGreetingFrame = 1024;
// On the founding lane.
inline constexpr std::uint32_t kSmallFrame = 64 * 1024;
// Afterwards. An entry with one command of the longest words must fit.
inline constexpr std::uint32_t kLargestFrame = 1u << 30;

// To stand before a body of this length and checksum (base/checksum.h, seed 0).
// REQUIRES: the body is not too large.
std::string frame_header(FrameKind kind, std::size_t body_bytes, std::uint64_t body_checksum);
std::string make_frame(FrameKind kind, std::string_view body);

class FrameDecoder {
 public:
  void set_limit(std::uint32_t bytes) { limit_ = bytes; }
  // REQUIRES: next() has returned nothing since the last feed (it has taken all whole frames), or
  // error() is set. The view is copied.
  void feed(std::string_view bytes);
  // The next whole frame; nothing if more bytes are needed or after an error.
  std::optional<Frame> next();
  // Not empty: what was wrong. Nothing more will be decoded.
  const std::string& error() const { return error_; }
  std::size_t buffered() const { return buffer_.size() - position_ + body_.size(); }

 private:
  bool read_header();
  bool fail(std::string error);

  std::uint32_t limit_ = kGreetingFrame;
  std::string buffer_;        // bytes not yet looked at
  std::size_t position_ = 0;  // in buffer_
  bool in_body_ = false;
  FrameKind kind_ = FrameKind::ping;
  std::uint64_t body_checksum_ = 0;
  std::size_t missing_ = 0;  // of the body
  std::string body_;
  std::string error_;
};

// ---- Greeting -----------------------------------------------------------------------------------

// Raised when an older node would misunderstand a newer one. 2: frames carry checksums. 3: the
// greeting carries a nonce. 4: it says how new the speaker's list of members is, and his address. 5: the
// receiver of a snapshot says from where on it wants it, and how much it has. 6: starts have ids.
inline constexpr std::uint16_t kPeerVersion = 6;

enum class PeerLane : std::uint8_t {
  control = 1,   // small and urgent
  data = 2,      // entries, forwards, outcomes, snapshots
  founding = 3,  // before there is a cluster, and asking for one's place in it
};

// Never seen before on any connection; all zero: the speaker has no secret.
using Nonce = std::array<std::uint8_t, 32>;

// A longer address is left out of a greeting; none that long gets into a list (commands/roster.h).
inline constexpr std::size_t kGreetedAddress = 512;

// Who speaks. In a welcome, who was reached. `node` and `cluster` are 0 without a cluster.
struct Hello {
  PeerLane lane = PeerLane::control;
  std::uint64_t cluster = 0;
  NodeId node;
  std::uint64_t folder_uid = 0;
  Incarnation incarnation;
  NodeId reaching;   // whom the dialler believes to reach; 0: whoever answers
  Nonce nonce = {};  // the dialler's; in a welcome zero
  // So that who was away for long hears of new members from themselves: how new the speaker's list of
  // members is, in which he stands, and where he is reached (HOST:PORT). 0 and "" on the founding lane.
  std::uint64_t list_version = 0;
  std::string peer_address = {};
  // The random number of the speaker's start, and which start of the listener he met last: a listener
  // who knows nothing of that one is an older copy of its folder. 0: none (founding lane, never met).
  std::uint64_t start = 0;
  Incarnation met = {};
  std::uint64_t met_start = 0;

  bool operator==(const Hello&) const = default;
};

std::string encode_hello(const Hello& hello);
// An error says for people which side is newer, or that the other side is no Holdfast node.
Result<Hello> decode_hello(std::string_view body);

// The refusal that a cluster's first second is full of.
inline constexpr std::string_view kNotYet = "this node is not part of a cluster yet";
std::string encode_refusal(std::string_view reason);
// Never longer than a line, never with control characters.
std::string decode_refusal(std::string_view body);

// ---- Bodies -------------------------------------------------------------------------------------

// What a node says at a steady pace on each of its lanes: see hearing.h.
struct Ping {
  std::uint64_t number = 0;         // of this ping on this lane
  std::uint64_t heard_control = 0;  // the newest of the other side's; 0: none
  std::uint64_t heard_data = 0;
};
std::string encode_ping(const Ping& ping);
std::optional<Ping> decode_ping(std::string_view body);

struct Forward {
  bool write = false;
  Epoch under;
  std::string_view record;  // into the body
};
std::string encode_forward(const Forward& forward);
std::optional<Forward> decode_forward(std::string_view body);

struct Outcome {
  Origin origin;
  replica::Verdict verdict = replica::Verdict::unknown;
  Index index;
  std::string_view reply;  // into the body
};
std::string encode_outcome(const Outcome& outcome);
std::optional<Outcome> decode_outcome(std::string_view body);

struct SnapshotBegin {
  std::uint64_t transfer = 0;  // the sender's name for it; grows
  storage::SnapshotIdentity snapshot;
};
std::string encode_snapshot_begin(const SnapshotBegin& begin);
std::optional<SnapshotBegin> decode_snapshot_begin(std::string_view body);

// The receiver has everything up to this offset of the file; nothing is sent before its first word.
struct SnapshotProgress {
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;
  bool from_here = false;  // the next chunk that it takes begins here, whatever was sent
};
std::string encode_snapshot_progress(const SnapshotProgress& progress);
std::optional<SnapshotProgress> decode_snapshot_progress(std::string_view body);

struct SnapshotChunk {
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;
};
inline constexpr std::size_t kSnapshotChunkHeader = 16;
std::string encode_snapshot_chunk(const SnapshotChunk& chunk);  // without its bytes
std::optional<SnapshotChunk> decode_snapshot_chunk(std::string_view body);

struct SnapshotResult {
  std::uint64_t transfer = 0;
  bool delivered = false;
};
std::string encode_snapshot_end(std::uint64_t transfer);
std::optional<std::uint64_t> decode_snapshot_end(std::string_view body);
std::string encode_snapshot_result(const SnapshotResult& result);
std::optional<SnapshotResult> decode_snapshot_result(std::string_view body);

// What a replica found at the check at this index.
struct DigestReport {
  GroupId group;
  Index index;
  std::uint64_t hash = 0;
};
std::string encode_digest_report(const DigestReport& report);
std::optional<DigestReport> decode_digest_report(std::string_view body);

// Your data differs from the majority's, as the check at this index has shown.
struct RebuildOrder {
  GroupId group;
  Epoch under;
  Index index;
};
std::string encode_rebuild_order(const RebuildOrder& order);
std::optional<RebuildOrder> decode_rebuild_order(std::string_view body);

// A snapshot of this index or a later one.
struct SnapshotRequest {
  GroupId group;
  Index at_least;
};
// Views into the body.
struct Published {
  std::string_view channel;
  std::string_view message;
};
std::string encode_published(const Published& published);
std::optional<Published> decode_published(std::string_view body);

std::string encode_snapshot_request(const SnapshotRequest& request);
std::optional<SnapshotRequest> decode_snapshot_request(std::string_view body);

}  // namespace holdfast::server
