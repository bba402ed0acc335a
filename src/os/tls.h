// TLS over the TCP of the same loop: whoever uses env::Network does not see the difference.
//
// A stream is told to its owner once both sides have greeted and shown what they must; what has not
// within kPatience is closed, and of kMostGreeting at a time no more are let in. What a turn has
// queued is sealed at its end, and leaves in the one write of the TCP stream beneath. Greetings
// cost the processor milliseconds: a turn takes part in kGreetingsPerTurn steps of them, the rest
// wait for the next one, so that a flood of them cannot put off everything else.
//
// Threads: the loop's. Lifetime: dies before the TCP network; then no handler is called any more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/trace.h"
#include "env/network.h"
#include "os/event_loop.h"
#include "os/tcp.h"
#include "os/tls_context.h"

namespace holdfast::os {

class TlsNetwork final : public env::Network {
 public:
  static constexpr Duration kPatience = seconds(5);
  static constexpr std::size_t kMostGreeting = 512;
  static constexpr int kGreetingsPerTurn = 8;

  struct Options {
    std::shared_ptr<const TlsContext> context;
    // Told in plain to whoever dials and does not speak TLS, before he is turned away.
    std::string plain_answer = {};
    // Accepted streams are spread over the TCP network's loops (os/spread.h): sockets there, TLS
    // here.
    bool spread = false;
  };

  TlsNetwork(EventLoop& loop, TcpNetwork& tcp, Trace& trace, Options options);
  ~TlsNetwork() override;

  // For connections from now on; the others keep what they began with.
  void use(std::shared_ptr<const TlsContext> context);
  const TlsContext& context() const;

  Result<std::unique_ptr<env::Listener>> listen(const env::Address& address,
                                                env::AcceptHandler accept) override;
  env::Stream& connect(const env::Address& address,
                       std::shared_ptr<env::StreamHandler> handler) override;

  // Shared with streams and listeners (os/tls_stream.h).
  struct Shared;

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace holdfast::os
