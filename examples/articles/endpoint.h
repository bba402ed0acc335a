// One endpoint at a time, by plain hiredis; the next address when the connection breaks.
#pragma once

#include <hiredis.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

struct Reply {
  int type = REDIS_REPLY_NIL;
  long long integer = 0;
  std::string text;  // of a string, a status or an error

  bool is_error() const { return type == REDIS_REPLY_ERROR; }
  bool is_nil() const { return type == REDIS_REPLY_NIL; }
};

// Whether there is an answer, and it is not a refusal.
inline bool good(const std::optional<Reply>& reply) { return reply && !reply->is_error(); }

class Endpoint {
 public:
  // As in "127.0.0.1:7379,127.0.0.1:7380"; it begins with any of them.
  explicit Endpoint(const std::string& addresses) : at_(std::random_device{}()) {
    std::istringstream list(addresses);
    for (std::string address; std::getline(list, address, ',');) {
      addresses_.push_back(address);
    }
  }

  // None: the connection broke, or the node says it does not know; perhaps it was done. An error: it
  // was not done.
  std::optional<Reply> call(const std::vector<std::string>& words) {
    if (!connected()) {
      return Reply{REDIS_REPLY_ERROR, 0, "not connected"};
    }
    std::vector<const char*> pointers;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      pointers.push_back(word.data());
      sizes.push_back(word.size());
    }
    auto* raw = static_cast<redisReply*>(redisCommandArgv(
        context_.get(), static_cast<int>(words.size()), pointers.data(), sizes.data()));
    if (raw == nullptr) {
      context_.reset();
      return std::nullopt;
    }
    Reply reply{raw->type, raw->integer, raw->str != nullptr ? std::string(raw->str, raw->len) : ""};
    freeReplyObject(raw);
    if (reply.is_error() && reply.text.starts_with("UNKNOWN")) {
      return std::nullopt;
    }
    return reply;
  }

 private:
  bool connected() {
    if (context_ != nullptr) {
      return true;
    }
    const std::string& address = addresses_[at_++ % addresses_.size()];
    const size_t colon = address.rfind(':');
    const timeval patience{5, 0};
    context_.reset(redisConnectWithTimeout(address.substr(0, colon).c_str(),
                                           std::atoi(address.c_str() + colon + 1), patience));
    if (context_ == nullptr || context_->err != 0) {
      context_.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return false;
    }
    redisSetTimeout(context_.get(), patience);
    return true;
  }

  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  std::vector<std::string> addresses_;
  size_t at_;
  std::unique_ptr<redisContext, Free> context_;
};

// A word that nobody else uses.
inline std::string unique_word() {
  std::random_device random;
  std::ostringstream word;
  word << std::hex << random() << random();
  return word.str();
}
