// A session of the cluster: it lives as long as this process keeps it, and what is bound to it ends
// with it.
//
//   auto session = holdfast::Session::open(client, {.name = "worker-7"});
//   if (!session) return complain(session.failure().message);
//   client.write({"SET", "worker:7", "10.0.0.7:9000"});
//   session->bind({"worker:7"});   // gone with the session, at most a TTL after this process
//
// It is kept three times in a TTL by a thread of its own, and closed when the object goes. As what
// is held (holding.h) it can be lost: this process may be stopped, the network cut, the session
// closed by somebody else. Its keys are there exactly as long as it is; alive() says true only as
// long as it surely is, measured on this machine from the moment at which the last confirmed
// request was sent. Once lost, it stays lost: open another, and set its keys anew.
//
// Threads: any, at the same time; each session has a thread and a connection of its own. Moving it,
// and using it meanwhile, is the caller's to avoid.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holdfast/client.h"
#include "holdfast/outcome.h"

namespace holdfast {

namespace client {
class Keeper;
}

struct SessionOptions {
  // How long it outlives a process that has died: 100 ms to ten years. After a change of leader for
  // up to once more.
  std::chrono::milliseconds ttl{10'000};
  // Shown by SESSION.INFO and SESSION.LIST, up to 1 KiB; need not be unique.
  std::string name = {};
  // As LockOptions::lost: called once when it is lost, not when it is closed.
  std::function<void(std::string_view reason)> lost = {};
};

class Session {
 public:
  // Blocks for the client's timeout at most. The client may go before the session does. Unknown: a
  // session may have been opened, which ends by itself a TTL later.
  static Outcome<Session> open(const Client& client, SessionOptions options = {});
  // As close(), with nobody to tell the outcome.
  ~Session();
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;

  // Names it in SESSION.* commands; no other session of the cluster ever has it.
  std::uint64_t id() const;
  // Whether this process can be sure that it lives now.
  bool alive() const;
  // How long it can be sure of that if nothing more is heard; 0 if it is not.
  std::chrono::milliseconds remaining() const;

  // Lets these keys, up to 1,000 of them, end with the session; all of them or none. The number of
  // those that were not bound to it before. Fails with ERR if one is not there or is bound to
  // another session, with LOST if this one has ended. A key that is written again stays bound; one
  // that is deleted does not.
  Outcome<std::uint64_t> bind(const std::vector<std::string_view>& keys);

  // Ends it, and its keys with it; alive() is false from the beginning of the call on. Fails with
  // LOST if it had ended before; not done or unknown if no server could be told in time: it then
  // ends by itself. Again: the same answer.
  Outcome<Done> close();

 private:
  Session(Client client, std::shared_ptr<client::Keeper> keeper);

  Client client_;
  std::shared_ptr<client::Keeper> keeper_;  // null: moved from
};

}  // namespace holdfast
