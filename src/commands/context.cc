#include "commands/context.h"

#include "routing/slot.h"

namespace holdfast::commands {

const keyspace::Object* ReadContext::find(std::string_view name) {
  const keyspace::Object* const object = keyspace.find(key_of(name));
  if (object == nullptr || !object->due(now.cluster)) return object;
  if (!inside_entry) escalate = true;
  return nullptr;
}

// Both are views of the same record, so that the place alone tells.
keyspace::Key WriteContext::key(std::string_view name) const {
  const bool same = name.data() == ahead.name.data() && name.size() == ahead.name.size();
  return same && !name.empty() ? ahead : key_of(name);
}

const keyspace::Object* WriteContext::find(const keyspace::Key& key) {
  const keyspace::Object* const object = keyspace.find(key);
  if (object == nullptr || !object->due(now.cluster)) return object;
  keyspace.erase(key, true);
  happened(keyspace::KeyEvents::expired, "expired", key.name);
  return nullptr;
}

ReadContext WriteContext::reading() {
  return ReadContext{
      .keyspace = keyspace, .now = now, .reply = reply, .random = random, .inside_entry = true};
}

keyspace::Key key_of(std::string_view name) { return {name, routing::slot_of(name)}; }

}  // namespace holdfast::commands
