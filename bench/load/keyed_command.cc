#include "load/keyed_command.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "load/wire.h"

namespace holdfast::load {

KeyedCommand::KeyedCommand(std::string bytes)
    : bytes_(std::move(bytes)), digits_(bytes_.find("key:") + 4) {}

KeyedCommand KeyedCommand::set(std::string_view value) {
  return KeyedCommand(command({"SET", key_name(0), value}));
}

KeyedCommand KeyedCommand::get() { return KeyedCommand(command({"GET", key_name(0)})); }

void KeyedCommand::append(std::string& out, std::uint64_t key) {
  put_digits(bytes_.data() + digits_, key);
  out += bytes_;
}

std::vector<KeyedCommand> sets_of(std::string_view sizes) {
  std::vector<KeyedCommand> sets;
  while (!sizes.empty()) {
    const auto part = sizes.substr(0, sizes.find(','));
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), size);
    if (error != std::errc() || end != part.data() + part.size()) {
      throw std::runtime_error("sizes are numbers with commas between: " + std::string(sizes));
    }
    sets.push_back(KeyedCommand::set(std::string(size, 'v')));
    sizes.remove_prefix(std::min(part.size() + 1, sizes.size()));
  }
  return sets;
}

}  // namespace holdfast::load
