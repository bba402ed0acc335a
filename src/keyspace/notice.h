// What happened while an entry was applied that somebody at this node may want to hear of: holdings
// (of locks, and of what is held in the same way) that began and ended, events of keys, changes of the
// cluster's settings and members.
//
// Every replica applies every entry, so each node tells its own connections, and writes its own audit
// log, without any traffic. A notice is not state: no command and no digest sees it, and it is made
// only while somebody at this node wants its topic. Who changes something says so in any case; that
// costs one comparison, and no memory, if nobody wants to hear of it.
//
// Notices are a function of the entry and of the state before it: with the same topics wanted, every
// replica makes the same ones in the same order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace holdfast::keyspace {

enum class Topic : std::uint8_t {
  holdings = 1,
  keys = 2,
  cluster = 4,
};

enum class NoticeKind : std::uint8_t {
  granted,     // a holding began, or its owner asked again and was told of it again
  released,    // its owner gave it back
  lost,        // it ended in another way, which `loss` names
  key,         // an event of a key
  setting,     // a replicated setting was changed
  membership,  // another set of members is in force
};

enum class HoldingKind : std::uint8_t { lock, semaphore, election, session };

enum class Loss : std::uint8_t {
  expired,    // its time was over
  forced,     // somebody with the right to do so took it away
  session,    // the session that it hung on has ended
  withdrawn,  // it ended a wait of somebody who was gone, or a backup was restored
};

// The classes of Redis' notify-keyspace-events, by its letters.
enum class KeyEvents : char { generic = 'g', string = '$', expired = 'x', fresh = 'n' };

struct Notice {
  NoticeKind kind = NoticeKind::granted;
  HoldingKind holding = HoldingKind::lock;
  Loss loss = Loss::expired;  // valid if lost
  bool again = false;         // granted: the same grant as before
  KeyEvents events = KeyEvents::generic;
  std::string_view event = {};  // of a key, as Redis names it; lives for ever
  std::uint64_t token = 0;
  std::string name = {};   // of the lock …, the key, the setting
  std::string owner = {};  // the holder, the candidate; "" if it has none
  std::string value = {};  // of the setting; who takes part
  // Granted: the connection that is to be told when it ends. Node 0: none is known.
  Origin origin = {};
  Origin by = {};  // whose command it was; node 0: nobody's (time, the leader itself)
};

// Collects the notices of the entry that is being applied.
class Notices {
 public:
  void want(std::uint8_t topics) { topics_ = topics; }
  std::uint8_t wanted() const { return topics_; }
  bool wants(Topic topic) const { return (topics_ & static_cast<std::uint8_t>(topic)) != 0; }
  // Whose command is run from here on; Origin{}: nobody's.
  void set_by(const Origin& by) { by_ = by; }

  void granted(HoldingKind kind, std::string_view name, std::string_view owner, std::uint64_t token,
               const Origin& origin, bool again = false) {
    if (!wants(Topic::holdings)) return;
    Notice& notice = add_holding(NoticeKind::granted, kind, name, owner, token);
    notice.origin = origin;
    notice.again = again;
  }
  void released(HoldingKind kind, std::string_view name, std::string_view owner, std::uint64_t token) {
    if (wants(Topic::holdings)) add_holding(NoticeKind::released, kind, name, owner, token);
  }
  void lost(HoldingKind kind, std::string_view name, std::string_view owner, std::uint64_t token,
            Loss loss) {
    if (wants(Topic::holdings)) add_holding(NoticeKind::lost, kind, name, owner, token).loss = loss;
  }
  // `event` is a literal.
  void key(KeyEvents events, std::string_view event, std::string_view name) {
    if (!wants(Topic::keys)) return;
    Notice& notice = add(NoticeKind::key, name);
    notice.events = events;
    notice.event = event;
  }
  void setting(std::string_view name, std::string_view value) {
    if (wants(Topic::cluster)) add(NoticeKind::setting, name).value = value;
  }
  void membership(std::string_view members) {
    if (wants(Topic::cluster)) add(NoticeKind::membership, {}).value = members;
  }

  bool empty() const { return gathered_.empty(); }
  // In the order in which it happened.
  std::vector<Notice> take() { return std::exchange(gathered_, {}); }

 private:
  Notice& add(NoticeKind kind, std::string_view name) {
    Notice& notice = gathered_.emplace_back();
    notice.kind = kind;
    notice.name = name;
    notice.by = by_;
    return notice;
  }
  Notice& add_holding(NoticeKind kind, HoldingKind holding, std::string_view name,
                      std::string_view owner, std::uint64_t token) {
    Notice& notice = add(kind, name);
    notice.holding = holding;
    notice.owner = owner;
    notice.token = token;
    return notice;
  }

  std::uint8_t topics_ = 0;
  Origin by_;
  std::vector<Notice> gathered_;
};

// As clients, subscribers and the audit log are told.
constexpr std::string_view name_of(HoldingKind kind) {
  switch (kind) {
    case HoldingKind::lock:
      return "lock";
    case HoldingKind::semaphore:
      return "semaphore";
    case HoldingKind::election:
      return "election";
    case HoldingKind::session:
      return "session";
  }
  return "";
}

constexpr std::string_view name_of(Loss loss) {
  switch (loss) {
    case Loss::expired:
      return "expired";
    case Loss::forced:
      return "forced";
    case Loss::session:
      return "session";
    case Loss::withdrawn:
      return "withdrawn";
  }
  return "";
}

}  // namespace holdfast::keyspace
