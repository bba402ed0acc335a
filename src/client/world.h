// What a client needs of the world: servers to dial, time, and chance. One for real, and one for
// tests, in which servers say what a script has them say and time passes when it is told to.
//
// Threads: a World any, a Channel one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/network.h"
#include "os/tls_context.h"
#include "resp/reply_parser.h"

namespace holdfast::client {

// A connection. After an Error it is of no use any more.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual Result<void> send(const std::vector<std::string_view>& words) = 0;
  // The next answer; nothing if none came within `patience`.
  virtual Result<std::optional<resp::Reply>> receive(Duration patience) = 0;
};

class World {
 public:
  virtual ~World() = default;
  virtual Result<std::unique_ptr<Channel>> dial(const env::Address& server, Duration patience) = 0;
  // Counts through suspend, never runs backwards.
  virtual Instant now() = 0;
  virtual void sleep(Duration time) = 0;
  virtual std::uint64_t random() = 0;
};

// This machine's. With `tls` over TLS.
std::shared_ptr<World> real_world(std::shared_ptr<const os::TlsContext> tls);

}  // namespace holdfast::client
