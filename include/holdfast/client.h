// A client of a Holdfast cluster: commands go in, outcomes come out.
//
//   auto client = holdfast::Client::open({.servers = {"10.0.0.1:7379", "10.0.0.2:7379"}});
//   if (!client) return complain(client.failure().message);
//   auto old = client->read({"GET", "motto"});
//   auto set = client->write_once({"SET", "motto", "again and again"});
//
// It finds a node that answers, and through it the one that leads, connects again when a connection
// breaks, and sends a command again where that is safe. Which is safe is said by the verb:
//
//   read        for what changes nothing: sent again until there is an answer
//   write       sent again only while it is certain that it was not done; may end unknown
//   write_once  under ONCE and an id of its own: sent again until there is an answer, and done once
//
// Threads: any, at the same time; calls take turns on one connection. Copies share it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/outcome.h"
#include "holdfast/value.h"

namespace holdfast {

namespace client {
struct Shared;
}

// For a password or TLS the names are those of the tools (`holdfast status --help`).
struct TlsOptions {
  bool on = false;
  std::string ca_file = {};    // PEM, the authorities to believe; empty: those of this machine
  std::string cert_file = {};  // PEM, shown to servers that ask; with key_file or not at all
  std::string key_file = {};   // PEM
  bool insecure = false;       // true: believe whoever answers
};

struct ClientOptions {
  // "host:port" of some nodes of one cluster, 1 to 64. The others are learned from them.
  std::vector<std::string> servers = {"127.0.0.1:7379"};
  std::string password = {};
  TlsOptions tls = {};
  // How long a call may take in all, from 10 ms to 5 min. (ONCE remembers for ten minutes: what is
  // repeated for longer than that could be done twice.)
  std::chrono::milliseconds timeout{10'000};
  // How long one server may be silent before another is asked, where that is safe; and how long
  // connecting to one may take. From 10 ms to 5 min.
  std::chrono::milliseconds patience{2'000};
  // Any node takes any command. True: go to the one that leads, which saves it a hop.
  bool find_leader = true;
};

// The words of a command, its name first. Views: they need to live until the call returns.
using Words = std::vector<std::string_view>;

class Client {
 public:
  // Reads the files that `options` name, and connects to nobody yet. Fails with OPTIONS.
  static Outcome<Client> open(ClientOptions options);

  // A failure is never unknown.
  Outcome<Value> read(const Words& words);
  // Waits for its answer for the whole timeout.
  Outcome<Value> write(const Words& words);
  // The command must be one that writes a key. Unknown only if there was no answer within the
  // timeout.
  Outcome<Value> write_once(const Words& words);
  // The same under an id of the caller's (1 byte to 1 KiB), by which it can be repeated later, by
  // another process too: within ten minutes of the first time it is done once, and always answered
  // alike. Another command under the same id fails with MISMATCH.
  Outcome<Value> write_once(std::string_view id, const Words& words);

  // The node that this client is connected to, "host:port"; empty if none.
  std::string connected_to() const;

  // For the library's own parts.
  const std::shared_ptr<client::Shared>& shared() const { return shared_; }
  explicit Client(std::shared_ptr<client::Shared> shared);

 private:
  std::shared_ptr<client::Shared> shared_;
};

}  // namespace holdfast
