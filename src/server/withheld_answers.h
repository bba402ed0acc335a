// Answers of a connection that were read before it was shown that this node still led then
// (replica::EarlyAnswer), in the order of their requests. They leave when that is shown; if it turns
// out otherwise they are forgotten, and what was asked is asked again: reads have no effect.
//
// Threads: the loop's. Owns: the answers and the bytes of the requests.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "commands/command_table.h"
#include "consensus/protocol.h"
#include "server/metrics.h"

namespace holdfast::server {

class WithheldAnswers {
 public:
  // `request`: its bytes, as they came. A ticket of 0: of that of the answer before it.
  void add(const commands::CommandSpec& spec, consensus::ReadTicket ticket, Instant arrived,
           std::string_view request, std::string_view reply);

  bool any() const { return !answers_.empty(); }
  // When its request came. REQUIRES: any().
  Instant oldest() const { return answers_.front().arrived; }
  std::size_t size() const { return answers_.size(); }
  std::size_t bytes() const { return replies_.size() + requests_.size(); }

  // The answers of this ticket and those before it, counted as given; to be followed by
  // forget_released(). Valid until the next call of anything else.
  std::string_view release(consensus::ReadTicket ticket, Instant now, Metrics& metrics);
  void forget_released();
  // Forgets all answers. Returns the replies in their place, each this error, counted as given.
  std::string refuse(std::string_view error, Instant now, Metrics& metrics);
  // Forgets all answers. Returns what was asked.
  std::string take_requests();

 private:
  struct Answer {
    const commands::CommandSpec* spec;
    consensus::ReadTicket ticket;
    Instant arrived;
    std::size_t replies_end;  // up to and with this one
    std::size_t requests_end;
  };

  std::vector<Answer> answers_;
  std::string replies_;
  std::string requests_;
  std::size_t released_ = 0;
};

}  // namespace holdfast::server
