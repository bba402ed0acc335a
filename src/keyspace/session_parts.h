// What a session consists of, and what keys, snapshots and restores need of it. For the files of
// keyspace/ only.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/codec.h"
#include "base/ids.h"
#include "base/time.h"
#include "keyspace/object.h"

namespace holdfast::keyspace {

struct Core;
struct BoundKey {
  Ending* ending = nullptr;  // the key's, which keeps its address
  Slot slot;
};

// Which keys are bound is written with the keys: `keys` follows from it.
struct Session {
  std::string name;  // of its place in the slot's table: the id, as bytes
  std::uint32_t position = 0;
  std::uint64_t id = 0;
  std::string label;
  std::int64_t ttl_ms = 0;
  ClusterTime opened;
  bool ending = false;
  std::map<std::uint64_t, BoundKey> keys;  // by Binding::bound_at
};

// A node of Session::keys and a Binding.
inline constexpr std::size_t kBindingBytes =
    sizeof(Binding) + sizeof(std::uint64_t) + sizeof(BoundKey) + 6 * sizeof(void*);

// The key is about to go: its session forgets it. The key itself is not touched.
void loosen(Core& core, const Object& object);

void encode_item(Writer& writer, const Session& session);
bool decode_session(Reader& reader, Core& core, Slot slot);
// After a load: every key that is bound finds its session. False: one does not.
bool bind_loaded_keys(Core& core);
// After a load: whether the sessions of all that is held, and waited for, are there.
bool loaded_holdings_have_sessions(const Core& core);

std::size_t session_memory(const Session& session);

}  // namespace holdfast::keyspace
