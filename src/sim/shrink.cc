#include "sim/shrink.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::sim {
namespace {

// The smallest number of nodes that can lose one and go on.
constexpr std::uint32_t kFewNodes = 3;

std::string key_of(const Decisions& decisions) {
  std::string key =
      fmt::format("{} {} {}\n", decisions.clients, decisions.length.ns, decisions.nodes);
  for (const Fault& fault : decisions.faults) key += fault.text() + '\n';
  return key;
}

Duration whole_seconds(Duration length) {
  return seconds((length.ns + seconds(1).ns - 1) / seconds(1).ns);
}

class Search {
 public:
  Search(const Decisions& start, std::string_view way,
         const std::function<Outcome(const Decisions&)>& run, std::uint32_t budget)
      : best_(start), way_(way), run_(run), budget_(budget) {
    known_[key_of(start)] = true;
  }

  Shrunk go() {
    Decisions before;
    do {
      before = best_;
      drop_faults();
      drop_clients();
      shorten();
      drop_nodes();
    } while (!exhausted_ && !(before == best_));
    return {best_, runs_, !exhausted_};
  }

 private:
  // Takes it over if it fails in the same way.
  bool accept(Decisions smaller) {
    if (exhausted_) return false;
    const auto [known, is_new] = known_.try_emplace(key_of(smaller), false);
    if (is_new) {
      if (runs_ == budget_) {
        exhausted_ = true;
        return false;
      }
      ++runs_;
      const Outcome outcome = run_(smaller);
      known->second = outcome.failed && outcome.way == way_;
    }
    if (known->second) best_ = std::move(smaller);
    return known->second;
  }

  void drop_faults();
  bool drop_one_part(std::size_t parts);
  void drop_clients();
  void shorten();
  void drop_nodes();

  Decisions best_;
  std::string way_;
  const std::function<Outcome(const Decisions&)>& run_;
  std::uint32_t budget_;
  std::uint32_t runs_ = 0;
  bool exhausted_ = false;
  std::map<std::string, bool> known_;  // what was run: whether it failed in the same way
};

// ddmin: halves are left out, then quarters, … then single faults.
void Search::drop_faults() {
  if (best_.faults.empty()) return;
  Decisions none = best_;
  none.faults.clear();
  if (accept(std::move(none))) return;
  std::size_t parts = 2;
  while (!exhausted_ && best_.faults.size() > 1) {
    if (drop_one_part(parts)) {
      parts = std::max<std::size_t>(2, parts - 1);
    } else if (parts >= best_.faults.size()) {
      return;
    } else {
      parts = std::min(best_.faults.size(), parts * 2);
    }
  }
}

bool Search::drop_one_part(std::size_t parts) {
  const std::size_t count = best_.faults.size();
  for (std::size_t part = 0; part < parts && !exhausted_; ++part) {
    const auto begin = static_cast<std::ptrdiff_t>(count * part / parts);
    const auto end = static_cast<std::ptrdiff_t>(count * (part + 1) / parts);
    if (begin == end) continue;
    Decisions smaller = best_;
    smaller.faults.erase(smaller.faults.begin() + begin, smaller.faults.begin() + end);
    if (accept(std::move(smaller))) return true;
  }
  return false;
}

void Search::drop_clients() {
  bool fewer = true;
  while (fewer && best_.clients > 1) {
    fewer = false;
    for (const std::uint32_t clients : {1u, best_.clients / 2, best_.clients - 1}) {
      if (clients == 0 || fewer) continue;
      Decisions smaller = best_;
      smaller.clients = clients;
      fewer = accept(std::move(smaller));
    }
  }
}

// What would come after the new end is not played any more.
void Search::shorten() {
  bool shorter = true;
  while (shorter) {
    shorter = false;
    const Duration length = best_.length;
    const Duration last = best_.faults.empty() ? Duration{} : best_.faults.back().at;
    for (const Duration end : {length / 4, length / 2, last, length * 3 / 4, length - seconds(1)}) {
      const Duration whole = std::max(seconds(1), whole_seconds(end));
      if (shorter || whole >= length) continue;
      Decisions smaller = best_;
      smaller.length = whole;
      std::erase_if(smaller.faults, [whole](const Fault& fault) { return fault.at > whole; });
      shorter = accept(std::move(smaller));
    }
  }
}

// Faults that name a node that is not there are not played any more.
void Search::drop_nodes() {
  bool fewer = true;
  while (fewer && best_.nodes > kFewNodes) {
    fewer = false;
    for (const std::uint32_t nodes : {kFewNodes, best_.nodes - 1}) {
      if (fewer) continue;
      Decisions smaller = best_;
      smaller.nodes = nodes;
      std::erase_if(smaller.faults, [nodes](const Fault& fault) {
        return std::any_of(fault.nodes.begin(), fault.nodes.end(),
                           [nodes](MachineId id) { return id > nodes; });
      });
      fewer = accept(std::move(smaller));
    }
  }
}

}  // namespace

std::string_view way_of(std::string_view problem) { return problem.substr(0, problem.find(':')); }

Shrunk shrink(const Decisions& start, std::string_view way,
              const std::function<Outcome(const Decisions&)>& run, std::uint32_t budget) {
  return Search(start, way, run, budget).go();
}

}  // namespace holdfast::sim
