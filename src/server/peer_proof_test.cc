#include "server/peer_proof.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "server/client_test_tools.h"
#include "server/peer_link.h"

namespace holdfast::server {
namespace {

using testing::FakeStream;

const std::string kSecret = "a secret of the cluster";
const std::string kOther = "another secret entirely";

PeerKeys keys_of(std::vector<std::string> secrets, std::uint64_t seed) {
  return {std::move(secrets), [random = Prng(seed)]() mutable { return random.next(); }};
}

Hello hello_of(std::uint64_t node) {
  return {PeerLane::data, 0xc1, NodeId(node), 0xf000 + node, Incarnation(3), NodeId(3 - node), {}};
}

// A greeting between two nodes, as far as it goes.
struct Greeting {
  Greeting(std::vector<std::string> one, std::vector<std::string> two, std::uint64_t seed = 1)
      : dialler_keys(keys_of(std::move(one), seed)), acceptor_keys(keys_of(std::move(two), ~seed)) {
    run();
  }
  void run() {
    hello = dialler.hello(hello_of(1));
    const auto asked = acceptor.on_hello(hello);
    if (!asked) return fail(asked.error());
    if (*asked) {
      challenge = **asked;
      const auto given = dialler.on_challenge(challenge);
      if (!given) return fail(given.error());
      proof = *given;
      if (const auto taken = acceptor.on_proof(proof); !taken) return fail(taken.error());
    }
    welcome = acceptor.welcome(hello_of(2));
    const auto reached = dialler.on_welcome(welcome);
    if (!reached) return fail(reached.error());
    done = reached->node == NodeId(2);
  }
  void fail(const Error& error) { refusal = error.message; }

  PeerKeys dialler_keys;
  PeerKeys acceptor_keys;
  DiallerProof dialler{dialler_keys};
  AcceptorProof acceptor{acceptor_keys};
  std::string hello, challenge, proof, welcome, refusal;
  bool done = false;
};

// ---- Who gets in --------------------------------------------------------------------------------

TEST(PeerProof, NodesOfOneSecretMeet) {
  const Greeting with({kSecret}, {kSecret});
  EXPECT_TRUE(with.done) << with.refusal;
  EXPECT_TRUE(with.acceptor.believed());
  const Greeting without({}, {});
  EXPECT_TRUE(without.done) << without.refusal;
  EXPECT_TRUE(without.challenge.empty());
}

TEST(PeerProof, AllOthersDoNot) {
  EXPECT_NE(Greeting({kOther}, {kSecret}).refusal.find("does not know"), std::string::npos);
  EXPECT_NE(Greeting({kSecret}, {}).refusal.find("the one it reached has none"), std::string::npos);
  EXPECT_NE(Greeting({}, {kSecret}).refusal.find("dialled has no cluster secret"),
            std::string::npos);
  for (const auto& [one, two] : {std::pair{kOther, kSecret}, std::pair{kSecret, std::string()}}) {
    const Greeting greeting({one}, two.empty() ? std::vector<std::string>() : std::vector{two});
    EXPECT_FALSE(greeting.done);
    EXPECT_FALSE(greeting.acceptor.believed());
  }
}

TEST(PeerProof, ASecretIsChangedOneNodeAfterTheOther) {
  EXPECT_TRUE(Greeting({kSecret}, {kSecret, kOther}).done);
  EXPECT_TRUE(Greeting({kSecret, kOther}, {kSecret}).done);
  EXPECT_TRUE(Greeting({kSecret, kOther}, {kOther, kSecret}).done);
  EXPECT_TRUE(Greeting({kOther}, {kOther, kSecret}).done);
  EXPECT_FALSE(Greeting({kSecret}, {kOther}).done);
}

// ---- What does not help -------------------------------------------------------------------------

TEST(PeerProof, ARecordedGreetingIsOfNoUse) {
  const Greeting recorded({kSecret}, {kSecret});
  ASSERT_TRUE(recorded.done);
  // To the same node again, whose nonces are new ones.
  AcceptorProof again(recorded.acceptor_keys);
  const auto asked = again.on_hello(recorded.hello);
  ASSERT_TRUE(asked.ok() && *asked);
  EXPECT_NE(**asked, recorded.challenge);
  EXPECT_FALSE(again.on_proof(recorded.proof).ok());
  EXPECT_FALSE(again.believed());
  // As the answer to a node that dials again.
  DiallerProof dials(recorded.dialler_keys);
  dials.hello(hello_of(1));
  ASSERT_TRUE(dials.on_challenge(recorded.challenge).ok());
  EXPECT_FALSE(dials.on_welcome(recorded.welcome).ok());
}

TEST(PeerProof, AProofSentBackToItsMakerIsOfNoUse) {
  const PeerKeys keys = keys_of({kSecret}, 5);
  DiallerProof dialler(keys);
  const std::string hello = dialler.hello(hello_of(1));
  // Who was dialled knows nothing, and answers with what it hears.
  const auto proof = dialler.on_challenge(hello.substr(hello.size() - sizeof(Nonce)));
  ASSERT_TRUE(proof.ok());
  EXPECT_FALSE(dialler.on_welcome(encode_hello(hello_of(2)) + *proof).ok());
  EXPECT_FALSE(dialler.on_welcome(hello + *proof).ok());
}

TEST(PeerProof, EveryByteThatWasSaidIsVouchedFor) {
  const Greeting greeting({kSecret}, {kSecret});
  for (std::size_t i = 0; i < greeting.hello.size(); ++i) {
    std::string changed = greeting.hello;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    AcceptorProof acceptor(greeting.acceptor_keys);
    const auto asked = acceptor.on_hello(changed);
    if (!asked) continue;  // makes no sense any more
    // The dialler's proof for this very challenge, of what it did say.
    const PeerKeys same = keys_of({kSecret}, 1);
    DiallerProof dialler(same);
    ASSERT_EQ(dialler.hello(hello_of(1)), greeting.hello);
    const auto proof = dialler.on_challenge(**asked);
    EXPECT_FALSE(acceptor.on_proof(*proof).ok()) << "byte " << i;
  }
  for (std::size_t i = 0; i < greeting.welcome.size(); ++i) {
    std::string changed = greeting.welcome;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    DiallerProof dialler = greeting.dialler;
    EXPECT_FALSE(dialler.on_welcome(changed).ok()) << "byte " << i;
  }
}

TEST(PeerProof, NothingIsLeftOutOrAskedTwice) {
  const PeerKeys keys = keys_of({kSecret}, 5);
  DiallerProof dialler(keys);
  dialler.hello(hello_of(1));
  EXPECT_FALSE(dialler.on_welcome(encode_hello(hello_of(2))).ok()) << "no challenge, no proof";
  const std::string challenge(sizeof(Nonce), 'c');
  EXPECT_FALSE(dialler.on_challenge(challenge.substr(1)).ok());
  EXPECT_TRUE(dialler.on_challenge(challenge).ok());
  EXPECT_FALSE(dialler.on_challenge(challenge).ok()) << "proofs are not made to order";
  EXPECT_FALSE(dialler.on_welcome(encode_hello(hello_of(2))).ok()) << "a welcome without a proof";

  AcceptorProof acceptor(keys);
  EXPECT_FALSE(acceptor.on_proof(std::string(kProofBytes, 'p')).ok()) << "before any greeting";
  EXPECT_FALSE(acceptor.on_proof({}).ok());
  Hello hello = hello_of(1);
  hello.nonce[0] = 1;
  ASSERT_TRUE(acceptor.on_hello(encode_hello(hello)).ok());
  EXPECT_FALSE(acceptor.on_hello(encode_hello(hello)).ok()) << "a second greeting";
  EXPECT_FALSE(acceptor.on_proof({}).ok());
  EXPECT_FALSE(acceptor.believed());
}

// ---- On a link ----------------------------------------------------------------------------------

struct Owner final : PeerLink::Owner {
  void on_frame(PeerLink& link, Frame frame) override {
    heard.push_back(frame.kind);
    if (frame.kind == FrameKind::hello) link.welcome(hello_of(2));
  }
  void on_turned_away(PeerLink&, std::string_view reason) override { turned_away = reason; }
  void on_link_closed(PeerLink&, std::string_view) override { closed = true; }

