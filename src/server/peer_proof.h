// Who may speak on the peer port of a cluster with a secret: each side proves to the other that it
// knows the secret, before anything else is believed. Format: docs/formats/peer.md; why it is made
// so: docs/decisions/0011-the-secret-of-a-cluster.md.
//
//   dialler                              acceptor
//   hello, with a nonce           →
//                                 ←      challenge: a nonce
//   proof                         →
//                                 ←      welcome, with a proof
//
// A proof is an HMAC-SHA256 over the side it is given by and all that was said before, both nonces
// included: a recorded one is good for no other connection, and none can be sent back to its maker.
// It says who opened the connection. It does not encrypt, and does not vouch for what follows.
//
// Without a secret the answer to a hello is the welcome. A node with a secret and one without do
// not talk to each other.
//
// Threads: the loop's. Pure: the nonces' randomness is passed in.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/peer_frame.h"

namespace holdfast::server {

inline constexpr std::size_t kProofBytes = 32;
// Of one secret, in bytes.
inline constexpr std::size_t kShortestSecret = 16;
inline constexpr std::size_t kLongestSecret = 1024;
inline constexpr std::size_t kMaxSecrets = 2;

// The content of a secret file: a line for each secret. The first is the one that this node proves
// itself with; a second one is accepted as well, while a cluster goes from one to the other. The
// error never shows any of it.
Result<std::vector<std::string>> parse_secrets(std::string_view content);

// What a node has to prove itself with. Empty: nothing, and nothing is asked of others.
struct PeerKeys {
  std::vector<std::string> secrets;
  // Must not be foreseeable where the network is not trusted. Set if there are secrets.
  std::function<std::uint64_t()> random;

  bool empty() const { return secrets.empty(); }
  Nonce nonce() const;
};

// The dialler's side of one connection. Errors are for people, and end the connection.
class DiallerProof {
 public:
  explicit DiallerProof(const PeerKeys& keys) : keys_(keys) {}

  // The body of the hello frame.
  std::string hello(Hello hello);
  // The body of the proof frame that answers this challenge.
  Result<std::string> on_challenge(std::string_view body);
  // Who was reached; an error also if it has not proved itself and should have.
  Result<Hello> on_welcome(std::string_view body);

 private:
  const PeerKeys& keys_;
  std::string hello_;
  std::string challenge_;  // empty: none yet
};

// The side that was dialled.
class AcceptorProof {
 public:
  explicit AcceptorProof(const PeerKeys& keys) : keys_(keys) {}

  // The body of the challenge frame; nothing: the hello may be believed as it is (no secret).
  Result<std::optional<std::string>> on_hello(std::string_view body);
  // No error: the hello may be believed now.
  Result<void> on_proof(std::string_view body);
  // What was said in the hello, once it may be believed.
  bool believed() const { return believed_; }
  const std::string& hello() const { return hello_; }
  // The body of the welcome frame. REQUIRES: believed().
  std::string welcome(const Hello& self) const;

 private:
  const PeerKeys& keys_;
  std::string hello_;
  std::string challenge_;
  std::size_t secret_ = 0;  // which one the dialler has proved to know
  bool believed_ = false;
};

}  // namespace holdfast::server
