// A world for tests of the client: servers that say what a script has them say, and a clock that
// goes only when it is told to, or when somebody waits in vain.
//
//   ScriptedWorld world;
//   world.expect("127.0.0.1:1", "INCR n", ":1");      // the answer as it stands in RESP2
//   world.expect("127.0.0.1:1", "GET n", kBreaks);    // the connection breaks before it is
//   answered
//
// Expectations are met in order, whichever connection asks. What connecting takes (AUTH, INFO,
// HOLDFAST NODES) is answered by itself, after what `servers` says; it is no part of the script.
//
// Threads: one, or those whose calls the test keeps apart.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/link.h"

namespace holdfast::client {

inline const std::string kBreaks = "breaks";
inline const std::string kSilent = "silent";  // no answer comes, however long one waits

class ScriptedWorld final : public World {
 public:
  struct Server {
    bool up = true;
    std::string role = "leader";
    std::string leader = {};    // "host:port", as INFO tells it
    std::string password = {};  // wanted, if not empty
    bool foreign = false;       // no Holdfast server
    bool deaf = false;          // takes connections, and answers nothing
  };

  std::map<std::string, Server> servers;
  std::vector<std::string> nodes;    // what HOLDFAST NODES tells
  std::vector<std::string> dialled;  // so far, in order
  std::vector<std::string> asked;    // "server: words", without what connecting takes
  Duration trip = {};                // that each answer takes
  std::uint64_t next_random = 0;

  void expect(std::string server, std::string words, std::string answer,
              std::function<void()> meanwhile = {}) {
    script_.push_back(
        {std::move(server), std::move(words), std::move(answer), std::move(meanwhile)});
  }
  std::size_t left() const { return script_.size(); }
  void pass(Duration time) { now_ = now_ + time; }

  Result<std::unique_ptr<Channel>> dial(const env::Address& server, Duration patience) override {
    dialled.push_back(server.text());
    const auto found = servers.find(server.text());
    if (found == servers.end() || !found->second.up) return Error{server.text() + " is down"};
    (void)patience;
    return std::unique_ptr<Channel>(std::make_unique<ScriptedChannel>(*this, server.text()));
  }
  Instant now() override { return now_; }
  void sleep(Duration time) override { pass(time); }
  std::uint64_t random() override { return next_random; }

 private:
  struct Line {
    std::string server, words, answer;
    std::function<void()> meanwhile;
  };

  class ScriptedChannel final : public Channel {
   public:
    ScriptedChannel(ScriptedWorld& world, std::string name)
        : world_(world), name_(std::move(name)) {}

    Result<void> send(const std::vector<std::string_view>& words) override {
      if (!server().up) return Error{name_ + " is gone"};
      answer_ = world_.answer(name_, words);
      return {};
    }
    Result<std::optional<resp::Reply>> receive(Duration patience) override {
      if (answer_ == kBreaks) return Error{name_ + " broke"};
      if (answer_ == kSilent || server().deaf) {
        world_.pass(patience);
        return std::optional<resp::Reply>();
      }
      world_.pass(world_.trip);
      resp::ReplyParser parser;
      parser.feed(answer_);
      resp::Reply reply;
      EXPECT_EQ(parser.next(reply), resp::Parsed::request) << answer_;
      return std::optional(reply);
    }

   private:
    Server& server() { return world_.servers[name_]; }
    ScriptedWorld& world_;
    std::string name_;
    std::string answer_;
  };

  static std::string bulk(const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }

  std::string answer(const std::string& name, const std::vector<std::string_view>& words) {
    const Server& server = servers[name];
    if (words[0] == "AUTH") {
      return words[1] == server.password ? "+OK\r\n" : "-WRONGPASS wrong\r\n";
    }
    if (words[0] == "INFO") {
      if (server.foreign) return bulk("redis_version:7.0.15\r\n");
      return bulk("holdfast_version:1\r\nholdfast_address:" + name + "\r\nholdfast_tls_port:0\r\n" +
                  "holdfast_role:" + server.role + "\r\nholdfast_leader_address:" + server.leader +
                  "\r\n");
    }
    if (words[0] == "HOLDFAST") {
      std::string out = "*" + std::to_string(nodes.size()) + "\r\n";
      for (const std::string& node : nodes) out += "*2\r\n" + bulk("address") + bulk(node);
      return out;
    }
    std::string text;
    for (const std::string_view word : words) text.append(text.empty() ? "" : " ").append(word);
    asked.push_back(name + ": " + text);
    if (script_.empty()) {
      ADD_FAILURE() << name << " was asked what the script has not: " << text;
      return kBreaks;
    }
    const Line line = std::move(script_.front());
    script_.pop_front();
    EXPECT_EQ(name + ": " + text, line.server + ": " + line.words);
    if (line.meanwhile) line.meanwhile();
    return line.answer == kBreaks || line.answer == kSilent ? line.answer : line.answer + "\r\n";
  }

  std::deque<Line> script_;
  Instant now_{1'000'000'000};
};

// A cluster of servers named a:1, b:1 … of which the first leads.
struct ScriptedCluster {
  explicit ScriptedCluster(const std::vector<std::string>& names)
      : world(std::make_shared<ScriptedWorld>()) {
    for (const std::string& name : names) {
      world->servers[name] = {.role = name == names.front() ? "leader" : "follower",
                              .leader = names.front()};
      setup.servers.push_back(*env::Address::parse(name));
    }
    world->nodes = names;
    setup.world = world;
  }
  std::shared_ptr<const Setup> shared() const { return std::make_shared<const Setup>(setup); }

  std::shared_ptr<ScriptedWorld> world;
  Setup setup;
};

}  // namespace holdfast::client
