// One connection to a cluster, whichever of its nodes: finds one that answers, goes to the one that
// leads, learns of the others, and dials again after a break.
//
// A Link asks once. What may be asked again is for its owner to know: an Answer says whether the
// command left this machine.
//
// Threads: one at a time. Time and servers through a World.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/info.h"
#include "client/world.h"

namespace holdfast::client {

// How a cluster is reached; what ClientOptions say, read.
struct Setup {
  std::shared_ptr<World> world;
  std::vector<env::Address> servers;  // at least one
  std::string password = {};
  Duration timeout = seconds(10);
  Duration patience = seconds(2);
  bool find_leader = true;
};

struct Answer {
  enum class Fate : std::uint8_t {
    answered,  // `reply`, which may be an error
    unsent,    // no server heard of it
    lost,      // it was sent, and what became of it is not known
  };
  Fate fate = Fate::unsent;
  resp::Reply reply = {};
  std::string why = {};  // for people, unless answered
  // No server will have it otherwise: the password is wrong, or one is wanted. One word, as in
  // errors.
  std::string refused = {};
  // When it was sent, or a moment before.
  Instant sent_at = {};

  // The first word of an error.
  std::string_view kind() const;
};

class Link {
 public:
  explicit Link(std::shared_ptr<const Setup> setup);

  // Connects if need be, to any server that is known, and asks. `patience`: for the answer, and for
  // a dial if it is less than the setup's; but nothing is waited for beyond `until`.
  Answer ask(const std::vector<std::string_view>& words, Duration patience, Instant until);
  // For a command that waits: the same, but its answer has until `until`. While there is none
  // the server is asked now and then, through another connection, whether it can still reach the
  // leader; if not, the answer is lost.
  Answer ask_and_wait(const std::vector<std::string_view>& words, Duration patience, Instant until);

  // Hangs up, and begins with another server the next time.
  void give_up_server();

  // Empty if there is no connection.
  std::string connected_to() const;
  // Seeds first, then those learned.
  const std::vector<env::Address>& known() const { return known_; }

  static constexpr std::size_t kMostLearned = 64;
  // For so long a server that was given up is dialled last, and is not followed to as the leader.
  static constexpr Duration kShunned = seconds(5);
  static constexpr Duration kLookEvery = seconds(5);

 private:
  struct Dialled {
    env::Address server;
    std::unique_ptr<Channel> channel;
    Info info;
  };

  bool connect(Duration patience, Instant until, Answer& answer);
  std::vector<env::Address> in_order_of_hope() const;
  bool is_shunned(const env::Address& server) const;
  Result<Dialled> dial(const env::Address& server, Duration patience, Answer& answer);
  Dialled go_to_leader(Dialled there, Duration patience, Instant until);
  Result<void> learn(const Dialled& there, Duration patience);
  Result<Dialled> settle(const env::Address& server, Duration patience, Instant until,
                         Answer& answer);
  bool is_well(Duration patience, Instant until);
  bool send(const std::vector<std::string_view>& words, Duration patience, Instant until,
            Answer& answer);
  // Takes what receive() said; true if that is the end of it.
  bool take(Result<std::optional<resp::Reply>> received, Answer& answer);

  std::shared_ptr<const Setup> setup_;
  World& world_;
  std::vector<env::Address> known_;
  std::size_t next_;  // in known_: where to dial first
  env::Address server_;
  std::unique_ptr<Channel> channel_;  // null: not connected
  env::Address shunned_;
  Instant shunned_until_ = {};
};

// One question and its answer, the patience for both.
Result<resp::Reply> ask_channel(Channel& channel, const std::vector<std::string_view>& words,
                                Duration patience);

}  // namespace holdfast::client
