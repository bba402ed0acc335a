#include "os/tls.h"

#include <fmt/format.h>

#include <utility>

#include "os/event_loop_parts.h"
#include "os/tls_stream.h"

namespace holdfast::os {
namespace {

class TlsListener final : public env::Listener {
 public:
  TlsListener(std::unique_ptr<env::Listener> tcp, std::shared_ptr<TlsDoor> door)
      : tcp_(std::move(tcp)), door_(std::move(door)) {}
  ~TlsListener() override { door_->open = false; }
  env::Address bound() const override { return tcp_->bound(); }

 private:
  std::unique_ptr<env::Listener> tcp_;
  std::shared_ptr<TlsDoor> door_;
};

std::shared_ptr<env::StreamHandler> let_in(const std::shared_ptr<TlsNetwork::Shared>& shared,
                                           env::Stream& tcp, std::shared_ptr<TlsDoor> door) {
  if (shared->gone || !door->open) return nullptr;
  if (shared->greeting >= TlsNetwork::kMostGreeting) {
    shared->warn("TLS connection refused", tcp.remote(),
                 fmt::format("{} others are greeting at the same time", TlsNetwork::kMostGreeting));
    return nullptr;
  }
  auto stream = std::make_shared<TlsStream>(shared, tcp, std::move(door));
  stream->begin();
  return stream;
}

}  // namespace

TlsNetwork::TlsNetwork(EventLoop& loop, TcpNetwork& tcp, Trace& trace, Options options)
    : shared_(std::make_shared<Shared>(loop, tcp, trace, std::move(options))) {
  CHECK(shared_->options.context != nullptr);
  tcp.before_writes([shared = shared_] { shared->flush(); });
}

TlsNetwork::~TlsNetwork() {
  shared_->gone = true;
  shared_->dirty.clear();
  shared_->waiting.clear();
}

void TlsNetwork::use(std::shared_ptr<const TlsContext> context) {
  CHECK(context != nullptr);
  shared_->options.context = std::move(context);
}

const TlsContext& TlsNetwork::context() const { return *shared_->options.context; }

Result<std::unique_ptr<env::Listener>> TlsNetwork::listen(const env::Address& address,
                                                          env::AcceptHandler accept) {
  auto door = std::make_shared<TlsDoor>(TlsDoor{std::move(accept)});
  env::Network& under =
      shared_->options.spread ? shared_->tcp.spread() : static_cast<env::Network&>(shared_->tcp);
  auto tcp = under.listen(address, [shared = shared_, door](env::Stream& stream) {
    return let_in(shared, stream, door);
  });
  if (!tcp) return tcp.error();
  return std::unique_ptr<env::Listener>(new TlsListener(*std::move(tcp), std::move(door)));
}

env::Stream& TlsNetwork::connect(const env::Address& address,
                                 std::shared_ptr<env::StreamHandler> handler) {
  auto stream = std::make_shared<TlsStream>(shared_, address.host, std::move(handler));
  stream->over(shared_->tcp.connect(address, stream));
  return *stream;
}

}  // namespace holdfast::os
