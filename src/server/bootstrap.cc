#include "server/bootstrap.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutation.h"

namespace holdfast::server {
namespace {

using Kind = FoundingAnswer::Kind;

// localhost and 127.0.0.1 are one place, whoever wrote which.
Place normal(const Place& place) {
  const std::string& host = place.client.host;
  const env::Address peer = place.peer();
  return Place({host == "localhost" ? "127.0.0.1" : host, place.client.port}, peer.port);
}

bool same(const Place& a, const Place& b) { return normal(a) == normal(b); }

bool same_address(const env::Address& a, const env::Address& b) {
  return normal(Place(a, 1)) == normal(Place(b, 1));
}

bool same(const std::vector<Place>& a, const std::vector<Place>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Place& x, const Place& y) { return same(x, y); });
}

std::string text(const std::vector<Place>& list) {
  std::string out;
  for (const Place& place : list) out += (out.empty() ? "" : ",") + place.text();
  return out;
}

FoundingAnswer refusal(std::uint64_t cluster_id, std::string reason) {
  return {.kind = Kind::refused, .cluster_id = cluster_id, .reason = std::move(reason)};
}

FoundingAnswer adoption(const storage::Identity& self, NodeId node) {
  return {.kind = Kind::adopted,
          .cluster_id = self.cluster_id,
          .node = node,
          .members = self.members,
          .founders = node.value <= self.founders ? self.founders : 0};
}

}  // namespace

// ---- An empty folder ----------------------------------------------------------------------------

Bootstrap::Bootstrap(const storage::Identity& identity, std::vector<Place> list,
                     std::uint32_t place, std::uint64_t cluster_id)
    : identity_(identity), list_(std::move(list)), place_(place), cluster_id_(cluster_id) {
  uids_.resize(list_.size());
  uids_[place_] = identity_.folder_uid;
}

Result<Bootstrap> Bootstrap::make(const storage::Identity& identity, const env::Address& listen,
                                  std::uint16_t peer_port, std::vector<Place> list,
                                  std::uint64_t cluster_id) {
  CHECK(identity.folder_uid != 0 && identity.cluster_id == 0 && cluster_id != 0);
  if (list.size() > kMaxPlaces) {
    return Error{fmt::format("--join names {} nodes; at most {} can found a cluster", list.size(),
                             kMaxPlaces)};
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (same_address(list[i].client, list[j].client)) {
        return Error{fmt::format("--join names {} twice; list each node once", list[i].text())};
      }
    }
  }
  const auto self = std::find_if(list.begin(), list.end(), [&listen](const Place& place) {
    return same_address(place.client, listen);
  });
  const auto place = static_cast<std::uint32_t>(self - list.begin());
  const bool joins = self == list.end();
  if (joins) list.push_back(Place(listen, peer_port));
  Bootstrap made(identity, std::move(list), place, cluster_id);
  made.joins_ = joins;
  return made;
}

std::size_t Bootstrap::reported() const {
  return uids_.size() - static_cast<std::size_t>(std::count(uids_.begin(), uids_.end(), 0U));
}

bool Bootstrap::may_found(Instant now) const {
  if (!is_founder() || cluster_exists_ || reported() <= list_.size() / 2) return false;
  const bool heard_everyone = reported() == list_.size();
  return heard_everyone || (majority_since_ && now - *majority_since_ >= kHearEveryone);
}

storage::Identity Bootstrap::found() const {
  storage::Identity identity = identity_;
  identity.cluster_id = cluster_id_;
  identity.node = NodeId(1);
  for (std::size_t i = 0; i < list_.size(); ++i) {
    identity.members.push_back(
        {NodeId(i + 1), list_[i].client.text(), list_[i].peer().text(), uids_[i]});
  }
  identity.founders = static_cast<std::uint32_t>(list_.size());
  return identity;
}

FoundingReaction Bootstrap::on_report(const FoundingReport& report, Instant now) {
  const bool joins = report.list.size() == list_.size() + 1 && report.place == list_.size();
  if (joins || joins_) return {};  // there is no cluster here yet
  if (!same(report.list, list_)) {
    return {std::nullopt,
            refusal(0, fmt::format("the --join lists differ: {} here, {} there. Give every node "
                                   "the same list, in the same order.",
                                   text(list_), text(report.list)))};
  }
  if (report.place == place_ || report.place >= list_.size()) {
    return {std::nullopt,
            refusal(0, fmt::format("two nodes claim to be {}", list_[place_].text()))};
  }
  uids_[report.place] = report.folder_uid;
  if (reported() > list_.size() / 2 && !majority_since_) majority_since_ = now;
  FoundingReaction reaction;
  reaction.store = on_tick(now);
  if (reaction.store) reaction.answer = adoption(*reaction.store, NodeId(report.place + 1));
  return reaction;
}

