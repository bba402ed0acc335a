// LIST of coordination objects: NAME.LIST [MATCH pattern] [CURSOR c] [COUNT n] → {cursor, names}.
//
// As SCAN: a cursor of 0 begins and ends it, and what is there from the first to the last call is
// told at least once. MATCH leaves out of what is looked at, so a page may be empty.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "commands/context.h"

namespace holdfast::commands {

struct ListOptions {
  std::optional<std::string_view> match;
  std::uint64_t cursor = 0;
  std::size_t count = 100;  // 1 to 10,000 objects are looked at in one call
};

// Reads the words from `first` on. An error text otherwise.
std::optional<std::string> read_list(Args args, std::size_t first, ListOptions& options);

// Looks at `count` names from the cursor on, calling visit(name) for each; returns the next cursor.
using NameWalk = std::function<std::uint64_t(
    std::uint64_t cursor, std::size_t count, const std::function<void(std::string_view)>& visit)>;
// Reads the words and answers them.
void answer_list(ReadContext& context, Args args, const NameWalk& walk);

}  // namespace holdfast::commands
