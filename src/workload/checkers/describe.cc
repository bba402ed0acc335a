#include "workload/checkers/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace holdfast::workload {
namespace {

constexpr std::size_t kShown = 100;
constexpr std::size_t kAround = 12;

std::string cut(const std::string& text) {
  if (text.size() <= kShown) return text;
  return text.substr(0, kShown / 2) + "…" + text.substr(text.size() - kShown / 2);
}

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

std::string describe(const Operation& operation) {
  std::string text =
      fmt::format("client {} {} {}", operation.client, name_of(operation.op), cut(operation.key));
  if (!operation.arg.empty()) text += " " + cut(operation.arg);
  switch (operation.ended) {
    case Ended::ok:
      text += operation.ret.empty() ? " -> nothing" : " -> " + cut(operation.ret);
      break;
    case Ended::failed:
      text += " -> not done";
      break;
    case Ended::unknown:
      text += " -> unknown";
      break;
  }
  if (operation.ended == Ended::unknown) {
    return text + fmt::format("  [{:.6f} …", ms(operation.call_ns));
  }
  return text + fmt::format("  [{:.6f} … {:.6f}]", ms(operation.call_ns), ms(operation.return_ns));
}

std::string describe(const History& history, const std::vector<std::size_t>& which) {
  std::string text;
  for (const std::size_t i : which) text += "\n  " + describe(history[i]);
  return text;
}

std::string describe_around(const History& history, std::size_t which) {
  const auto distance = [&](std::size_t i) {
    return std::abs(history[i].call_ns - history[which].call_ns);
  };
  std::vector<std::size_t> near;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].key == history[which].key) near.push_back(i);
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(near.size(), kAround));
  std::partial_sort(near.begin(), near.begin() + count, near.end(),
                    [&](std::size_t a, std::size_t b) {
                      return std::pair(distance(a), a) < std::pair(distance(b), b);
                    });
  near.resize(static_cast<std::size_t>(count));
  std::sort(near.begin(), near.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(history[a].call_ns, a) < std::pair(history[b].call_ns, b);
  });
  std::string text;
  for (const std::size_t i : near) {
    text += fmt::format("\n{} {}", i == which ? "->" : "  ", describe(history[i]));
  }
  return text;
}

}  // namespace holdfast::workload
