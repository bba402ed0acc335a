#include <chrono>
#include <thread>
#include <utility>

#include "client/connection.h"
#include "client/world.h"
#include "os/entropy.h"
#include "os/system_clock.h"

namespace holdfast::client {
namespace {

class RealChannel final : public Channel {
 public:
  explicit RealChannel(Connection connection) : connection_(std::move(connection)) {}

  Result<void> send(const std::vector<std::string_view>& words) override {
    return connection_.send_request(words);
  }
  Result<std::optional<resp::Reply>> receive(Duration patience) override {
    return connection_.next_reply(patience);
  }

 private:
  Connection connection_;
};

class RealWorld final : public World {
 public:
  explicit RealWorld(std::shared_ptr<const os::TlsContext> tls) : tls_(std::move(tls)) {}

  Result<std::unique_ptr<Channel>> dial(const env::Address& server, Duration patience) override {
    auto connection = Connection::open(server, patience, tls_);
    if (!connection) return connection.error();
    return std::unique_ptr<Channel>(std::make_unique<RealChannel>(*std::move(connection)));
  }
  Instant now() override { return clock_.now(); }
  void sleep(Duration time) override {
    std::this_thread::sleep_for(std::chrono::nanoseconds(time.ns));
  }
  std::uint64_t random() override { return os::random_seed(); }

 private:
  std::shared_ptr<const os::TlsContext> tls_;
  os::SystemClock clock_;
};

}  // namespace

std::shared_ptr<World> real_world(std::shared_ptr<const os::TlsContext> tls) {
  return std::make_shared<RealWorld>(std::move(tls));
}

}  // namespace holdfast::client
