// A blocking connection to a server, for our own tools and the library: asks, waits, gets the
// answer.
//
// Threads: one at a time. Not for pushes; a tool that subscribes needs more than this.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/network.h"
#include "os/tls_session.h"
#include "resp/reply_parser.h"

namespace holdfast::client {

class Connection {
 public:
  // `patience`: for connecting, and then for each answer. With `tls` over TLS.
  static Result<Connection> open(const env::Address& server, Duration patience,
                                 std::shared_ptr<const os::TlsContext> tls = nullptr);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;

  // The answer, which may be an error of the server's. An Error means that the connection is of no
  // use any more, and that nobody knows whether the command was carried out.
  Result<resp::Reply> ask(const std::vector<std::string_view>& words);

  // The same in two steps, for who looks at something else while he waits. Nothing: no answer came
  // within `patience`, which counts all of it; it may still come.
  Result<void> send_request(const std::vector<std::string_view>& words);
  Result<std::optional<resp::Reply>> next_reply(Duration patience);

 private:
  // The TLS of a connection, and what it has to send.
  struct Tls final : os::TlsWire {
    Tls(std::shared_ptr<const os::TlsContext> context, const std::string& host)
        : session(std::move(context), *this, host) {}
    void put(std::string_view bytes) override { unsent += bytes; }
    std::string unsent;
    os::TlsSession session;
  };

  Connection(int socket, env::Address server);
  Result<void> greet(std::shared_ptr<const os::TlsContext> tls);
  Result<void> send(std::string_view bytes);
  // Waits for bytes, and gives them to the parser.
  Result<void> receive();
  Result<void> take_sealed(std::string_view bytes);
  Error broken(std::string_view what) const;

  int socket_;
  env::Address server_;
  resp::ReplyParser parser_;
  std::unique_ptr<Tls> tls_;  // null: in plain
};

}  // namespace holdfast::client
