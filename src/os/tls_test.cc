#include "os/tls.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "os/test_certificates.h"
#include "os/test_loop.h"
#include "os/tls_session.h"

namespace holdfast::os {
namespace {

using Ask = TlsSettings::Ask;

// Warnings, as they would be written.
struct RecordingTrace final : Trace {
  bool enabled(Level) const override { return true; }
  void write(Level, std::string_view event, std::initializer_list<Field> fields) override {
    text += event;
    for (const Field& field : fields) text += " " + std::string(field.name) + "=" + field.value;
    text += "\n";
  }
  std::string text;
};

class TlsTest : public testing::Test {
 protected:
  // Server and client, each with what it shows and what it believes.
  void serve(const TlsSettings& settings, std::string plain_answer = {}) {
    server = std::make_unique<TlsNetwork>(
        test.loop(), tcp, trace, TlsNetwork::Options{loaded(settings), std::move(plain_answer)});
    auto made = server->listen(kAnyPort, [this](env::Stream& stream) {
      accepted.push_back(&stream);
      handlers.push_back(std::make_shared<RecordingHandler>());
      return handlers.back();
    });
    CHECK(made.ok(), "{}", made.error().message);
    listener = *std::move(made);
  }
  TlsSettings server_settings(Ask ask = Ask::no) {
    TlsSettings settings = folder.settings(authority.issue(), authority.certificate());
    settings.ask = ask;
    return settings;
  }
  TlsSettings trusting(const TestAuthority& whom) {
    TlsSettings settings;
    settings.ca_file = trusted.file("trusted.pem", whom.certificate());
    return settings;
  }
  // Why a client with these settings gets nowhere; empty if it does.
  std::string refusal(const TlsSettings& settings, const std::string& host = "127.0.0.1") {
    dial(settings, host);
    EXPECT_TRUE(test.run_until([&] { return client->connected || client->closed > 0; }));
    // In TLS 1.3 who dials is through before he is judged.
    test.run_until([&] { return client->closed > 0; }, milliseconds(100));
    return client->reason;
  }
  env::Stream& dial(const TlsSettings& settings, const std::string& host = "127.0.0.1") {
    client = std::make_shared<RecordingHandler>();
    dialler =
        std::make_unique<TlsNetwork>(test.loop(), tcp, none, TlsNetwork::Options{loaded(settings)});
    return dialler->connect({host, listener->bound().port}, client);
  }
  int plain_socket() const {
    const int peer = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(listener->bound().port);
    CHECK(::connect(peer, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return peer;
  }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

  TestFolder folder;
  TestFolder trusted;
  TestAuthority authority;
  TestAuthority other{"another"};
  TestLoop test;
  NoTrace none;
  RecordingTrace trace;
  TcpNetwork tcp{test.loop(), none};
  std::unique_ptr<TlsNetwork> server;
  std::unique_ptr<TlsNetwork> dialler;
  std::unique_ptr<env::Listener> listener;
  std::vector<env::Stream*> accepted;
  std::vector<std::shared_ptr<RecordingHandler>> handlers;
  std::shared_ptr<RecordingHandler> client;
};

TEST_F(TlsTest, WhoIsNotTrustedIsNotTalkedTo) {
  serve(server_settings());
  EXPECT_EQ(refusal(trusting(authority)), "");
  EXPECT_EQ(accepted.size(), 1U);
  const std::string why = refusal(trusting(other));
  EXPECT_TRUE(has(why, "no authority that is believed here")) << why;
  EXPECT_TRUE(has(why, "CN = node")) << why;
  EXPECT_FALSE(client->connected);
  EXPECT_EQ(accepted.size(), 1U) << "nobody was told of the other one";
  EXPECT_TRUE(has(trace.text, "the other side refuses it")) << trace.text;
}

TEST_F(TlsTest, TheNameThatWasDialledMustBeInTheCertificate) {
  TlsSettings settings = folder.settings(
      authority.issue({.subject = "127.0.0.1", .names = "DNS:here"}), authority.certificate());
  serve(settings);
  const std::string why = refusal(trusting(authority));
  EXPECT_TRUE(has(why, "127.0.0.1 is not among its names")) << why;
  TlsSettings named = trusting(authority);
  named.name = "here";
  EXPECT_EQ(refusal(named), "");
  TlsSettings careless = trusting(other);
  careless.verify = false;
  EXPECT_EQ(refusal(careless), "");
}

TEST_F(TlsTest, WhoDialsIsAskedForACertificate) {
  serve(server_settings(Ask::required));
  const std::string why = refusal(trusting(authority));
  EXPECT_TRUE(has(why, "certificate required")) << why;
  EXPECT_TRUE(has(trace.text, "showed no certificate")) << trace.text;
  EXPECT_TRUE(accepted.empty());

  TestFolder own;
  TlsSettings known = own.settings(authority.issue({.subject = "client"}), authority.certificate());
  EXPECT_EQ(refusal(known), "");
  EXPECT_EQ(accepted.size(), 1U);
  TlsSettings stranger =
      own.settings(other.issue({.subject = "stranger"}), authority.certificate());
  EXPECT_NE(refusal(stranger), "");
  EXPECT_TRUE(has(trace.text, "CN = stranger")) << trace.text;
  TlsSettings late = own.settings(authority.issue({.subject = "late"}), authority.certificate());
  EXPECT_EQ(refusal(late), "");
  EXPECT_EQ(accepted.size(), 2U);
}

TEST_F(TlsTest, AnExpiredCertificateIsRefusedByName) {
  // Cannot be loaded, so its connection is made by hand: as one that was good when it began.
  serve(server_settings(Ask::required));
  TestFolder own;
  const auto pair = authority.issue({.subject = "yesterday", .from_day = -9, .to_day = -1});
  const auto context = loaded(trusting(authority));
  const OwnBio certificate(BIO_new_mem_buf(pair.certificate.data(), -1));
  const OwnBio key(BIO_new_mem_buf(pair.key.data(), -1));
  const OwnCertificate x(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  const OwnKey k(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  SSL_CTX_use_certificate(context->native(), x.get());
  SSL_CTX_use_PrivateKey(context->native(), k.get());
  client = std::make_shared<RecordingHandler>();
  dialler = std::make_unique<TlsNetwork>(test.loop(), tcp, none, TlsNetwork::Options{context});
  dialler->connect(listener->bound(), client);
  EXPECT_TRUE(test.run_until([&] { return client->closed > 0; }));
  EXPECT_TRUE(has(trace.text, "CN = yesterday") && has(trace.text, "has expired")) << trace.text;
  EXPECT_TRUE(accepted.empty());
}

TEST_F(TlsTest, AnOptionalCertificateThatIsShownMustBeGood) {
  serve(server_settings(Ask::optional));
  EXPECT_EQ(refusal(trusting(authority)), "");
  TestFolder own;
  EXPECT_NE(refusal(own.settings(other.issue(), authority.certificate())), "");
  EXPECT_EQ(accepted.size(), 1U);
}

// Whoever dials peers asks both sides for one name, whatever the address.
TEST_F(TlsTest, ANameCanBeAskedOfBothSides) {
  TlsSettings settings =
      folder.settings(authority.issue({.names = "DNS:holdfast-peer"}), authority.certificate());
  settings.ask = Ask::required;
  settings.mutual = true;
  settings.name = "holdfast-peer";
  serve(settings);
  EXPECT_EQ(refusal(settings), "");
  TestFolder own;
  TlsSettings client_of_ours =
      own.settings(authority.issue({.subject = "a client"}), authority.certificate());
  client_of_ours.name = "holdfast-peer";
  EXPECT_NE(refusal(client_of_ours), "");
  EXPECT_TRUE(has(trace.text, "holdfast-peer is not among its names")) << trace.text;
  EXPECT_EQ(accepted.size(), 1U);
}

TEST_F(TlsTest, NoTlsGetsAPlainAnswer) {
  serve(server_settings(), "-ERR speak TLS here\r\n");
  auto plain = std::make_shared<RecordingHandler>();
  tcp.connect(listener->bound(), plain).send("PING\r\n");
  EXPECT_TRUE(test.run_until([&] { return plain->closed == 1; }));
  EXPECT_EQ(plain->received, "-ERR speak TLS here\r\n");
  EXPECT_TRUE(has(trace.text, "is no TLS")) << trace.text;
  EXPECT_TRUE(accepted.empty());
  EXPECT_TRUE(test.run_until([&] { return tcp.streams() == 0; }));
}

TEST_F(TlsTest, WhoIsDialledAndSpeaksNoTls) {
  auto plain = tcp.listen(kAnyPort, [this](env::Stream& stream) {
    accepted.push_back(&stream);
    handlers.push_back(std::make_shared<RecordingHandler>());
    handlers.back()->when_bytes = [&stream] { stream.send("-ERR what is this?\r\n"); };
    return handlers.back();
  });
  listener = *std::move(plain);
  EXPECT_TRUE(has(refusal(trusting(authority)), "is no TLS")) << client->reason;
}

TEST_F(TlsTest, WarningsOfAKindAreLimited) {
  serve(server_settings());
  for (int i = 0; i < 20; ++i) {
    auto plain = std::make_shared<RecordingHandler>();
    tcp.connect(listener->bound(), plain).send("PING\r\n");
    ASSERT_TRUE(test.run_until([&] { return plain->closed == 1; }));
  }
  EXPECT_EQ(std::count(trace.text.begin(), trace.text.end(), '\n'), 1) << trace.text;
}

TEST_F(TlsTest, AGreetingThatIsNotCompletedIsGivenUp) {
  serve(server_settings());
  auto silent = std::make_shared<RecordingHandler>();
  tcp.connect(listener->bound(), silent);
  auto slow = std::make_shared<RecordingHandler>();
  env::Stream& dripping = tcp.connect(listener->bound(), slow);
  int turns = 0;
  test.at_turn_end = [&] {
    if (++turns % 100 == 0 && slow->closed == 0) dripping.send("\x16");
  };
  const Instant began = test.clock().now();
  EXPECT_TRUE(test.run_until([&] { return silent->closed == 1 && slow->closed == 1; }));
  EXPECT_GE(test.clock().now() - began, TlsNetwork::kPatience - milliseconds(100));
  EXPECT_TRUE(accepted.empty());
  EXPECT_TRUE(has(trace.text, "within 5 s")) << trace.text;
}

TEST_F(TlsTest, OnlySoManyGreetAtOnce) {
  serve(server_settings());
  std::vector<int> idle;
  for (std::size_t i = 0; i < TlsNetwork::kMostGreeting; ++i) {
    idle.push_back(plain_socket());
    if (i % 64 == 0) test.run_for(milliseconds(5));
  }
  ASSERT_TRUE(test.run_until([&] { return tcp.streams() == TlsNetwork::kMostGreeting; }));
  EXPECT_NE(refusal(trusting(authority)), "");
  EXPECT_TRUE(has(trace.text, "greeting at the same time")) << trace.text;
  for (const int socket : idle) ::close(socket);
  ASSERT_TRUE(test.run_until([&] { return tcp.streams() == 0; }));
  EXPECT_EQ(refusal(trusting(authority)), "");
}

// More greetings at once than one turn hears: all are heard in the end.
TEST_F(TlsTest, ManyGreetAtOnce) {
  serve(server_settings(Ask::required));
  TestFolder own;
  const TlsSettings known = own.settings(authority.issue(), authority.certificate());
  dialler =
      std::make_unique<TlsNetwork>(test.loop(), tcp, none, TlsNetwork::Options{loaded(known)});
  std::vector<std::shared_ptr<RecordingHandler>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_shared<RecordingHandler>());
    dialler->connect(listener->bound(), clients.back()).send("hello");
  }
  EXPECT_TRUE(test.run_until([&] {
    std::size_t heard = 0;
    for (const auto& handler : handlers) heard += handler->received == "hello" ? 1 : 0;
    return heard == 100;
  }));
}

TEST_F(TlsTest, ANewContextIsForNewConnections) {
  serve(server_settings());
  env::Stream& old = dial(trusting(authority));
  ASSERT_TRUE(test.run_until([&] { return client->connected; }));
  const auto first = client;
  TestFolder fresh;
  auto before = std::move(dialler);
  server->use(loaded(fresh.settings(other.issue(), other.certificate())));
  EXPECT_NE(refusal(trusting(authority)), "");
  EXPECT_EQ(refusal(trusting(other)), "");
  old.send("still here");
  EXPECT_TRUE(test.run_until([&] { return handlers[0]->received == "still here"; }));
  EXPECT_EQ(first->closed, 0);
}

TEST_F(TlsTest, AnEndThatIsNotSaidInTlsIsNotClean) {
  serve(server_settings());
  env::Stream& stream = dial(trusting(authority));
  ASSERT_TRUE(test.run_until([&] { return client->connected && handlers.size() == 1; }));
  stream.close(true);
  EXPECT_TRUE(test.run_until([&] { return handlers[0]->closed == 1; }));
  EXPECT_FALSE(handlers[0]->clean);
}

TEST_F(TlsTest, ANetworkMayDieWithStreamsUnderWay) {
  serve(server_settings());
  env::Stream& stream = dial(trusting(authority));
  ASSERT_TRUE(test.run_until([&] { return client->connected && handlers.size() == 1; }));
  dialler->connect(listener->bound(), std::make_shared<RecordingHandler>());
  stream.send("never sent");
  server.reset();
  dialler.reset();
  test.run_for(milliseconds(50));
  EXPECT_EQ(client->closed, 0);
  EXPECT_EQ(handlers[0]->reads, 0);
}

// ---- Sessions by themselves

struct Pipe final : TlsWire {
  void put(std::string_view bytes) override { text += bytes; }
  std::string text;
};

// What a session has to say, said to the other one; the plain bytes of it.
std::string carry(Pipe& from, TlsSession& to) {
  const std::string bytes = std::exchange(from.text, {});
  to.feed(bytes);
  std::string plain;
  std::string buffer(1000, '\0');
  while (const std::size_t count = to.read(buffer)) plain += buffer.substr(0, count);
  return plain;
}

class Sessions {
 public:
  explicit Sessions(std::shared_ptr<const TlsContext> context)
      : dialler(context, to_acceptor, "127.0.0.1"), acceptor(context, to_dialler) {
    dialler.begin();
    for (int i = 0; i < 3; ++i) {
      carry(to_acceptor, acceptor);
      carry(to_dialler, dialler);
    }
  }
  Pipe to_acceptor;
  Pipe to_dialler;
  TlsSession dialler;
  TlsSession acceptor;
};

TEST_F(TlsTest, SessionsCarryWhatIsWritten) {
  Sessions both(loaded(server_settings(Ask::required)));
  ASSERT_EQ(both.dialler.state(), TlsSession::State::open);
  ASSERT_EQ(both.acceptor.state(), TlsSession::State::open);
  EXPECT_EQ(both.acceptor.subject(), "CN = node");
  const std::string much(100'000, 'm');
  both.dialler.write(much);
  EXPECT_GT(both.to_acceptor.text.size(), much.size());
  EXPECT_EQ(carry(both.to_acceptor, both.acceptor), much);
  both.dialler.end();
  EXPECT_EQ(carry(both.to_acceptor, both.acceptor), "");
  EXPECT_EQ(both.acceptor.state(), TlsSession::State::ended);
  both.acceptor.write("still");
  EXPECT_EQ(carry(both.to_dialler, both.dialler), "still");
}

// Found while its fuzzer was written: it counted as a greeting that is over.
TEST_F(TlsTest, AnEndBeforeTheGreetingIsOverLetsNobodyIn) {
  Pipe said;
  TlsSession acceptor(loaded(server_settings(Ask::required)), said);
  const std::string close_notify("\x15\x03\x03\x00\x02\x01\x00", 7);
  acceptor.feed(close_notify);
  std::string buffer(100, '\0');
  EXPECT_EQ(acceptor.read(buffer), 0U);
  EXPECT_EQ(acceptor.state(), TlsSession::State::failed);

  // The same behind a first greeting, over the network.
  serve(server_settings());
  Pipe to_acceptor;
  TlsSession stranger(loaded(trusting(authority)), to_acceptor, "127.0.0.1");
  stranger.begin();
  auto plain = std::make_shared<RecordingHandler>();
  tcp.connect(listener->bound(), plain).send(to_acceptor.text + close_notify);
  EXPECT_TRUE(test.run_until([&] { return plain->closed == 1; }));
  EXPECT_TRUE(accepted.empty());
}

TEST_F(TlsTest, ARecordedOrChangedRecordIsTheEnd) {
  Sessions both(loaded(server_settings(Ask::required)));
  both.dialler.write("once");
  const std::string recorded = both.to_acceptor.text;
  EXPECT_EQ(carry(both.to_acceptor, both.acceptor), "once");
  both.to_acceptor.text = recorded;
  EXPECT_EQ(carry(both.to_acceptor, both.acceptor), "");
  EXPECT_EQ(both.acceptor.state(), TlsSession::State::failed);

  Sessions others(loaded(server_settings(Ask::required)));
  others.dialler.write("change me");
  others.to_acceptor.text.back() = static_cast<char>(others.to_acceptor.text.back() ^ 1);
  EXPECT_EQ(carry(others.to_acceptor, others.acceptor), "");
  EXPECT_EQ(others.acceptor.state(), TlsSession::State::failed);
}

}  // namespace
}  // namespace holdfast::os
