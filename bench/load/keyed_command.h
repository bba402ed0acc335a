// A command whose key is written over each time: nothing is formatted while a load runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::load {

class KeyedCommand {
 public:
  static KeyedCommand set(std::string_view value);
  static KeyedCommand get();

  void append(std::string& out, std::uint64_t key);

 private:
  explicit KeyedCommand(std::string bytes);

  std::string bytes_;
  std::size_t digits_;
};

// SET with values of each of these sizes: "16", or "1024,65536".
std::vector<KeyedCommand> sets_of(std::string_view sizes);

}  // namespace holdfast::load
