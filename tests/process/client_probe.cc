// A program that uses the client library, for tests/process/test_client.py: says what it was told,
// a line at a time, with the time of the machine in seconds, which all programs on it share.
//
//   client_probe SERVERS count KEY TIMES         "sum N" for each
//   client_probe SERVERS plain KEY TIMES         the same without ONCE
//   client_probe SERVERS take NAME ROUNDS MS     "held FENCE FROM UNTIL": surely held in between
//   client_probe SERVERS hold NAME TTL_MS        "acquired TOKEN", then "lost HELD REASON" when it
//   is
//   client_probe SERVERS session KEY TTL_MS      "opened ID", KEY bound to it; then "lost REASON"
//   when it is, or "closed" at the end of its input
//
// What failed is printed as "failed FATE KIND".
#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "holdfast/client.h"
#include "holdfast/counter.h"
#include "holdfast/mutex.h"
#include "holdfast/session.h"

namespace {

using std::chrono::milliseconds;

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void say(const holdfast::Failure& failure) {
  const char* const fate = failure.fate == holdfast::Fate::unknown ? "unknown" : "not_done";
  say(fmt::format("failed {} {} {}", fate, failure.kind, failure.message));
}

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

void count(holdfast::Client client, const std::string& key, int times, bool once) {
  holdfast::Counter counter(client, key);
  for (int i = 0; i < times; ++i) {
    if (once) {
      const auto sum = counter.add();
      sum ? say(fmt::format("sum {}", *sum)) : say(sum.failure());
    } else {
      const auto sum = client.write({"INCR", key});
      sum ? say(fmt::format("sum {}", sum->integer)) : say(sum.failure());
    }
  }
}

void take(const holdfast::Client& client, const std::string& name, int rounds, milliseconds hold) {
  for (int i = 0; i < rounds; ++i) {
    const double began = now();
    auto lock = holdfast::Mutex::acquire(
        client, name, {.ttl = milliseconds(1500), .wait = std::chrono::seconds(60)});
    if (!lock) {
      say(lock.failure());
      continue;
    }
    const double from = now();
    double until = from;
    while (now() - from < std::chrono::duration<double>(hold).count()) {
      const double moment = now();  // before it is asked
      if (!lock->held()) break;
      until = moment;
      std::this_thread::sleep_for(milliseconds(1));
    }
    const auto released = lock->release();
    say(fmt::format("held {} {:.6f} {:.6f} {:.3f} {}", lock->fence(), from, until, from - began,
                    released ? "released" : released.failure().kind));
  }
}

void hold(const holdfast::Client& client, const std::string& name, milliseconds ttl) {
  std::mutex mutex;
  std::condition_variable changed;
  std::string reason;
  const auto lost = [&](std::string_view why) {
    const std::lock_guard guard(mutex);
    reason = why;
    changed.notify_all();
  };
  auto lock = holdfast::Mutex::acquire(client, name, {.ttl = ttl, .lost = lost});
  if (!lock) return say(lock.failure());
  say(fmt::format("acquired {}", lock->token()));
  std::unique_lock guard(mutex);
  changed.wait(guard, [&] { return !reason.empty(); });
  say(fmt::format("lost {} {}", lock->held() ? "held" : "gone", reason));
}

void keep(holdfast::Client client, const std::string& key, milliseconds ttl) {
  auto session = holdfast::Session::open(
      client, {.ttl = ttl, .name = "probe", .lost = [](std::string_view why) {
                 say(fmt::format("lost {}", why));
                 std::fflush(nullptr);
                 std::_Exit(0);
               }});
  if (!session) return say(session.failure());
  if (auto set = client.write({"SET", key, "here"}); !set) return say(set.failure());
  if (auto bound = session->bind({key}); !bound) return say(bound.failure());
  say(fmt::format("opened {}", session->id()));
  std::string line;
  std::getline(std::cin, line);
  const auto closed = session->close();
  closed ? say("closed") : say(closed.failure());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) return 2;
  holdfast::ClientOptions options{.servers = {}};
  for (std::size_t at = 0; at < words[0].size();) {
    const std::size_t comma = std::min(words[0].find(',', at), words[0].size());
    options.servers.push_back(words[0].substr(at, comma - at));
    at = comma + 1;
  }
  auto client = holdfast::Client::open(options);
  if (!client) {
    say(client.failure());
    return 1;
  }
  const int number = std::atoi(words[3].c_str());
  if (words[1] == "count") count(*client, words[2], number, true);
  if (words[1] == "plain") count(*client, words[2], number, false);
  if (words[1] == "take") {
    take(*client, words[2], number, milliseconds(std::atoi(words.at(4).c_str())));
  }
  if (words[1] == "session") keep(*client, words[2], milliseconds(number));
  if (words[1] == "hold") hold(*client, words[2], milliseconds(number));
  return 0;
}
