// The holder of one lock, of permits, of an office or of a session: renews it from a thread of its
// own, and says when it is lost.
//
// What it does is step(), which a test calls by itself; the thread only calls it in time.
//
// Threads: any may ask and release; step() is the keeper's own. The link is the keeper's thread's
// until that has ended, then the releaser's.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "client/acquire.h"
#include "client/link.h"

namespace holdfast::client {

class Keeper : public std::enable_shared_from_this<Keeper> {
 public:
  using Lost = std::function<void(std::string_view reason)>;

  Keeper(std::shared_ptr<const Setup> setup, std::unique_ptr<Link> link, Wanted wanted, Held held,
         Lost lost);

  // Begins to renew. Nothing, or why there is no thread to be had.
  std::string start();

  // Renews if it is time to, and calls `lost` if it is; when to come back, never if there is no
  // need to.
  Instant step();

  bool held() const;
  Duration remaining() const;
  std::uint64_t token() const { return token_; }
  std::uint64_t fence() const { return fence_; }
  const std::string& name() const { return wanted_.name; }

  Outcome<Done> release();

 private:
  enum class State { held, lost, released };

  void run();
  void renew(Duration patience, Instant until);
  void lose(std::string reason);
  void stop_thread();
  bool is_own_thread() const;
  Outcome<Done> stop_and_give_back();
  Outcome<Done> give_back(Instant until);
  Outcome<Done> given_back(const resp::Reply& reply, bool in_doubt) const;

  const std::shared_ptr<const Setup> setup_;
  World& world_;
  const std::unique_ptr<Link> link_;
  const Wanted wanted_;
  const Vocabulary words_;
  const std::uint64_t token_;
  const std::uint64_t fence_;
  const Lost lost_;

  mutable std::mutex mutex_;  // over what follows, up to the thread
  std::condition_variable changed_;
  State state_ = State::held;
  Tenure tenure_;
  std::string reason_;        // of the loss
  std::string last_trouble_;  // why the last renewal came to nothing
  std::thread::id own_thread_;
  std::optional<Outcome<Done>> released_;

  std::mutex releasing_;  // one release at a time
  std::thread thread_;
};

}  // namespace holdfast::client
