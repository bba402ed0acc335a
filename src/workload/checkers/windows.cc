#include "workload/checkers/windows.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace holdfast::workload {
namespace {

// Which operation wrote a value; nobody if several did, so that nothing is concluded from it.
class Writers {
 public:
  static constexpr std::size_t kNobody = SIZE_MAX;

  explicit Writers(const History& history) {
    for (std::size_t i = 0; i < history.size(); ++i) {
      const Operation& operation = history[i];
      if (operation.ended == Ended::failed) continue;
      if (operation.op == Op::insert) {
        add(operation.key, operation.arg, i);
      } else if (const auto value = value_written(operation); !value.empty()) {
        add(key_written(operation), value, i);
      }
    }
  }

  std::size_t find(std::string_view key, std::string_view value) const {
    const auto found = writers_.find(name(key, value));
    return found == writers_.end() ? kNobody : found->second;
  }

 private:
  static std::string name(std::string_view key, std::string_view value) {
    return std::string(key).append(1, '\0').append(value);
  }
  void add(std::string_view key, std::string_view value, std::size_t which) {
    const auto [at, fresh] = writers_.emplace(name(key, value), which);
    if (!fresh) at->second = kNobody;
  }

  std::unordered_map<std::string, std::size_t> writers_;
};

// Calls see(writer, reader) for each value that was seen.
template <class See>
void for_each_sighting(const History& history, const Writers& writers, const See& see) {
  const auto look_up = [&](std::size_t reader, std::string_view value) {
    const std::size_t writer = writers.find(history[reader].key, value);
    if (writer != Writers::kNobody && writer != reader) see(writer, reader);
  };
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (operation.ended != Ended::ok) continue;
    if (operation.op == Op::read && !operation.ret.empty()) look_up(i, operation.ret);
    if (operation.op == Op::cas) look_up(i, field(operation.arg, 0));
    if (operation.op != Op::read_all) continue;
    for (std::string_view rest = operation.ret; !rest.empty();) {
      const std::string_view element = field(rest, 0);
      look_up(i, element);
      rest.remove_prefix(std::min(rest.size(), element.size() + 1));
    }
  }
}

// Indexes of the operations that have a place in an order, connection by connection.
std::vector<std::size_t> by_session(const History& history) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].ended != Ended::failed && in_session_order(history[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Operation& x = history[a];
    const Operation& y = history[b];
    return std::tie(x.client, x.connection, x.place, a) <
           std::tie(y.client, y.connection, y.place, b);
  });
  return order;
}

bool same_connection(const Operation& a, const Operation& b) {
  return a.client == b.client && a.connection == b.connection;
}

void follow_sessions(const History& history, const std::vector<std::size_t>& order,
                     std::vector<Window>& windows) {
  // Nothing takes effect before what was sent earlier did …
  std::int64_t earliest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    Window& window = windows[order[k]];
    if (k == 0 || !same_connection(history[order[k - 1]], history[order[k]])) earliest = INT64_MIN;
    window.earliest = std::max(window.earliest, earliest);
    if (window.certain) earliest = window.earliest;
  }
  // … nor after what was sent later.
  std::int64_t latest = kOpen;
  for (std::size_t k = order.size(); k-- > 0;) {
    Window& window = windows[order[k]];
    if (k + 1 == order.size() || !same_connection(history[order[k + 1]], history[order[k]])) {
      latest = kOpen;
    }
    window.latest = std::min(window.latest, latest);
    if (window.certain) latest = window.latest;
  }
}

}  // namespace

bool in_session_order(const Operation& operation) {
  if (operation.place == kNoPlace) return false;
  if (operation.op == Op::latch_wait) return false;
  if (operation.op == Op::cache_get) return number_field(operation.arg, 1) <= 0;
  const bool acquires = operation.op == Op::acquire || operation.op == Op::take;
  return !acquires || number_field(operation.arg, 2) <= 0;
}

std::string_view value_written(const Operation& operation) {
  switch (operation.op) {
    case Op::write:
      return operation.arg;
    case Op::write_ttl:
      return field(operation.arg, 0);
    case Op::cas:
      return operation.ended == Ended::ok && operation.ret != "1" ? std::string_view()
                                                                  : field(operation.arg, 1);
    case Op::guarded_write:
      return operation.ended == Ended::ok && operation.ret.empty() ? std::string_view()
                                                                   : field(operation.arg, 2);
    default:
      return {};
  }
}

std::string_view key_written(const Operation& operation) {
  if (operation.op == Op::guarded_write) return field(operation.arg, 1);
  return operation.key;
}

std::vector<Window> windows_of(const History& history) {
  std::vector<Window> windows;
  windows.reserve(history.size());
  for (const Operation& operation : history) {
    const bool ok = operation.ended == Ended::ok;
    const std::int64_t latest = operation.ended == Ended::failed ? operation.call_ns - 1
                                : ok                             ? operation.return_ns
                                                                 : kOpen;
    windows.push_back({operation.call_ns, latest, ok});
  }
  const Writers writers(history);
  const std::vector<std::size_t> sessions = by_session(history);
  // What is concluded from one may help the other; twice is enough to be useful.
  for (int round = 0; round < 2; ++round) {
    for_each_sighting(history, writers, [&](std::size_t writer, std::size_t reader) {
      windows[writer].certain = true;
      windows[writer].latest = std::min(windows[writer].latest, windows[reader].latest);
      windows[reader].earliest = std::max(windows[reader].earliest, windows[writer].earliest);
    });
    follow_sessions(history, sessions, windows);
  }
  return windows;
}

}  // namespace holdfast::workload
