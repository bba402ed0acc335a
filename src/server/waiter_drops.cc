#include "server/waiter_drops.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "commands/holding_words.h"
#include "replica/command_record.h"
#include "resp/number.h"

namespace holdfast::server {
namespace {

constexpr Duration kRefusedPause = milliseconds(50);  // no leader, or it was busy
constexpr Duration kSilentPause = seconds(1);         // routed, and nothing was heard

}  // namespace

void WaiterDrops::add(LockWait wait, Instant due) {
  drops_.push_back({std::move(wait), due, ++last_number_});
}

void WaiterDrops::on_outcome(std::uint64_t number, replica::Verdict verdict) {
  const auto found = std::find_if(drops_.begin(), drops_.end(),
                                  [&](const Drop& drop) { return drop.number == number; });
  if (found == drops_.end()) return;
  if (verdict == replica::Verdict::answered) {
    drops_.erase(found);
  } else {
    found->due = services_.now() + kRefusedPause;
  }
}

void WaiterDrops::on_turn_end(Instant now) {
  for (Drop& drop : drops_) {
    if (drop.due > now) continue;
    drop.due = now + (send(drop) ? kSilentPause : kRefusedPause);
  }
}

bool WaiterDrops::send(Drop& drop) {
  std::string texts[4];
  const Origin& origin = drop.wait.origin;
  const std::uint64_t numbers[4] = {origin.node.value, origin.incarnation.value,
                                    origin.connection.value, origin.request};
  std::vector<std::string_view> words = {commands::drop_word(drop.wait.kind), drop.wait.name};
  for (int i = 0; i < 4; ++i) {
    resp::append_integer(texts[i], static_cast<std::int64_t>(numbers[i]));
    words.push_back(texts[i]);
  }
  const Origin self{services_.self(), services_.incarnation(), kSelf, drop.number};
  std::string record;
  replica::encode_command(0, self, words, record);
  return services_.route(record, true, services_.leader_epoch()) == Services::Routed::sent;
}

Instant WaiterDrops::wake_at() const {
  Instant soonest = Instant::never();
  for (const Drop& drop : drops_) soonest = std::min(soonest, drop.due);
  return soonest;
}

}  // namespace holdfast::server
