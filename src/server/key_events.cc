#include "server/key_events.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kOthers = "lshzetd";

}  // namespace

bool KeyEventFlags::includes(keyspace::KeyEvents events) const {
  switch (events) {
    case keyspace::KeyEvents::generic:
      return generic;
    case keyspace::KeyEvents::string:
      return string;
    case keyspace::KeyEvents::expired:
      return expired;
    case keyspace::KeyEvents::fresh:
      return fresh;
  }
  return false;
}

std::string KeyEventFlags::text() const {
  std::string out;
  if (generic && string && expired && others.size() == kOthers.size()) {
    out += 'A';
  } else {
    if (generic) out += 'g';
    if (string) out += '$';
    if (expired) out += 'x';
    out += others;
  }
  if (by_key) out += 'K';
  if (by_event) out += 'E';
  if (fresh) out += 'n';
  return out;
}

std::optional<KeyEventFlags> KeyEventFlags::parse(std::string_view text) {
  KeyEventFlags flags;
  std::string others;
  for (const char c : text) {
    switch (c) {
      case 'A':
        flags.generic = flags.string = flags.expired = true;
        others += kOthers;
        break;
      case 'K':
        flags.by_key = true;
        break;
      case 'E':
        flags.by_event = true;
        break;
      case 'g':
        flags.generic = true;
        break;
      case '$':
        flags.string = true;
        break;
      case 'x':
        flags.expired = true;
        break;
      case 'n':
        flags.fresh = true;
        break;
      default:
        if (kOthers.find(c) == std::string_view::npos) return std::nullopt;
        others += c;
    }
  }
  for (const char c : kOthers) {
    if (others.find(c) != std::string::npos) flags.others += c;
  }
  return flags;
}

}  // namespace holdfast::server
