// A stranger without a certificate at both ends of a TLS greeting: whatever it says, it is never
// let in, no plain byte of it is believed, and it makes nobody say much. It has an honest greeting
// recorded and mixes that in.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "os/test_certificates.h"
#include "os/tls_session.h"

namespace holdfast::os {
namespace {

// What one side says in a greeting: its certificates, a few hundred bytes more, an alert.
constexpr std::size_t kMostSaid = 16 << 10;

std::shared_ptr<const TlsContext> nodes_context() {
  const TestFolder folder;
  TestAuthority authority;
  TlsSettings settings = folder.settings(authority.issue(), authority.certificate());
  settings.ask = TlsSettings::Ask::required;
  settings.mutual = true;
  return loaded(settings);
}

struct Pipe final : TlsWire {
  void put(std::string_view bytes) override { text += bytes; }
  std::string text;
};

struct World {
  World() : context(nodes_context()) {
    Pipe to_acceptor;
    Pipe to_dialler;
    TlsSession dialler(context, to_acceptor, "127.0.0.1");
    TlsSession acceptor(context, to_dialler);
    dialler.begin();
    std::string buffer(1 << 14, '\0');
    for (int i = 0; i < 3; ++i) {
      for (auto [pipe, session] :
           {std::pair(&to_acceptor, &acceptor), std::pair(&to_dialler, &dialler)}) {
        const std::string said = std::exchange(pipe->text, {});
        if (!said.empty()) recorded.push_back(said);
        session->feed(said);
        while (session->read(buffer) > 0) {
        }
      }
    }
    CHECK(acceptor.state() == TlsSession::State::open);
    dialler.write("what was said once");
    recorded.push_back(to_acceptor.text);
  }

  std::shared_ptr<const TlsContext> context;
  std::vector<std::string> recorded;
};

const World& world() {
  static const World one;
  return one;
}

void hear(TlsSession& session, std::string_view bytes, const Pipe& said) {
  std::string buffer(1 << 10, '\0');
  // In pieces, as a network brings them.
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, 700);
    bytes.remove_prefix(piece.size());
    session.feed(piece);
    CHECK(session.read(buffer) == 0, "believed");
    if (session.state() == TlsSession::State::failed) break;
    CHECK(session.state() == TlsSession::State::greeting, "let in");
  }
  CHECK((session.state() == TlsSession::State::failed) == !session.failure().empty());
  CHECK(said.text.size() <= kMostSaid);
}

void shout(std::string_view bytes) {
  {
    Pipe said;
    TlsSession acceptor(world().context, said);
    hear(acceptor, bytes, said);
  }
  Pipe said;
  TlsSession dialler(world().context, said, "127.0.0.1");
  dialler.begin();
  hear(dialler, bytes, said);
}

// Reads which recorded part stands first, length, bytes, again and again. Two bytes change the
// part, others stand behind it in a record of their own.
std::string well_formed(std::string_view bytes) {
  std::string all;
  const auto& recorded = world().recorded;
  while (bytes.size() >= 2) {
    const auto part = static_cast<std::uint8_t>(bytes[0]) % (recorded.size() + 1);
    const std::string_view more = bytes.substr(2, static_cast<std::uint8_t>(bytes[1]));
    bytes.remove_prefix(2 + more.size());
    std::string said = part == recorded.size() ? std::string() : recorded[part];
    if (!said.empty() && more.size() == 3) {
      const auto where =
          static_cast<std::uint8_t>(more[0]) << 8 | static_cast<std::uint8_t>(more[1]);
      char& one = said[static_cast<std::size_t>(where) % said.size()];
      one = static_cast<char>(one ^ more[2]);
    } else if (!more.empty()) {
      const auto size = static_cast<char>(more.size() - 1);
      said += std::string{static_cast<char>(0x14 + (more[0] & 3)), 3, 3, 0, size};
      said += more.substr(1);
    }
    all += said;
  }
  return all;
}

}  // namespace
}  // namespace holdfast::os

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::os;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  shout(bytes);
  shout(well_formed(bytes));
  return 0;
}
