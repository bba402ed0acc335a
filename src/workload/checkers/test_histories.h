// Short histories for the tests of checkers, one call for each operation:
//
//   Story story;
//   story.at(1, 2).write("k", "a");
//   story.client(2).at(3, 4).read("k", "a");
//   EXPECT_TRUE(check(story.history).ok);
//
// Times are in milliseconds. Each operation has a connection of its own unless session() says
// which.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include "workload/history.h"

namespace holdfast::workload {

class Story {
 public:
  History history;

  Story& client(std::uint32_t number) { return client_ = number, *this; }
  Story& at(std::int64_t call_ms, std::int64_t return_ms) {
    call_ms_ = call_ms;
    return_ms_ = return_ms;
    return *this;
  }
  // What follows is sent on one connection, in this order.
  Story& session(std::uint32_t connection) {
    connection_ = connection;
    place_ = 0;
    in_session_ = true;
    return *this;
  }

  Story& add(Op op, std::string key, std::string arg, std::string ret, Ended ended = Ended::ok) {
    Operation operation;
    operation.client = client_;
    operation.connection = in_session_ ? connection_ : next_connection_++;
    operation.place = place_++;
    operation.op = op;
    operation.key = std::move(key);
    operation.arg = std::move(arg);
    operation.ret = std::move(ret);
    operation.call_ns = call_ms_ * 1'000'000;
    operation.return_ns = return_ms_ * 1'000'000;
    operation.ended = ended;
    history.push_back(std::move(operation));
    return *this;
  }
  // The last one ended like that instead, without an answer.
  Story& but(Ended ended) {
    history.back().ended = ended;
    history.back().ret.clear();
    return *this;
  }
  Story& but_unknown() { return but(Ended::unknown); }
  Story& but_failed() { return but(Ended::failed); }

  Story& read(std::string key, std::string value) {
    return add(Op::read, std::move(key), {}, std::move(value));
  }
  Story& write(std::string key, std::string value) {
    return add(Op::write, std::move(key), std::move(value), "OK");
  }
  Story& write_ttl(std::string key, std::string value, std::int64_t ttl_ms) {
    return add(Op::write_ttl, std::move(key), fmt::format("{} {}", value, ttl_ms), "OK");
  }
  Story& cas(std::string key, std::string old, std::string fresh, bool done = true) {
    return add(Op::cas, std::move(key), old + " " + fresh, done ? "1" : "0");
  }
  Story& erase(std::string key, bool done = true) {
    return add(Op::erase, std::move(key), {}, done ? "1" : "0");
  }
  Story& count(std::string key, std::int64_t amount, std::int64_t result) {
    return add(Op::add, std::move(key), fmt::format("{}", amount), fmt::format("{}", result));
  }
  Story& once(std::string key, std::string id, std::int64_t amount, std::int64_t result) {
    return add(Op::once_add, std::move(key), fmt::format("{} {}", id, amount),
               fmt::format("{}", result));
  }
  Story& insert(std::string key, std::string element, std::int64_t length) {
    return add(Op::insert, std::move(key), std::move(element), fmt::format("{}", length));
  }
  Story& read_all(std::string key, std::string elements) {
    return add(Op::read_all, std::move(key), {}, std::move(elements));
  }
  // `token` 0: not granted.
  Story& acquire(std::string owner, std::int64_t ttl_ms, std::int64_t wait_ms, std::int64_t token) {
    return add(Op::acquire, "l", fmt::format("{} {} {}", owner, ttl_ms, wait_ms),
               token == 0 ? "" : fmt::format("{} {} {}", token, token, ttl_ms));
  }
  Story& renew(std::int64_t token, std::int64_t ttl_ms, bool done = true) {
    return add(Op::renew, "l", fmt::format("{} {}", token, ttl_ms),
               done ? fmt::format("{}", ttl_ms) : "");
  }
  Story& release(std::int64_t token, bool done = true) {
    return add(Op::release, "l", fmt::format("{}", token), done ? "1" : "");
  }
  Story& check(std::int64_t token, bool held = true) {
    return add(Op::check, "l", fmt::format("{}", token), held ? "1" : "0");
  }
  Story& look(std::string seen) { return add(Op::look, "l", {}, std::move(seen)); }
  Story& guarded(std::int64_t token, std::string value, bool done = true) {
    return add(Op::guarded_write, "l", fmt::format("{} g {}", token, value), done ? "OK" : "");
  }

 private:
  std::uint32_t client_ = 1;
  std::uint32_t connection_ = 0;
  std::uint32_t next_connection_ = 1000;
  std::uint32_t place_ = 0;
  bool in_session_ = false;
  std::int64_t call_ms_ = 0;
  std::int64_t return_ms_ = 0;
};

}  // namespace holdfast::workload
