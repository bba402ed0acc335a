// A blocking connection to a server, for our own tools: asks, waits, gets the answer.
//
// Threads: one at a time. Not for pushes; a tool that subscribes needs more than this.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/network.h"
#include "resp/reply_parser.h"

namespace holdfast::client {

class Connection {
 public:
  // `patience`: for connecting, and then for each answer.
  static Result<Connection> open(const env::Address& server, Duration patience);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;

  // The answer, which may be an error of the server's. An Error means that the connection is of no
  // use any more, and that nobody knows whether the command was carried out.
  Result<resp::Reply> ask(const std::vector<std::string_view>& words);

 private:
  Connection(int socket, env::Address server) : socket_(socket), server_(std::move(server)) {}
  Error broken(std::string_view what) const;

  int socket_;
  env::Address server_;
  resp::ReplyParser parser_;
};

}  // namespace holdfast::client
