#include "os/tcp.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "os/event_loop_parts.h"
#include "os/spread.h"
#include "os/tcp_stream.h"

namespace holdfast::os {
namespace {

using boost::asio::ip::tcp;

// Out of descriptors or memory: trying again at once would only burn the processor.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr int kBacklog = 1024;

bool lacks_resources(const ErrorCode& error) {
  using namespace boost::system::errc;
  return error == too_many_files_open || error == too_many_files_open_in_system ||
         error == no_buffer_space || error == not_enough_memory;
}

class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(const std::shared_ptr<TcpNetwork::Shared>& shared, env::AcceptHandler accept,
           bool spread)
      : shared_(shared),
        acceptor_(shared->io),
        pause_(shared->io),
        accept_(std::move(accept)),
        spread_(spread) {}

  ErrorCode open(const tcp::endpoint& endpoint) {
    ErrorCode error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (!error) bound_ = acceptor_.local_endpoint(error);
    return error;
  }

  void wait() {
    acceptor_.async_accept([self = shared_from_this()](const ErrorCode& error, tcp::socket socket) {
      self->on_accept(error, std::move(socket));
    });
  }

  void stop() {
    stopped_ = true;
    ErrorCode ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

  const tcp::endpoint& bound() const { return bound_; }

 private:
  void on_accept(const ErrorCode& error, tcp::socket socket) {
    const auto shared = shared_.lock();
    if (stopped_ || !shared) return;
    if (error) return on_error(*shared, error);
    if (std::exchange(starved_, false)) {
      shared->trace.info("accepting connections again", {{"at", address_of(bound_).text()}});
    }
    if (spread_) {
      shared->spread->take(std::move(socket), accept_);
    } else {
      auto stream = std::make_shared<TcpStream>(*shared, std::move(socket));
      shared->streams.insert(stream);
      stream->begin_accepted(accept_);
    }
    if (!stopped_) wait();
  }

  void on_error(TcpNetwork::Shared& shared, const ErrorCode& error) {
    // A connection that died in the queue is nobody's business.
    if (!lacks_resources(error)) return wait();
    if (!std::exchange(starved_, true)) {
      shared.trace.warning(
          "cannot accept connections",
          {{"at", address_of(bound_).text()},
           {"reason", error.message()},
           {"hint",
            "raise the limit of open files (ulimit -n, LimitNOFILE=) or lower maxclients"}});
    }
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const ErrorCode& stopped) {
      if (!stopped && !self->stopped_) self->wait();
    });
  }

  std::weak_ptr<TcpNetwork::Shared> shared_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  env::AcceptHandler accept_;
  tcp::endpoint bound_;
  const bool spread_;
  bool starved_ = false;
  bool stopped_ = false;
};

class TcpListener final : public env::Listener {
 public:
  explicit TcpListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
  ~TcpListener() override { acceptor_->stop(); }
  env::Address bound() const override { return address_of(acceptor_->bound()); }

 private:
  std::shared_ptr<Acceptor> acceptor_;
};

// Blocking: listeners are made at start-up. A name with several addresses means its IPv4 one.
Result<tcp::endpoint> endpoint_of(boost::asio::io_context& io, const env::Address& address) {
  ErrorCode error;
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    return Error{
        fmt::format("cannot listen on {}: the host {} is not known here ({}). Give an "
                    "address of this machine.",
                    address.text(), address.host, error.message())};
  }
  for (const auto& entry : found) {
    if (entry.endpoint().protocol() == tcp::v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

Error cannot_listen(const env::Address& address, const ErrorCode& error) {
  using namespace boost::system::errc;
  std::string hint = error.message() + ".";
  if (error == address_in_use) {
    hint = fmt::format(
        "port {} is in use by another process. Stop that one (ss -ltnp shows "
        "which), or choose another port.",
        address.port);
  } else if (error == permission_denied) {
    hint = fmt::format("this user may not use port {}. Choose one from 1024 on.", address.port);
  } else if (error == address_not_available) {
    hint = fmt::format("this machine has no address {}.", address.host);
  }
  return {fmt::format("cannot listen on {}: {}", address.text(), hint)};
}

}  // namespace

class TcpNetwork::Spreading final : public env::Network {
 public:
  explicit Spreading(TcpNetwork& tcp) : tcp_(tcp) {}
  Result<std::unique_ptr<env::Listener>> listen(const env::Address& address,
                                                env::AcceptHandler accept) override {
    return tcp_.listen(address, std::move(accept), tcp_.shared_->spread != nullptr);
  }
  env::Stream& connect(const env::Address& address,
                       std::shared_ptr<env::StreamHandler> handler) override {
    return tcp_.connect(address, std::move(handler));
  }

 private:
  TcpNetwork& tcp_;
};

TcpNetwork::TcpNetwork(EventLoop& loop, Trace& trace, int loops)
    : shared_(std::make_shared<Shared>(loop, trace, loops)),
      spreading_(std::make_unique<Spreading>(*this)) {
  CHECK(loops >= 1);
  CHECK(!loop.parts().flush, "one network for a loop");
  loop.parts().flush = [shared = shared_.get()] { shared->flush(); };
}

TcpNetwork::~TcpNetwork() {
  shared_->loop.parts().flush = nullptr;
  for (const auto& stream : shared_->streams) stream->abandon();
  shared_->streams.clear();
  shared_->dirty.clear();
  shared_->spread.reset();
  // Operations that the loop still holds look at their stream's life first, and go no further.
}

env::Network& TcpNetwork::spread() { return *spreading_; }

Result<std::unique_ptr<env::Listener>> TcpNetwork::listen(const env::Address& address,
                                                          env::AcceptHandler accept) {
  return listen(address, std::move(accept), false);
}

Result<std::unique_ptr<env::Listener>> TcpNetwork::listen(const env::Address& address,
                                                          env::AcceptHandler accept, bool spread) {
  auto endpoint = endpoint_of(shared_->io, address);
  if (!endpoint) return endpoint.error();
  auto acceptor = std::make_shared<Acceptor>(shared_, std::move(accept), spread);
  if (const ErrorCode error = acceptor->open(*endpoint)) return cannot_listen(address, error);
  acceptor->wait();
  return std::unique_ptr<env::Listener>(new TcpListener(std::move(acceptor)));
}

env::Stream& TcpNetwork::connect(const env::Address& address,
                                 std::shared_ptr<env::StreamHandler> handler) {
  auto stream = std::make_shared<TcpStream>(*shared_);
  shared_->streams.insert(stream);
  stream->begin_connecting(address, std::move(handler));
  return *stream;
}

void TcpNetwork::before_writes(std::function<void()> work) {
  shared_->before_writes.push_back(std::move(work));
}

std::uint64_t TcpNetwork::writes() const {
  return shared_->writes + (shared_->spread ? shared_->spread->writes() : 0);
}
std::size_t TcpNetwork::streams() const {
  return shared_->streams.size() + (shared_->spread ? shared_->spread->streams() : 0);
}

}  // namespace holdfast::os