  std::vector<FrameKind> heard;
  std::string turned_away;
  bool closed = false;
};

TEST(PeerProof, AnOwnerHearsNothingFromWhoHasNotProvedItself) {
  const PeerKeys keys = keys_of({kSecret}, 5);
  Hello hello = hello_of(1);
  hello.nonce[0] = 1;
  const std::string greeting = make_frame(FrameKind::hello, encode_hello(hello));
  for (const FrameKind next : {FrameKind::proof, FrameKind::forward, FrameKind::report,
                               FrameKind::welcome, FrameKind::challenge, FrameKind::hello}) {
    Owner owner;
    FakeStream stream("127.0.0.1:1");
    const auto link = PeerLink::accept(stream, keys, owner);
    link->on_bytes(greeting);
    EXPECT_FALSE(stream.closed);
    link->on_bytes(make_frame(next, std::string(kProofBytes, 'x')));
    EXPECT_TRUE(owner.heard.empty());
    EXPECT_FALSE(owner.turned_away.empty());
    EXPECT_TRUE(owner.closed && stream.closed);
  }
}

TEST(PeerProof, LittleIsTakenBeforeTheProof) {
  Owner owner;
  FakeStream stream("127.0.0.1:1");
  const PeerKeys keys = keys_of({kSecret}, 5);
  const auto link = PeerLink::accept(stream, keys, owner);
  link->on_bytes(make_frame(FrameKind::hello, std::string(2000, 'x')));
  EXPECT_NE(stream.take().find("where 13 to 1024 are allowed"), std::string::npos);
  EXPECT_TRUE(stream.closed);
}

// ---- The file -----------------------------------------------------------------------------------

TEST(PeerProof, ASecretIsALine) {
  const auto one = parse_secrets(kSecret + "\n");
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(*one, std::vector{kSecret});
  EXPECT_EQ(*parse_secrets(kSecret), std::vector{kSecret});
  EXPECT_EQ(*parse_secrets(kSecret + "\r\n" + kOther + "\r\n"), (std::vector{kSecret, kOther}));
  EXPECT_EQ(*parse_secrets(kSecret + "\n\n"), std::vector{kSecret});
  const auto refusal = [](std::string_view content) {
    const auto parsed = parse_secrets(content);
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_NE(refusal("").find("empty"), std::string::npos);
  EXPECT_NE(refusal("\n").find("empty"), std::string::npos);
  EXPECT_NE(refusal("too short").find("16 to 1024"), std::string::npos);
  EXPECT_NE(refusal(std::string(1025, 's')).find("16 to 1024"), std::string::npos);
  EXPECT_NE(refusal(kSecret + "\nshort\n").find("line 2"), std::string::npos);
  EXPECT_NE(refusal(kSecret + "\n\n" + kOther).find("line 2"), std::string::npos);
  EXPECT_NE(refusal(kSecret + "\n" + kOther + "\n" + kSecret).find("more than 2"),
            std::string::npos);
  EXPECT_NE(refusal(std::string("a secret with \0 inside", 22)).find("control"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::server
