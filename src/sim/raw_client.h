// A client for tests of the world: one connection, bytes as they are, no opinion.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/network.h"
#include "sim/schedule.h"

namespace holdfast::sim {

class RawClient final : private Loop {
 public:
  RawClient(Schedule& schedule, Network& network, MachineId machine)
      : schedule_(schedule),
        network_(network),
        machine_(machine),
        wires_(network.attach(machine, *this)) {}
  ~RawClient() override { hang_up(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void dial(const env::Address& address) {
    hang_up();
    handler_ = std::make_shared<Handler>();
    handler_->stream = &wires_->connect(address, handler_);
  }
  void hang_up() {
    if (handler_ && handler_->stream != nullptr) {
      std::exchange(handler_->stream, nullptr)->close(true);
      network_.flush(machine_);
    }
    handler_ = nullptr;
  }
  void send(std::string_view bytes) {
    if (!open()) return;
    handler_->stream->send(bytes);
    network_.flush(machine_);
  }
  // What has arrived since the last call.
  std::string take() { return handler_ ? std::exchange(handler_->received, {}) : std::string(); }
  bool open() const { return handler_ && handler_->stream != nullptr; }
  bool connected() const { return open() && handler_->connected; }
  // How the connection ended; "" while it has not.
  std::string ending() const { return handler_ ? handler_->ending : std::string(); }
  env::Stream& stream() { return *handler_->stream; }

  // Sends one line and runs the world until so many whole lines have come back, or for so long;
  // then what there is.
  std::string ask(std::string_view line, std::ptrdiff_t lines = 1, Duration patience = seconds(8)) {
    take();
    send(std::string(line) + "\r\n");
    const Instant until = schedule_.now() + patience;
    while (schedule_.now() < until && open() &&
           std::count(handler_->received.begin(), handler_->received.end(), '\n') < lines) {
      schedule_.step();
    }
    return take();
  }

 private:
  struct Handler final : env::StreamHandler {
    void on_connected() override { connected = true; }
    void on_bytes(std::string_view bytes) override { received += bytes; }
    void on_closed(bool clean, std::string_view reason) override {
      stream = nullptr;
      ending = (clean ? "clean: " : "broken: ") + std::string(reason);
    }
    env::Stream* stream = nullptr;
    bool connected = false;
    std::string received;
    std::string ending;
  };

  void post(std::function<void()> work) override {
    ready_.push_back(std::move(work));
    if (std::exchange(planned_, true)) return;
    schedule_.after(microseconds(5), [this, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired()) return;
      planned_ = false;
      for (auto& each : std::exchange(ready_, {})) each();
      network_.flush(machine_);
    });
  }

  Schedule& schedule_;
  Network& network_;
  MachineId machine_;
  std::unique_ptr<env::Network> wires_;
  std::shared_ptr<Handler> handler_;
  std::vector<std::function<void()>> ready_;
  bool planned_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // what is planned outlives the client
};

}  // namespace holdfast::sim
