// What clients do, and how hard.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace holdfast::workload {

// Shares of each kind of operation, in parts of their sum.
struct Mix {
  std::uint32_t read = 0, write = 0, cas = 0, erase = 0;  // registers; reads also of other keys
  std::uint32_t add = 0, once_add = 0;                    // counters
  std::uint32_t insert = 0, read_all = 0;                 // sets
  std::uint32_t write_ttl = 0;                            // keys that end by themselves
  std::uint32_t lock = 0;  // acquire … renew, check, look, guarded_write … release, or let it end
  std::uint32_t session = 0;  // open … bind, keep … close, or let it end
  std::uint32_t set_if = 0;    // compare and set of registers by IFREV
  std::uint32_t throttle = 0;  // rate limits
  std::uint32_t feed = 0;      // pairs of keys, and one watcher for each client
  std::uint32_t latch = 0;     // latches that are set once, counted down and waited for
  std::uint32_t cache = 0;  // keys that one fetches while others wait, or write or remove them
  // Shared locks, semaphores, elections: acquire … renew, look, force … release, or let it end
  std::uint32_t hold = 0;
  std::uint32_t keys = 4;  // of each kind
  std::uint32_t locks = 2;
  std::uint32_t pipeline = 1;  // commands in one go, at most (chance decides how many)
  std::uint32_t clients = 5;
  Duration think = milliseconds(20);  // mean pause between an answer and the next command
  std::uint32_t value_bytes = 0;      // values are padded to so many
  std::string prefix = {};            // of every name: for clusters that hold other data
};

}  // namespace holdfast::workload
