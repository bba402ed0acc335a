// The names of keys and locks that clients share, and values that nobody else writes.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "workload/mix.h"

namespace holdfast::workload {

class Names {
 public:
  Names(const Mix& mix, std::uint32_t client)
      : prefix_(mix.prefix),
        client_(client),
        value_bytes_(mix.value_bytes),
        generations_(mix.keys, 0) {}

  // Unique over the run: "client.number".
  std::string fresh_name() { return fmt::format("{}.{}", client_, ++last_value_); }
  // The same, "_" behind it until it is as long as values are to be.
  std::string fresh_value() {
    std::string value = fresh_name();
    value.resize(std::max<std::size_t>(value.size(), value_bytes_), '_');
    return value;
  }

  std::string name(char kind, std::uint64_t number) const {
    std::string name = prefix_;
    name += kind;
    return name += std::to_string(number);
  }
  std::string short_lived(std::uint64_t client, std::uint64_t number) const {
    return fmt::format("{}t{}.{}", prefix_, client, number);
  }
  // A key for one session, never used again.
  std::string ephemeral() { return fmt::format("{}e{}", prefix_, fresh_name()); }
  // What a semaphore's limit is, as far as this client knows.
  std::int64_t limit(std::uint64_t number, std::int64_t first) const {
    const auto known = limits_.find(number);
    return known == limits_.end() ? first : known->second;
  }
  void saw_limit(std::uint64_t number, std::int64_t limit) { limits_[number] = limit; }
  // A set that has grown large is left for a new one, which each client finds by itself.
  std::string set(std::uint64_t number) const {
    return fmt::format("{}s{}.{}", prefix_, number, generations_.at(number));
  }
  void saw_set(std::uint64_t number, std::string_view name, std::int64_t bytes) {
    if (bytes >= kLargeSet && name == set(number)) ++generations_.at(number);
  }

 private:
  static constexpr std::int64_t kLargeSet = 400;

  std::string prefix_;
  std::uint32_t client_;
  std::uint32_t value_bytes_;
  std::uint64_t last_value_ = 0;
  std::vector<std::uint32_t> generations_;  // of each set
  std::map<std::uint64_t, std::int64_t> limits_;
};

}  // namespace holdfast::workload
