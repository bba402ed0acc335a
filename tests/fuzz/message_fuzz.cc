// Bytes from a peer: decode_message neither crashes nor reads past them, and what it accepts comes
// out of encode_message as it was. Checksums would keep a fuzzer outside, so the first byte of the
// input says whether they are made right before decoding.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/checksum.h"
#include "consensus/message_codec.h"
#include "consensus/protocol.h"

namespace holdfast::consensus {
namespace {

// Builds a message from fields that the fuzzer chooses, for the engine to face.
void feed_engine(const Message& decoded) {
  ProtocolOptions options;
  options.group = decoded.group;
  options.self = decoded.to;
  if (!options.self) return;
  Membership membership;
  membership.voters = {NodeId(1), NodeId(2), NodeId(3)};
  auto engine =
      make_protocol(options, {{1, NodeId(1)}, {{}, {}, membership}, {}}, Instant{}, Prng(1));
  Effects effects;
  for (int i = 0; i < 2; ++i) {
    effects.clear();
    engine->step(Instant{i}, Received{decoded}, effects);
    engine->check_invariants();
  }
}

void decode(std::string bytes) {
  const auto decoded = decode_message(SharedBytes(bytes));
  if (!decoded) return;
  std::vector<SharedBytes> parts;
  encode_message(*decoded, parts);
  std::string again;
  for (const SharedBytes& part : parts) again += part.view();
  // Numbers may have been written longer than need be; then the second time settles it.
  const auto twice = decode_message(SharedBytes(again));
  CHECK(twice.ok() && twice->entries.size() == decoded->entries.size());
  CHECK(twice->epoch == decoded->epoch && twice->index == decoded->index);
  feed_engine(*decoded);
}

// Puts the right checksum before the head, as long as the input says it is.
std::string with_checksum(std::string bytes) {
  if (bytes.size() < 12) return bytes;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  length %= static_cast<std::uint32_t>(bytes.size() - 12 + 1);
  std::memcpy(bytes.data(), &length, sizeof length);
  const std::uint64_t sum = checksum(std::string_view(bytes).substr(12, length), kMessageHeadSeed);
  std::memcpy(bytes.data() + 4, &sum, sizeof sum);
  return bytes;
}

}  // namespace
}  // namespace holdfast::consensus

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0) bytes = holdfast::consensus::with_checksum(std::move(bytes));
  holdfast::consensus::decode(std::move(bytes));
  return 0;
}
