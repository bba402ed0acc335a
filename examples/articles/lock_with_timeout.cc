// A lock with a time-out: lock_with_timeout ADDRESSES NAME FILE [TURNS]

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "endpoint.h"
#include "workshop.h"

using Clock = std::chrono::steady_clock;
constexpr auto kTimeOut = std::chrono::milliseconds(5000);

// Returns when the lock is taken: the time until which it is surely ours.
static Clock::time_point acquire(Endpoint& node, const std::string& name) {
  for (;;) {
    const Clock::time_point asked = Clock::now();
    const auto reply = node.call({"SET", name, "taken", "NX", "PX", std::to_string(kTimeOut.count())});
    if (good(reply) && !reply->is_nil()) {
      return asked + kTimeOut;
    }
    // Another has it, or we do and were not told; its time-out ends both.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// DEL takes away whoever's lock it is. So it is sent once, and only while there is time enough that it
// cannot arrive after the time-out; otherwise the time-out does its work.
static void release(Endpoint& node, const std::string& name, Clock::time_point until) {
  if (until - Clock::now() > kTimeOut / 2) {
    node.call({"DEL", name});
  }
}

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: lock_with_timeout HOST:PORT,… NAME FILE [TURNS]\n");
    return 2;
  }
  Endpoint node(words[1]);
  const int turns = count > 4 ? std::atoi(words[4]) : 10;
  for (int turn = 1; turn <= turns; ++turn) {
    const Clock::time_point until = acquire(node, words[2]);
    if (until - Clock::now() > kTimeOut / 4) {
      work_in(words[3]);
    }
    release(node, words[2], until);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // now the others
  }
  std::printf("%d turns\n", turns);
}
