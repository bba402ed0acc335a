// What one connection says over and over in a closed loop: it waits for each answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/prng.h"
#include "base/time.h"
#include "load/wire.h"

namespace holdfast::load {

// What followed from an answer.
struct Step {
  std::uint32_t units = 0;  // of what is measured, finished by it
  Duration pause{};         // until begin() is called again; else the talk has sent what comes next
  bool ended = false;       // has no more to say
};

class Talk {
 public:
  virtual ~Talk() = default;
  // The first words, and the next ones after a pause.
  virtual void begin(std::string& out) = 0;
  // An answer that makes no sense ends the load: std::runtime_error.
  virtual Step on_answer(const Answer& answer, std::string& out) = 0;
};

struct TalkOptions {
  std::string kind{};
  std::uint64_t keys = 100'000;  // or names of locks
  std::uint64_t total = 0;       // for `fill`: how many keys, of all connections together
  std::uint32_t connections = 50;
  std::uint32_t pipeline = 1;
  std::string value_sizes = "16";  // "16" or "1024,65536": in turn
  std::uint32_t wait = 1;          // for `wait`: replicas
  std::string run{};  // stands in names of locks: what another run left held is none of ours
};

// One for each connection, by the kind:
//   set        SET of random keys, as many at once as the pipeline says
//   fill       SET of each key once; of none that `set` writes, which would take the place of large values
//   wait       SET, then WAIT; the unit is both. In one write, if the pipeline is more than 1.
//   lock       LOCK.ACQUIRE, then LOCK.RELEASE with its token; the unit is both
//   redis-lock SET NX PX, then EVAL that compares and deletes; the unit is both
//   contend    the same as lock on one name, waiting in its queue
//   redis-poll the same as redis-lock on one name, trying again every 10 ms or so
std::unique_ptr<Talk> make_talk(const TalkOptions& options, std::uint32_t connection, Prng prng);

}  // namespace holdfast::load
