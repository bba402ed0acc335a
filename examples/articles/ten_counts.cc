// Ten counts: ten_counts ADDRESSES NAME [--once]

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "endpoint.h"

// The command itself is wrong: asking again would not help.
static bool refused(const std::optional<Reply>& reply) {
  return reply && reply->is_error() && reply->text.starts_with("ERR");
}

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: ten_counts HOST:PORT,… NAME [--once]\n");
    return 2;
  }
  Endpoint node(words[1]);
  const bool once = count > 3 && std::string(words[3]) == "--once";
  int counted = 0;
  int unclear = 0;
  while (counted + unclear < 10) {
    // A plain INCR without an answer may or may not have been done; repeated, it may count twice.
    // Under an id it is done once, however often it is asked for.
    std::vector<std::string> command = {"INCR", words[2]};
    if (once) {
      command.insert(command.begin(), {"ONCE", unique_word()});
    }
    auto reply = node.call(command);
    while (once && !good(reply) && !refused(reply)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      reply = node.call(command);
    }
    if (refused(reply)) {
      std::printf("%s\n", reply->text.c_str());
      return 1;
    }
    if (!reply) {
      ++unclear;
    } else if (reply->type == REDIS_REPLY_INTEGER) {
      ++counted;
      std::printf("%lld\n", reply->integer);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  std::printf("%d counted, %d unclear\n", counted, unclear);
}
