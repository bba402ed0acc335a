#include "client/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "resp/request_writer.h"

namespace holdfast::client {
namespace {

// Connected, or a negative errno.
int connect_within(const addrinfo& target, Duration patience) {
  const int socket = ::socket(target.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -errno;
  int error = 0;
  if (::connect(socket, target.ai_addr, target.ai_addrlen) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd wait{socket, POLLOUT, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(patience.ms()));
    socklen_t size = sizeof error;
    if (ready == 0) {
      error = ETIMEDOUT;
    } else if (ready < 0 || ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
  }
  if (error != 0) {
    ::close(socket);
    return -error;
  }
  const int one = 1;
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) & ~O_NONBLOCK);
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const timeval limit{patience.ms() / 1000, patience.ms() % 1000 * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return socket;
}

}  // namespace

Result<Connection> Connection::open(const env::Address& server, Duration patience,
                                    std::shared_ptr<const os::TlsContext> tls) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(server.host.c_str(), fmt::to_string(server.port).c_str(), &hints, &found);
  if (failed != 0) {
    return Error{fmt::format("cannot find {}: {}", server.text(), ::gai_strerror(failed))};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> targets(found, ::freeaddrinfo);
  int socket = -EHOSTUNREACH;
  for (const addrinfo* target = found; target != nullptr && socket < 0; target = target->ai_next) {
    socket = connect_within(*target, patience);
  }
  if (socket < 0) {
    return Error{fmt::format("cannot connect to {}: {}. Is a server running there?", server.text(),
                             ::strerror(-socket))};
  }
  Connection connection(socket, server);
  if (tls != nullptr) {
    if (auto greeted = connection.greet(std::move(tls)); !greeted) return greeted.error();
  }
  return connection;
}

Connection::Connection(int socket, env::Address server)
    : socket_(socket), server_(std::move(server)) {}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      server_(std::move(other.server_)),
      parser_(std::move(other.parser_)),
      tls_(std::move(other.tls_)) {}

Error Connection::broken(std::string_view what) const {
  return Error{fmt::format("the connection to {} broke: {}", server_.text(), what)};
}

Result<void> Connection::greet(std::shared_ptr<const os::TlsContext> tls) {
  tls_ = std::make_unique<Tls>(std::move(tls), server_.host);
  tls_->session.begin();
  if (auto sent = send({}); !sent) return sent;
  while (tls_->session.state() == os::TlsSession::State::greeting) {
    if (auto received = receive(); !received) return received;
  }
  return {};
}

Result<void> Connection::send(std::string_view bytes) {
  if (tls_) {
    tls_->session.write(bytes);
    bytes = tls_->unsent;
  }
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return broken(::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (tls_) tls_->unsent.clear();
  return {};
}

Result<void> Connection::receive() {
  char buffer[16 * 1024];
  ssize_t got = 0;
  do {
    got = ::recv(socket_, buffer, sizeof buffer, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    const bool silent = errno == EAGAIN || errno == EWOULDBLOCK;
    return broken(silent ? "no answer in time" : ::strerror(errno));
  }
  if (got == 0) return broken("the server closed it");
  const std::string_view bytes(buffer, static_cast<std::size_t>(got));
  if (tls_) return take_sealed(bytes);
  parser_.feed(bytes);
  return {};
}

Result<void> Connection::take_sealed(std::string_view bytes) {
  os::TlsSession& session = tls_->session;
  session.feed(bytes);
  char plain[16 * 1024];
  while (const std::size_t count = session.read(plain)) parser_.feed({plain, count});
  if (auto sent = send({}); !sent) return sent;
  if (session.state() == os::TlsSession::State::failed) {
    return Error{fmt::format("TLS with {} failed: {}", server_.text(), session.failure())};
  }
  if (session.state() == os::TlsSession::State::ended) return broken("the server closed it");
  return {};
}

Result<void> Connection::send_request(const std::vector<std::string_view>& words) {
  std::string request;
  resp::append_request(request, words);
  return send(request);
}

Result<std::optional<resp::Reply>> Connection::next_reply(Duration patience) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(patience.ns);
  while (true) {
    resp::Reply reply;
    const resp::Parsed parsed = parser_.next(reply);
    if (parsed == resp::Parsed::error) return broken(parser_.error());
    if (parsed == resp::Parsed::request) return std::optional(std::move(reply));
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::optional<resp::Reply>();
    constexpr std::int64_t kLongest = 60'000;
    pollfd wait{socket_, POLLIN, 0};
    const int ready =
        ::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left.count(), kLongest)));
    if (ready < 0 && errno != EINTR) return broken(::strerror(errno));
    if (ready <= 0) continue;
    if (auto received = receive(); !received) return received.error();
  }
}

Result<resp::Reply> Connection::ask(const std::vector<std::string_view>& words) {
  if (auto sent = send_request(words); !sent) return sent.error();
  resp::Reply reply;
  while (true) {
    const resp::Parsed parsed = parser_.next(reply);
    if (parsed == resp::Parsed::error) return broken(parser_.error());
    if (parsed == resp::Parsed::request) return reply;
    if (auto received = receive(); !received) return received.error();
  }
}

}  // namespace holdfast::client
