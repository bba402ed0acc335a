// Bytes of a peer message. Format: docs/formats/peer.md.
//
// The payloads of entries are not copied: encoding gives parts to be sent one after the other, and
// decoding shares the buffer that arrived.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "consensus/message.h"

namespace holdfast::consensus {

// Seeds the checksum of a message's head, so that no entry's payload passes for one.
inline constexpr std::uint64_t kMessageHeadSeed = 0x6c6961746e6165;

// Appends the parts of the message to `parts`.
void encode_message(const Message& message, std::vector<SharedBytes>& parts);

// Refuses what is short, long, of an unknown kind, not contiguous, or whose entries fail their
// content checksum. The entries' payloads are parts of `bytes`.
Result<Message> decode_message(const SharedBytes& bytes);

}  // namespace holdfast::consensus
