#include "consensus/protocol.h"
#include "consensus/raft/raft.h"

namespace holdfast::consensus {

std::unique_ptr<Protocol> make_protocol(const ProtocolOptions& options, Recovered recovered,
                                        Instant now, Prng prng) {
  switch (options.engine) {
    case Engine::raft:
      return std::make_unique<Raft>(options, std::move(recovered), now, prng);
    case Engine::paxos:
    case Engine::primary:
      return nullptr;
  }
  return nullptr;
}

}  // namespace holdfast::consensus
