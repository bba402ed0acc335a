// A node without a world, for tests of its client side: commands that were routed lie in a list
// until the test says how they end.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/trace.h"
#include "replica/command_record.h"
#include "server/clients.h"
#include "server/services.h"

namespace holdfast::server::testing {

class FakeStream final : public env::Stream {
 public:
  explicit FakeStream(std::string_view remote) : remote_(*env::Address::parse(remote)) {}

  void send(std::string_view bytes) override {
    sent_ += bytes;
    if (stuck) stuck_bytes += bytes.size();
    ++sends;
  }
  void send(SharedBytes bytes) override { send(bytes.view()); }
  std::size_t pending() const override { return stuck ? stuck_bytes : 0; }
  void pause_reading(bool paused) override { reading = !paused; }
  void close(bool now = false) override {
    closed = true;
    closed_at_once = now;
  }
  env::Address local() const override { return {"127.0.0.1", 7379}; }
  env::Address remote() const override { return remote_; }

  // What was sent since the last call.
  std::string take() { return std::exchange(sent_, {}); }

  bool stuck = false;  // the other side does not read
  std::size_t stuck_bytes = 0;
  std::size_t sends = 0;
  bool reading = true;
  bool closed = false;
  bool closed_at_once = false;

 private:
  env::Address remote_;
  std::string sent_;
};

struct RoutedCommand {
  std::string record;
  bool write = false;
  Epoch under;

  replica::CommandRecord decoded() const {
    replica::CommandRecord command;
    EXPECT_TRUE(replica::decode_record(record, command).ok());
    return command;
  }
  // "SET a 1"; the commands of a transaction joined by "; ".
  std::string text() const {
    std::string text;
    for (const auto& words : decoded().commands) {
      if (!text.empty()) text += "; ";
      for (std::size_t i = 0; i < words.size(); ++i) {
        text += (i == 0 ? "" : " ") + std::string(words[i]);
      }
    }
    return text;
  }
  Origin origin() const { return decoded().origin; }
};

class FakeNode final : public Services {
 public:
  Routed route(std::string_view record, bool write, Epoch under) override {
    if (answer_to_route == Routed::sent) routed.push_back({std::string(record), write, under});
    return answer_to_route;
  }
  replica::EarlyAnswer read_at_once(const commands::CommandSpec&, commands::Args words,
                                    resp::Version, bool may_be_withheld,
                                    std::string& reply) override {
    const bool given = leads_surely || (may_be_withheld && early_ticket != 0);
    if (given) reply += "+" + std::string(words.back()) + "\r\n";
    return {given, leads_surely ? 0 : early_ticket};
  }
  NodeId leader() const override { return leads; }
  Epoch leader_epoch() const override { return epoch; }
  NodeId self() const override { return NodeId(1); }
  Incarnation incarnation() const override { return Incarnation(5); }
  const replica::Replica* replica() const override { return nullptr; }
  std::optional<replica::ReplicaStatus> status() const override { return replica_status; }
  std::uint16_t level() const override { return level_of_cluster; }
  bool level_known() const override { return level_is_known; }
  Index applied() const override { return applied_here; }
  std::uint64_t newest_of_feeds() const override { return newest_change; }
  std::string_view setting(std::string_view name) const override {
    return name == "requirepass-hash" ? std::string_view(password) : std::string_view();
  }
  void publish_elsewhere(std::string_view channel, std::string_view message) override {
    published.push_back(std::string(channel) + " " + std::string(message));
  }
  Config& config() override { return settings; }
  Trace& trace() override { return log; }
  Instant now() const override { return time; }
  WallTime wall() const override { return {1'700'000'000'123}; }
  std::vector<env::CertificateFigures> certificates() const override { return shown; }
  std::uint64_t random() override { return last_random += 0x9e3779b97f4a7c15; }
  std::vector<PeerView> peer_views() const override {
    return {{NodeId(2), "10.0.0.2:7379", true, {}}, {NodeId(3), "10.0.0.3:7379", true, {}}};
  }
  std::uint64_t process_id() const override { return 4711; }
  Instant started() const override { return Instant{} + seconds(1); }

  std::vector<RoutedCommand> routed;
  std::vector<std::string> published;
  Routed answer_to_route = Routed::sent;
  NodeId leads{1};
  bool leads_surely = false;  // answers what reads keys at once, with its last word
  consensus::ReadTicket early_ticket = 0;  // not 0: answers likewise, but is not sure
  Epoch epoch{3, NodeId(1)};
  Instant time = Instant{} + seconds(10);
  std::uint16_t level_of_cluster = UINT16_MAX;
  bool level_is_known = true;
  Index applied_here{UINT64_MAX};
  std::uint64_t newest_change = 0;
  std::string password;
  std::vector<env::CertificateFigures> shown;
  Config settings;
  std::optional<replica::ReplicaStatus> replica_status;
  NoTrace log;
  std::uint64_t last_random = 0;
};

struct TestClient {
  explicit TestClient(Clients& clients, std::string_view remote = "127.0.0.1:50000")
      : stream(std::make_unique<FakeStream>(remote)), handler(clients.accept(*stream)) {}

  // Inline commands; a line end is added.
  void say(std::string_view text) { handler->on_bytes(std::string(text) + "\r\n"); }
  void break_off() {
    handler->on_closed(false, "gone");
    handler.reset();
  }

  std::unique_ptr<FakeStream> stream;
  std::shared_ptr<env::StreamHandler> handler;
};

class ClientsTest : public ::testing::Test {
 protected:
  void turn() {
    clients.on_turn_end(node.time);
    clients.flush();
  }
  void pass(Duration duration) {
    node.time = node.time + duration;
    turn();
  }
  // Says it, ends the turn, tells what came back.
  std::string ask(TestClient& client, std::string_view text) {
    client.say(text);
    turn();
    return client.stream->take();
  }
  std::string told(TestClient& client) {
    turn();
    return client.stream->take();
  }
  void end(std::size_t i, replica::Verdict verdict, std::string_view reply = {},
           std::uint64_t index = 0) {
    const RoutedCommand command = node.routed.at(i);
    clients.outcome(command.origin(), verdict, reply, Index(index));
  }
  void answer(std::size_t i, std::string_view reply, std::uint64_t index = 0) {
    end(i, replica::Verdict::answered, reply, index);
  }
  void new_leader(std::uint64_t round) {
    node.epoch = {round, NodeId(2)};
    node.leads = NodeId(2);
    clients.leader_changed();
  }
  void no_leader() {
    node.leads = NodeId();
    clients.leader_changed();
  }
  std::vector<std::string> texts(std::size_t from = 0) const {
    std::vector<std::string> all;
    for (std::size_t i = from; i < node.routed.size(); ++i) all.push_back(node.routed[i].text());
    return all;
  }

  FakeNode node;
  Clients clients{node};
};

using Texts = std::vector<std::string>;

}  // namespace holdfast::server::testing
