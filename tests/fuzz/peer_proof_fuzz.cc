// A stranger that does not know the cluster's secret, at both ends of a greeting: whatever it says,
// the owner of the link hears nothing of it. It has one honest greeting recorded and mixes that in.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/prng.h"
#include "server/peer_link.h"
#include "server/peer_proof.h"

namespace holdfast::server {
namespace {

PeerKeys keys_of(std::uint64_t seed) {
  return {{"the secret of the cluster"}, [random = Prng(seed)]() mutable { return random.next(); }};
}

struct Stream final : env::Stream {
  void send(std::string_view bytes) override { sent += bytes.size(); }
  void send(SharedBytes bytes) override { sent += bytes.size(); }
  std::size_t pending() const override { return 0; }
  void pause_reading(bool) override {}
  void close(bool) override {}
  env::Address local() const override { return {"127.0.0.1", 1}; }
  env::Address remote() const override { return {"127.0.0.1", 2}; }

  std::size_t sent = 0;
};

struct Network final : env::Network {
  Result<std::unique_ptr<env::Listener>> listen(const env::Address&, env::AcceptHandler) override {
    return Error{"nobody listens here"};
  }
  env::Stream& connect(const env::Address&, std::shared_ptr<env::StreamHandler>) override {
    return stream;
  }

  Stream stream;
};

// What a link may tell of a stranger: that it was turned away, or that it refused.
struct Owner final : PeerLink::Owner {
  void on_frame(PeerLink&, Frame frame) override {
    CHECK(dialled && frame.kind != FrameKind::welcome, "believed without a proof");
  }
  void on_turned_away(PeerLink&, std::string_view reason) override { CHECK(!reason.empty()); }
  void on_link_closed(PeerLink&, std::string_view) override {
    CHECK(!closed);
    closed = true;
  }

  bool dialled = false;
  bool closed = false;
};

struct Recording {
  Recording() {
    const PeerKeys one = keys_of(1);
    const PeerKeys two = keys_of(2);
    DiallerProof dialler(one);
    AcceptorProof acceptor(two);
    hello = dialler.hello({PeerLane::data, 7, NodeId(1), 8, Incarnation(2), NodeId(2), {}});
    challenge = **acceptor.on_hello(hello);
    proof = *dialler.on_challenge(challenge);
    CHECK(acceptor.on_proof(proof).ok());
    welcome = acceptor.welcome({PeerLane::data, 7, NodeId(2), 9, Incarnation(3), {}, {}});
    CHECK(dialler.on_welcome(welcome).ok());
  }
  std::string hello, challenge, proof, welcome;
};

// Reads kind, which recorded part stands first, length, bytes; again and again.
std::string well_formed(std::string_view bytes) {
  static const Recording recording;
  const std::string parts[] = {
      {}, recording.hello, recording.challenge, recording.proof, recording.welcome};
  std::string framed;
  while (bytes.size() >= 3) {
    const auto kind = static_cast<FrameKind>(1 + static_cast<std::uint8_t>(bytes[0]) %
                                                     static_cast<int>(kLastFrameKind));
    std::string body = parts[static_cast<std::uint8_t>(bytes[1]) % 5];
    const std::string_view more = bytes.substr(3, static_cast<std::uint8_t>(bytes[2]));
    bytes.remove_prefix(3 + more.size());
    // Behind the recorded part, or changing it.
    if (!body.empty() && more.size() == 2) {
      char& one = body[static_cast<std::uint8_t>(more[0]) % body.size()];
      one = static_cast<char>(one ^ more[1]);
    } else {
      body += more;
    }
    framed += make_frame(kind, body);
  }
  return framed;
}

void shout(std::string_view bytes) {
  const PeerKeys keys = keys_of(3);
  {
    Owner owner;
    Stream stream;
    const auto link = PeerLink::accept(stream, keys, owner);
    link->on_bytes(bytes);
    // One challenge, or a refusal of a line: nobody makes a node say much.
    CHECK(stream.sent <= 2 * kGreetingFrame);
  }
  Owner owner;
  owner.dialled = true;
  Network network;
  const auto link = PeerLink::dial(network, {"127.0.0.1", 2}, keys, owner);
  link->greet({});
  link->on_bytes(bytes);
  link->close(true);
}

}  // namespace
}  // namespace holdfast::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  shout(bytes);
  shout(well_formed(bytes));
  static_cast<void>(parse_secrets(bytes));
  return 0;
}
