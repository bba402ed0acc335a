// Try, work, release: try_work_release ADDRESSES NAME FILE [TURNS]

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "endpoint.h"
#include "workshop.h"

using Clock = std::chrono::steady_clock;
constexpr auto kTimeOut = std::chrono::milliseconds(5000);

// The token is the value: whoever reads it there holds the lock, whatever became of the answer.
static bool try_lock(Endpoint& node, const std::string& name, const std::string& token) {
  const auto reply = node.call({"SET", name, token, "NX", "PX", std::to_string(kTimeOut.count())});
  if (reply) {
    return good(reply) && !reply->is_nil();
  }
  const auto holder = node.call({"GET", name});
  return holder && holder->text == token;
}

// Deletes the lock if it still carries our token. WATCH makes GET, compare and DEL one step, so it may
// be repeated until there is an answer.
static void release(Endpoint& node, const std::string& name, const std::string& token) {
  for (;;) {
    if (!good(node.call({"WATCH", name}))) {
      continue;
    }
    const auto holder = node.call({"GET", name});
    if (!good(holder)) {
      continue;
    }
    if (holder->text != token) {
      node.call({"UNWATCH"});
      return;
    }
    if (good(node.call({"MULTI"})) && good(node.call({"DEL", name}))) {
      const auto done = node.call({"EXEC"});
      if (done && done->type == REDIS_REPLY_ARRAY) {
        return;
      }
    }
  }
}

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: try_work_release HOST:PORT,… NAME FILE [TURNS]\n");
    return 2;
  }
  Endpoint node(words[1]);
  const std::string name = words[2];
  const int turns = count > 4 ? std::atoi(words[4]) : 10;
  for (int turn = 1; turn <= turns;) {
    const std::string token = unique_word();
    const Clock::time_point asked = Clock::now();
    const bool ours = try_lock(node, name, token);
    if (ours && Clock::now() - asked < kTimeOut / 2) {
      work_in(words[3]);
      ++turn;
    }
    if (ours) {
      release(node, name, token);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::printf("%d turns\n", turns);
}
