#include "workload/checkers/feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workload/checkers/describe.h"

namespace holdfast::workload {
namespace {

struct Change {
  std::int64_t revision = 0;
  std::string_view operation;
  std::string_view key;
  std::string_view value;
};

std::vector<Change> changes_of(std::string_view page) {
  std::vector<Change> changes;
  const auto part = [](std::string_view& word) {
    const std::string_view first = word.substr(0, word.find(':'));
    word.remove_prefix(std::min(word.size(), first.size() + 1));
    return first;
  };
  for (std::size_t at = page.find(' '); at != std::string_view::npos; at = page.find(' ')) {
    page.remove_prefix(at + 1);
    std::string_view word = page.substr(0, page.find(' '));
    Change change;
    change.revision = number_field(part(word), 0);
    change.operation = part(word);
    change.key = part(word);
    change.value = word;
    changes.push_back(change);
  }
  return changes;
}

// What one watcher was told, page after page.
class Watcher {
 public:
  Watcher(const History& history, const CheckOptions& options,
          const std::map<std::string_view, std::size_t>& writes, std::int64_t begun_ns)
      : history_(history), options_(options), writes_(writes), begun_ns_(begun_ns) {}

  Verdict on_page(std::size_t which, std::map<std::int64_t, std::string>& order) {
    const Operation& page = history_[which];
    if (page.arg != position_) return objection(which, "does not go on where it had come to");
    position_ = field(page.ret, 0);
    std::map<std::string_view, int> halves;
    const auto changes = changes_of(page.ret);
    for (const Change& change : changes) {
      if (change.revision <= last_) return objection(which, "tells of something again, or too late");
      last_ = change.revision;
      const std::string text = fmt::format("{}:{}:{}", change.operation, change.key, change.value);
      const auto [known, fresh] = order.emplace(change.revision, text);
      if (!fresh && known->second != text) {
        return objection(which, fmt::format("tells of {} what others were told as {}", text,
                                            known->second));
      }
      std::string_view& present = present_[std::string(change.key)];
      if (change.operation != "expire") present = change.value;
      if (change.operation != "set") continue;
      if (!writes_.contains(change.value)) {
        return objection(which, fmt::format("tells of {}, which nobody wrote", change.value));
      }
      ++halves[change.value];
      if (!told_[change.value].insert(change.key).second) {
        return objection(which, fmt::format("tells of {} twice", change.value));
      }
    }
    for (const auto& [value, count] : halves) {
      if (count == 2) continue;
      return objection(which, fmt::format("holds half of the transaction that wrote {}", value));
    }
    return changes.empty() ? on_end(which) : Verdict{};
  }

 private:
  // There was nothing more: everything that was done before it was asked has been told of.
  Verdict on_end(std::size_t which) const {
    const Operation& page = history_[which];
    for (const auto& [value, write] : writes_) {
      const Operation& written = history_[write];
      if (written.ended != Ended::ok || written.return_ns >= page.call_ns) continue;
      if (written.call_ns <= begun_ns_) continue;
      if (!told_.contains(value)) return objection(which, "does not know of a write", write);
      const std::int64_t ttl_ms = number_field(written.arg, 1);
      const auto there = present_.find(written.key + "a");
      if (ttl_ms == 0 || there == present_.end() || there->second != value) continue;
      const std::int64_t ended = std::max(written.return_ns, options_.calm_from.ns);
      if (options_.calm_from == Instant::never()) continue;
      if (page.call_ns > ended + options_.at_most_ns(ttl_ms) + options_.answer_within.ns) {
        return objection(which, "does not know that this has ended by itself", write);
      }
    }
    return {};
  }

  Verdict objection(std::size_t which, std::string_view why, std::size_t other = SIZE_MAX) const {
    std::vector<std::size_t> all = {which};
    if (other != SIZE_MAX) all.push_back(other);
    return {false, fmt::format("feeds: a page {}:{}", why, describe(history_, all))};
  }

  const History& history_;
  const CheckOptions& options_;
  const std::map<std::string_view, std::size_t>& writes_;
  const std::int64_t begun_ns_;
  std::string_view position_ = "0";
  std::int64_t last_ = 0;
  std::map<std::string_view, std::set<std::string_view>> told_;  // by value, the keys
  std::map<std::string, std::string_view, std::less<>> present_;  // values by key, "": gone
};

}  // namespace

Verdict check_feeds(const History& history, const CheckOptions& options) {
  std::map<std::string_view, std::size_t> writes;  // by value
  std::vector<std::size_t> pages;
  std::int64_t begun_ns = INT64_MAX;  // there is a feed for certain
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (operation.op == Op::pair_write && operation.ended != Ended::failed) {
      writes.emplace(field(operation.arg, 0), i);
    }
    if (operation.op != Op::feed_read || operation.ended != Ended::ok) continue;
    begun_ns = std::min(begun_ns, operation.return_ns);
    pages.push_back(i);
  }
  std::stable_sort(pages.begin(), pages.end(), [&](std::size_t a, std::size_t b) {
    return history[a].return_ns < history[b].return_ns;
  });
  std::map<std::uint32_t, Watcher> watchers;  // by client
  std::map<std::int64_t, std::string> order;  // by revision
  for (const std::size_t page : pages) {
    auto watcher = watchers.find(history[page].client);
    if (watcher == watchers.end()) {
      watcher = watchers.try_emplace(history[page].client, history, options, writes, begun_ns).first;
    }
    Verdict verdict = watcher->second.on_page(page, order);
    if (!verdict.ok) return verdict;
  }
  return {};
}

}  // namespace holdfast::workload