std::optional<storage::Identity> Bootstrap::on_tick(Instant now) {
  if (!may_found(now)) return std::nullopt;
  return found();
}

Instant Bootstrap::wake_at() const {
  if (!is_founder() || cluster_exists_) return Instant::never();
  if (list_.size() == 1) return Instant{};
  return majority_since_ ? *majority_since_ + kHearEveryone : Instant::never();
}

std::optional<storage::Identity> Bootstrap::on_answer(std::uint32_t from,
                                                      const FoundingAnswer& answer) {
  if (from >= list_.size()) return std::nullopt;
  if (answer.cluster_id != 0) cluster_exists_ = true;
  if (!answer.reason.empty()) {
    refusal_ = fmt::format("{}: {}", list_[from].client.text(), answer.reason);
  }
  if (answer.kind != Kind::adopted || answer.cluster_id == 0) return std::nullopt;

  // What another node says is believed only as far as it fits what this one was told.
  const auto self =
      std::find_if(answer.members.begin(), answer.members.end(),
                   [&answer](const storage::Member& member) { return member.node == answer.node; });
  if (self == answer.members.end() || self->uid != identity_.folder_uid) return std::nullopt;
  const auto address = env::Address::parse(self->address);
  if (!address || !same_address(*address, list_[place_].client)) return std::nullopt;
  storage::Identity identity = identity_;
  identity.cluster_id = answer.cluster_id;
  identity.node = answer.node;
  identity.members = answer.members;
  identity.founders = answer.founders;
  return identity;
}

std::string Bootstrap::waiting_for() const {
  if (!refusal_.empty()) return refusal_;
  if (joins_) {
    return cluster_exists_ ? "the leader of the cluster to give this node a number"
                           : fmt::format("one of {} to be part of a cluster", text(list_));
  }
  if (cluster_exists_) {
    return fmt::format("there is a cluster, but its founder {} does not answer",
                       list_[0].client.text());
  }
  if (!is_founder()) {
    return fmt::format("{}, the first of the list, to found the cluster", list_[0].client.text());
  }
  return fmt::format("a majority of {} to report empty folders ({} of {} have)", text(list_),
                     reported(), list_.size());
}

// ---- A node that has a cluster ------------------------------------------------------------------

FoundingReaction answer_report(const storage::Identity& self, const FoundingReport& report) {
  if (report.place >= report.list.size()) return {std::nullopt, refusal(self.cluster_id, "?")};
  const env::Address& asking = report.list[report.place].client;
  const auto found = std::find_if(self.members.begin(), self.members.end(),
                                  [&asking](const storage::Member& member) {
                                    const auto address = env::Address::parse(member.address);
                                    return address && same_address(*address, asking);
                                  });
  if (found == self.members.end()) {
    return {.store = std::nullopt,
            .answer = {.kind = Kind::wait, .cluster_id = self.cluster_id},
            .join = report.list[report.place]};
  }
  if (found->uid == report.folder_uid) return {std::nullopt, adoption(self, found->node)};
  if (found->uid != 0 && mutated(Mutation::wiped_node_taken_back)) {
    storage::Identity forgetful = self;
    forgetful.members[static_cast<std::size_t>(found - self.members.begin())].uid = report.folder_uid;
    FoundingAnswer answer = adoption(forgetful, found->node);
    return {std::move(forgetful), std::move(answer)};
  }
  if (found->uid != 0) {
    return {std::nullopt,
            refusal(self.cluster_id,
                    fmt::format("the place of {} belongs to another data folder ({:016x}, not "
                                "{:016x}); a wiped node is a new node. Start it with the data "
                                "folder that it had.",
                                asking.text(), found->uid, report.folder_uid))};
  }
  if (self.node != self.members.front().node) {
    return {std::nullopt, {.kind = Kind::ask_founder, .cluster_id = self.cluster_id}};
  }
  storage::Identity updated = self;
  updated.members[static_cast<std::size_t>(found - self.members.begin())].uid = report.folder_uid;
  const NodeId node = found->node;
  FoundingAnswer answer = adoption(updated, node);
  return {std::move(updated), std::move(answer)};
}

storage::Identity found_alone(const storage::Identity& identity, const Place& self,
                              std::uint64_t cluster_id) {
  storage::Identity founded = identity;
  founded.cluster_id = cluster_id;
  founded.node = NodeId(1);
  founded.members = {{NodeId(1), self.client.text(), self.peer().text(), identity.folder_uid}};
  founded.founders = 1;
  return founded;
}

}  // namespace holdfast::server
