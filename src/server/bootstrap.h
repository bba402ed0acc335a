// How an empty folder gets into a cluster: the founding of one from a list of places, and asking
// for one's place in one that exists. Pure: messages in, effects out; node_start.cc carries them
// out.
//
// Every empty node tells every place of its list "I am the empty folder U at place P of this list",
// again and again, until it is adopted. The first place of the list is the founder. It founds when
// a majority of the places, itself included, have reported empty folders, and everyone else has
// had the time to say that there is a cluster already. It names the cluster, gives node ids 1 … N
// in the order of the list, and stores all this, before anyone hears of it.
//
// A place belongs to the folder that claimed it first, for good: a wiped node is a new node,
// because it may have promised and acknowledged what it no longer knows. Places that nobody had
// claimed at the founding are given away by the founder alone, who stores each claim before it
// answers.
//
// A node whose own address is not in its list does not found: it adds itself as the last place and
// asks for a number. Whoever has a cluster then lets the leader write the node into the roster; when
// that is there, the next report is answered with it.
//
// So there is never a second cluster from one list, as long as the founder's folder is kept: if
// that is wiped while everyone else who was in the cluster is out of reach, nobody is left to
// object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "server/config.h"
#include "storage/identity_file.h"

namespace holdfast::server {

// "I am an empty folder at this place."
struct FoundingReport {
  std::vector<Place> list;  // as the sender was told
  std::uint32_t place = 0;  // of the sender in it
  std::uint64_t folder_uid = 0;

  bool operator==(const FoundingReport&) const = default;
};

struct FoundingAnswer {
  enum class Kind : std::uint8_t {
    wait = 1,         // there is no cluster here yet
    adopted = 2,      // you are `node` of the cluster, and these are its members
    refused = 3,      // for the reason given
    ask_founder = 4,  // there is a cluster; the first of the list can give you the place
  };
  Kind kind = Kind::wait;
  std::uint64_t cluster_id = 0;  // 0: the answering node has none
  NodeId node = {};
  std::vector<storage::Member> members = {};
  std::string reason = {};
  std::uint32_t founders = 0;  // as in Identity: how many founded, if the asker is one of them

  bool operator==(const FoundingAnswer&) const = default;
};

std::string encode_report(const FoundingReport& report);
std::optional<FoundingReport> decode_report(std::string_view body);
std::string encode_answer(const FoundingAnswer& answer);
std::optional<FoundingAnswer> decode_answer(std::string_view body);

// What is to be done, in this order: store the identity durably, then answer.
struct FoundingReaction {
  std::optional<storage::Identity> store = std::nullopt;
  FoundingAnswer answer = {};
  std::optional<Place> join = std::nullopt;  // the leader is to give the asker's folder a number
};

inline constexpr std::size_t kMaxPlaces = 64;
// How long the founder listens for objections once a majority has reported.
inline constexpr Duration kHearEveryone = seconds(2);

// An empty folder with a list.
class Bootstrap {
 public:
  // REQUIRES: the identity has a folder uid and no cluster. `cluster_id` is the name that a cluster
  // would get if this node founds it; not 0.
  static Result<Bootstrap> make(const storage::Identity& identity, const env::Address& listen,
                                std::uint16_t peer_port, std::vector<Place> list,
                                std::uint64_t cluster_id);

  const std::vector<Place>& list() const { return list_; }
  std::uint32_t place() const { return place_; }
  bool is_founder() const { return place_ == 0 && !joins_; }
  FoundingReport report() const { return {list_, place_, identity_.folder_uid}; }

  FoundingReaction on_report(const FoundingReport& report, Instant now);
  // The identity to store, if this makes the folder part of a cluster.
  std::optional<storage::Identity> on_answer(std::uint32_t from, const FoundingAnswer& answer);
  // The identity to store, if the time has come to found.
  std::optional<storage::Identity> on_tick(Instant now);
  // When on_tick is due.
  Instant wake_at() const;
  // What this node is waiting for, for people.
  std::string waiting_for() const;

 private:
  Bootstrap(const storage::Identity& identity, std::vector<Place> list, std::uint32_t place,
            std::uint64_t cluster_id);
  std::size_t reported() const;
  bool may_found(Instant now) const;
  storage::Identity found() const;

  storage::Identity identity_;
  std::vector<Place> list_;
  std::uint32_t place_ = 0;
  bool joins_ = false;  // not in the list that was given: the last place, and no founder
  std::uint64_t cluster_id_ = 0;
  std::vector<std::uint64_t> uids_;  // by place: the empty folder that reported, 0 if none
  std::optional<Instant> majority_since_;
  bool cluster_exists_ = false;  // somebody listed has one: never found another
  std::string refusal_;          // the last one, for people
};

// What a node that has a cluster answers.
FoundingReaction answer_report(const storage::Identity& self, const FoundingReport& report);

// The cluster of one node that an empty folder becomes without a list.
storage::Identity found_alone(const storage::Identity& identity, const Place& self,
                              std::uint64_t cluster_id);

}  // namespace holdfast::server
