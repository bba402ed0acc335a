#include "client/link.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::client {
namespace {

// A dial, or a look, takes at least so long; less would say nothing about the server.
constexpr Duration kLeastPatience = milliseconds(10);

Duration within(Duration patience, Instant now, Instant until) {
  return std::max(std::min(patience, until - now), kLeastPatience);
}

// The first word of an error that no patience helps against: who we are is not good enough.
std::string refusal(const std::string& error) {
  const std::string word = error.substr(0, error.find(' '));
  const bool about_us = word == "WRONGPASS" || word == "NOAUTH" || word == "NOPERM" ||
                        word == "DENIED" || error.starts_with("ERR AUTH ");
  return about_us ? word : std::string();
}

}  // namespace

std::string_view Answer::kind() const {
  if (fate != Fate::answered || !reply.is_error()) return {};
  const std::string_view text = reply.text;
  return text.substr(0, text.find(' '));
}

Result<resp::Reply> ask_channel(Channel& channel, const std::vector<std::string_view>& words,
                                Duration patience) {
  if (auto sent = channel.send(words); !sent) return sent.error();
  auto reply = channel.receive(patience);
  if (!reply) return reply.error();
  if (!*reply) return Error{"no answer in time"};
  return **std::move(reply);
}

Link::Link(std::shared_ptr<const Setup> setup)
    : setup_(std::move(setup)),
      world_(*setup_->world),
      known_(setup_->servers),
      next_(world_.random() % known_.size()) {}

std::string Link::connected_to() const {
  return channel_ == nullptr ? std::string() : server_.text();
}

void Link::give_up_server() {
  channel_.reset();
  shunned_ = server_;
  shunned_until_ = world_.now() + kShunned;
  const auto found = std::find(known_.begin(), known_.end(), server_);
  if (found == known_.end()) return;
  next_ = static_cast<std::size_t>(found - known_.begin() + 1) % known_.size();
}

// ---- connecting

Result<Link::Dialled> Link::dial(const env::Address& server, Duration patience, Answer& answer) {
  auto channel = world_.dial(server, patience);
  if (!channel) return channel.error();
  Dialled there{server, *std::move(channel), {}};
  const auto refuse = [&](const resp::Reply& reply) {
    answer.refused = refusal(reply.text);
    return Error{fmt::format("{}: {}", server.text(), reply.text)};
  };
  if (!setup_->password.empty()) {
    auto welcome = ask_channel(*there.channel, {"AUTH", setup_->password}, patience);
    if (!welcome) return Error{fmt::format("{}: {}", server.text(), welcome.error().message)};
    if (welcome->is_error()) return refuse(*welcome);
  }
  auto said = ask_channel(*there.channel, {"INFO", "HOLDFAST"}, patience);
  if (!said) return Error{fmt::format("{}: {}", server.text(), said.error().message)};
  if (said->is_error()) return refuse(*said);
  there.info = parse_info(said->text);
  if (!is_holdfast(there.info)) {
    return Error{fmt::format("{} answers, but is no Holdfast server", server.text())};
  }
  return there;
}

// The leader, or `there` if it cannot be had: any node takes any command.
Link::Dialled Link::go_to_leader(Dialled there, Duration patience, Instant until) {
  const std::string told = field(there.info, "holdfast_leader_address");
  if (field(there.info, "holdfast_role") == "leader" || told.empty()) return there;
  const auto address = other_server(there.server, there.info, told);
  if (!address || *address == there.server || is_shunned(*address)) return there;
  Answer ignored;
  auto leader = dial(*address, within(patience, world_.now(), until), ignored);
  const bool leads = leader && field(leader->info, "holdfast_role") == "leader";
  return leads ? *std::move(leader) : std::move(there);
}

// Whoever belongs to the cluster may be dialled the next time: those that were named at first may
// all have been replaced by then.
Result<void> Link::learn(const Dialled& there, Duration patience) {
  const auto nodes = ask_channel(*there.channel, {"HOLDFAST", "NODES"}, patience);
  if (!nodes) return Error{fmt::format("{}: {}", there.server.text(), nodes.error().message)};
  if (nodes->is_error()) return {};  // it belongs to no cluster yet
  known_.resize(setup_->servers.size());
  for (const resp::Reply& node : nodes->items) {
    for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
      if (node.items[i].text != "address") continue;
      const auto address = other_server(there.server, there.info, node.items[i + 1].text);
      const bool full = known_.size() >= setup_->servers.size() + kMostLearned;
      if (!address || full || std::find(known_.begin(), known_.end(), *address) != known_.end()) {
        continue;
      }
      known_.push_back(*address);
    }
  }
  return {};
}

