// Connections of a load generator: many in one thread, each with what is to be sent and what has
// come.
//
// os/ has sockets too, for a server; a load must cost as little as it can beside what it measures,
// so this is epoll and nothing else. Nothing here blocks but Poller::wait.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "env/network.h"

struct epoll_event;

namespace holdfast::load {

// Counts like time.monotonic_ns() of Python, which says when it did what to a server.
Instant now();

class Poller {
 public:
  struct Event {
    std::uint32_t tag;
    bool readable;
    bool writable;
  };

  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(int fd, std::uint32_t tag, bool output);
  void change(int fd, std::uint32_t tag, bool output);
  // Until something is ready, or until then.
  std::span<const Event> wait(Instant until);
  // Room to read into, one for all sockets: what has come is seldom more than a little.
  std::span<char> scratch() { return scratch_; }

 private:
  int fd_;
  std::vector<char> scratch_;
  std::vector<Event> events_;
  std::vector<epoll_event> ready_;
};

class Socket {
 public:
  Socket(Poller& poller, std::uint32_t tag) : poller_(poller), tag_(tag) {}
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Begins to connect; what is sent meanwhile leaves when it is. Throws std::runtime_error.
  void connect(const env::Address& address);
  void close();
  bool open() const { return fd_ >= 0; }

  // To be sent by the next flush().
  std::string& output() { return output_; }
  // Writes what the kernel takes. False: the connection is broken.
  bool flush();
  // Reads what is there. False: the connection is broken, or the server has closed it.
  bool receive();
  // What has come and was not taken yet.
  std::string_view input() const { return std::string_view(input_).substr(taken_); }
  void take(std::size_t bytes);

 private:
  Poller& poller_;
  std::uint32_t tag_;
  int fd_ = -1;
  bool waits_for_output_ = false;
  std::string output_;
  std::string input_;
  std::size_t taken_ = 0;
};

}  // namespace holdfast::load
