#include "load/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace holdfast::load {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
constexpr int kEvents = 1024;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::generic_category().message(errno));
}

sockaddr_in socket_address(const env::Address& address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(address.port);
  if (::inet_pton(AF_INET, address.host.c_str(), &where.sin_addr) != 1) {
    throw std::runtime_error(address.host + " is no IPv4 address");
  }
  return where;
}

}  // namespace

Instant now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return {time.tv_sec * 1'000'000'000 + time.tv_nsec};
}

// ---- Poller

Poller::Poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)), scratch_(kReadBytes), ready_(kEvents) {
  if (fd_ < 0) fail("epoll_create1");
}

Poller::~Poller() { ::close(fd_); }

void Poller::add(int fd, std::uint32_t tag, bool output) {
  epoll_event event{.events = EPOLLIN | (output ? EPOLLOUT : 0U), .data = {.u32 = tag}};
  if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

void Poller::change(int fd, std::uint32_t tag, bool output) {
  epoll_event event{.events = EPOLLIN | (output ? EPOLLOUT : 0U), .data = {.u32 = tag}};
  if (::epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event) != 0) fail("epoll_ctl");
}

std::span<const Poller::Event> Poller::wait(Instant until) {
  const Duration left = std::max(until - now(), Duration{});
  const timespec patience{.tv_sec = left.ns / 1'000'000'000, .tv_nsec = left.ns % 1'000'000'000};
  const int count = ::epoll_pwait2(fd_, ready_.data(), kEvents, &patience, nullptr);
  if (count < 0 && errno != EINTR) fail("epoll_pwait2");
  events_.clear();
  for (int i = 0; i < count; ++i) {
    const auto& one = ready_[static_cast<std::size_t>(i)];
    events_.push_back({.tag = one.data.u32,
                       .readable = (one.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0,
                       .writable = (one.events & EPOLLOUT) != 0});
  }
  return events_;
}

// ---- Socket

void Socket::connect(const env::Address& address) {
  close();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail("socket");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in where = socket_address(address);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 &&
      errno != EINPROGRESS) {
    fail("connect to " + address.text());
  }
  waits_for_output_ = true;
  poller_.add(fd_, tag_, waits_for_output_);
}

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  output_.clear();
  input_.clear();
  taken_ = 0;
}

bool Socket::flush() {
  std::size_t sent = 0;
  while (sent < output_.size()) {
    const auto count = ::send(fd_, output_.data() + sent, output_.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return false;
    if (count < 0) break;
    sent += static_cast<std::size_t>(count);
  }
  output_.erase(0, sent);
  if (waits_for_output_ == output_.empty()) {
    waits_for_output_ = !output_.empty();
    poller_.change(fd_, tag_, waits_for_output_);
  }
  return true;
}

bool Socket::receive() {
  input_.erase(0, taken_);  // most answers are taken at once: then there is nothing to move
  taken_ = 0;
  const auto scratch = poller_.scratch();
  for (;;) {
    const auto count = ::recv(fd_, scratch.data(), scratch.size(), 0);
    if (count > 0) input_.append(scratch.data(), static_cast<std::size_t>(count));
    if (count == static_cast<ssize_t>(scratch.size())) continue;
    if (count > 0) return true;
    if (count < 0 && errno == EINTR) continue;
    return count < 0 && errno == EAGAIN;
  }
}

void Socket::take(std::size_t bytes) {
  taken_ += bytes;
  if (taken_ == input_.size()) {
    input_.clear();
    taken_ = 0;
  }
}

}  // namespace holdfast::load
