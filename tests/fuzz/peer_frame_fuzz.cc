// Whatever bytes a stranger sends to the peer port: frames are the same however they are cut,
// memory follows what came, and no body crashes its decoder.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "server/bootstrap.h"
#include "server/peer_frame.h"

namespace holdfast::server {
namespace {

struct Decoded {
  std::vector<std::pair<FrameKind, std::string>> frames;
  std::string error;

  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view bytes, std::size_t piece) {
  Decoded decoded;
  FrameDecoder decoder;
  std::size_t fed = 0;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    decoder.feed(part);
    fed += part.size();
    bytes.remove_prefix(part.size());
    while (auto frame = decoder.next()) {
      decoded.frames.emplace_back(frame->kind, frame->body.view());
    }
    CHECK(decoder.buffered() <= fed);
  }
  decoded.error = decoder.error();
  return decoded;
}

// What a fuzzer can hardly make by itself: frames whose checksums are right. Takes the bytes as
// kind, length, body, again and again.
void check_well_formed(std::string_view bytes) {
  std::string framed;
  Decoded expected;
  while (bytes.size() >= 2) {
    const auto kind = static_cast<FrameKind>(1 + static_cast<std::uint8_t>(bytes[0]) %
                                                     static_cast<int>(kLastFrameKind));
    const std::string_view body = bytes.substr(2, static_cast<std::uint8_t>(bytes[1]));
    bytes.remove_prefix(2 + body.size());
    framed += make_frame(kind, body);
    expected.frames.emplace_back(kind, body);
  }
  CHECK(decode(framed, framed.size() + 1) == expected);
  CHECK(decode(framed, 3) == expected);
  if (framed.empty()) return;
  // And one changed bit is seen.
  framed[framed.size() / 2] = static_cast<char>(framed[framed.size() / 2] ^ 0x10);
  const Decoded damaged = decode(framed, framed.size() + 1);
  CHECK(!damaged.error.empty() && damaged.frames.size() < expected.frames.size());
}

void decode_bodies(std::string_view body) {
  if (const auto hello = decode_hello(body)) CHECK(decode_hello(encode_hello(*hello)).ok());
  CHECK(decode_refusal(body).size() <= 1000);
  if (const auto forward = decode_forward(body)) CHECK(encode_forward(*forward) == body);
  if (const auto outcome = decode_outcome(body)) CHECK(encode_outcome(*outcome) == body);
  if (const auto begin = decode_snapshot_begin(body)) CHECK(encode_snapshot_begin(*begin) == body);
  if (const auto progress = decode_snapshot_progress(body)) {
    CHECK(encode_snapshot_progress(*progress) == body);
  }
  static_cast<void>(decode_snapshot_chunk(body));
  static_cast<void>(decode_snapshot_end(body));
  static_cast<void>(decode_snapshot_result(body));
  if (const auto digest = decode_digest_report(body)) CHECK(encode_digest_report(*digest) == body);
  if (const auto order = decode_rebuild_order(body)) CHECK(encode_rebuild_order(*order) == body);
  if (const auto wish = decode_snapshot_request(body)) {
    CHECK(encode_snapshot_request(*wish) == body);
  }
  if (const auto report = decode_report(body)) {
    CHECK(*decode_report(encode_report(*report)) == *report);
  }
  if (const auto answer = decode_answer(body)) {
    CHECK(*decode_answer(encode_answer(*answer)) == *answer);
  }
}

}  // namespace
}  // namespace holdfast::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decode(bytes, bytes.size() + 1);
  CHECK(decode(bytes, 1) == whole);
  CHECK(decode(bytes, 7) == whole);
  for (const auto& [kind, body] : whole.frames) decode_bodies(body);
  decode_bodies(bytes);
  check_well_formed(bytes);
  return 0;
}