Result<Link::Dialled> Link::settle(const env::Address& server, Duration patience, Instant until,
                                   Answer& answer) {
  auto there = dial(server, within(patience, world_.now(), until), answer);
  if (!there) return there;
  if (setup_->find_leader) there = go_to_leader(*std::move(there), patience, until);
  auto learned = learn(*there, within(patience, world_.now(), until));
  if (!learned) return learned.error();
  return there;
}

bool Link::is_shunned(const env::Address& server) const {
  return server == shunned_ && world_.now() < shunned_until_;
}

// From next_ on, round; but who has just failed comes last.
std::vector<env::Address> Link::in_order_of_hope() const {
  std::vector<env::Address> order;
  for (std::size_t i = 0; i < known_.size(); ++i)
    order.push_back(known_[(next_ + i) % known_.size()]);
  std::stable_partition(order.begin(), order.end(),
                        [this](const env::Address& server) { return !is_shunned(server); });
  return order;
}

bool Link::connect(Duration patience, Instant until, Answer& answer) {
  bool all_refuse = true;
  bool first = true;
  for (const env::Address& server : in_order_of_hope()) {
    if (!std::exchange(first, false) && world_.now() >= until) {
      all_refuse = false;
      break;
    }
    answer.refused.clear();
    auto there = settle(server, patience, until, answer);
    if (there) {
      server_ = there->server;
      channel_ = std::move(there->channel);
      answer.refused.clear();
      return true;
    }
    answer.why = there.error().message;
    all_refuse = all_refuse && !answer.refused.empty();
  }
  if (!all_refuse) answer.refused.clear();
  next_ = (next_ + 1) % known_.size();
  return false;
}

// ---- asking

bool Link::send(const std::vector<std::string_view>& words, Duration patience, Instant until,
                Answer& answer) {
  const Duration dialling = std::min(patience, setup_->patience);
  if (channel_ == nullptr && !connect(dialling, until, answer)) return false;
  answer.sent_at = world_.now();
  answer.fate = Answer::Fate::lost;
  auto sent = channel_->send(words);
  if (sent) return true;
  answer.why = sent.error().message;
  give_up_server();
  return false;
}

bool Link::take(Result<std::optional<resp::Reply>> received, Answer& answer) {
  if (!received) {
    answer.why = received.error().message;
    give_up_server();
    return true;
  }
  if (!*received) return false;
  answer.fate = Answer::Fate::answered;
  answer.reply = **std::move(received);
  return true;
}

Answer Link::ask(const std::vector<std::string_view>& words, Duration patience, Instant until) {
  Answer answer;
  if (!send(words, patience, until, answer)) return answer;
  if (take(channel_->receive(within(patience, world_.now(), until)), answer)) return answer;
  answer.why = fmt::format("{} said nothing in time", server_.text());
  give_up_server();
  return answer;
}

Answer Link::ask_and_wait(const std::vector<std::string_view>& words, Duration patience,
                          Instant until) {
  Answer answer;
  if (!send(words, patience, until, answer)) return answer;
  while (true) {
    if (take(channel_->receive(within(kLookEvery, world_.now(), until)), answer)) return answer;
    if (world_.now() >= until || !is_well(patience, until)) break;
  }
  answer.why = fmt::format("{} said nothing in time", server_.text());
  give_up_server();
  return answer;
}

// Whether the server answers, and reaches who leads: what LOCK.CHECK says takes both.
bool Link::is_well(Duration patience, Instant until) {
  Answer answer;
  auto there = dial(server_, within(patience, world_.now(), until), answer);
  if (!there) return false;
  const auto reply = ask_channel(*there->channel, {"LOCK.CHECK", "holdfast:is-well", "1"},
                                 within(patience, world_.now(), until));
  return reply && !reply->is_error();
}

}  // namespace holdfast::client
