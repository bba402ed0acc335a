// What the heap, ONCE, sessions, restores and the snapshot loader need of objects with holders. For
// the files of keyspace/ only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "keyspace/state.h"

namespace holdfast::keyspace {

// Which table of a slot, and which counts, a kind has. REQUIRES: not the kind session.
SlotTable<Holding>& table_of(Coordination& coordination, HoldingKind kind);
const SlotTable<Holding>& table_of(const Coordination& coordination, HoldingKind kind);
std::uint64_t& total_of(Core& core, HoldingKind kind);
inline constexpr HoldingKind kHoldingKinds[] = {HoldingKind::lock, HoldingKind::semaphore,
                                                HoldingKind::election};

// Who gets an object, and on what terms.
struct Terms {
  std::string owner;
  std::string value;
  std::int64_t ttl_ms = 0;
  std::uint64_t session = 0;
  GrantMode mode = GrantMode::exclusive;
  std::uint64_t permits = 1;
  std::int64_t delay_ms = 0;
  std::string hold;  // empty: the unnamed one
  Origin origin;
  bool waited = false;  // false: he asked just now and gets the reply himself
  std::string once_id;
};

Holding& add_holding(Core& core, Coordination& coordination, Key name, HoldingKind kind);
Hold* find_owner(const Holding& holding, std::string_view owner);
Hold* find_token(const Holding& holding, std::uint64_t token);
Hold* find_told(const Holding& holding, const Origin& told);
Waiter* find_waiter(const Holding& holding, std::string_view owner);

// Whether somebody with these terms would be let in if nobody waited.
bool fits(const Holding& holding, GrantMode mode, std::uint64_t permits);
// REQUIRES: he fits.
Hold& grant_to(Core& core, Holding& holding, Terms terms, ClusterTime now);
// The one place where a hold ends, whatever ended it; no loss: its owner gave it back. The hold is
// gone afterwards, and those at the head of the queue who fit have been let in.
void hand_over(Core& core, Hold& hold, std::optional<Loss> loss, ClusterTime now);
// Ends all holds, one like the other, before anybody is let in.
void end_all_holds(Core& core, Holding& holding, Loss loss, ClusterTime now);
// Ends the holds of sessions, wherever those went; nobody is let in yet.
void drop_session_holds(Core& core, Holding& holding);
// The grant that ended a wait reached nobody: its token is burnt.
void withdraw_grant(Core& core, Hold& hold, ClusterTime now);
// The holder has shown that he knows of his grant: it cannot be withdrawn as unattended any more.
void attend(Hold& hold);
// Ends what is past its deadline but beyond the bound of what this entry expired, so that a command
// never sees it.
void end_if_due(Core& core, Holding& holding, ClusterTime now);
// Lets in those at the head of the queue who fit; ends the waits that are over on the way.
void let_in(Core& core, Holding& holding, ClusterTime now);

// The object's deadline has come: a delay is over, or a free name is forgotten. It may be gone
// afterwards.
void end_holding(Core& core, Holding& holding, ClusterTime now);
// The hold's deadline has come. The hold is gone afterwards.
void end_hold(Core& core, Hold& hold, ClusterTime now);
// The wait's deadline has come. The waiter is gone afterwards.
void end_wait(Core& core, Waiter& waiter, ClusterTime now);
// The wait was withdrawn: nobody listens any more. The waiter is gone afterwards; nobody is let in
// yet.
void withdraw_wait(Core& core, Waiter& waiter);
// Takes the name away, held or not. REQUIRES: nobody waits.
void remove_holding(Core& core, Holding& holding);
// Ends what depends on the session, waits first, each kind in the order in which it began; at most
// `bound`. Returns how many: less than `bound` if nothing is left.
std::size_t end_session_holdings(Core& core, std::uint64_t session, ClusterTime now,
                                 std::size_t bound);

// Puts a waiter, whose fields are set but for `holding` and `self`, at the end of the queue.
Waiter& enqueue(Core& core, Holding& holding, const std::function<void(Waiter&)>& fill);
// The waiter's origin and terms are others from now on; the place is the same.
void refill(Core& core, Waiter& waiter, const std::function<void(Waiter&)>& fill);
// Puts a hold, whose fields are set but for `holding` and `self`, behind the others.
Hold& add_hold(Core& core, Holding& holding, const std::function<void(Hold&)>& fill);
// Changes which holds the owner has; `edit` says whether anything is different.
bool edit_names(Core& core, Hold& hold, const std::function<bool()>& edit);
// Moves the hold to another time, of its own or of a session.
void set_end(Core& core, Hold& hold, ClusterTime deadline, std::uint64_t session);
// Schedules by what the object is: the end of its delay, or when it is forgotten.
void schedule_holding(Core& core, Holding& holding);
void schedule_hold(Core& core, Hold& hold);
void schedule_waiter(Core& core, Waiter& waiter);

// A wait under this id has ended: its record gets the answer. No record, nothing to do.
void settle_once(Core& core, Slot slot, std::string_view id, const Grant* grant, ClusterTime now);
// The record of a wait that was dropped, or of the grant with this token that was withdrawn: a
// repeat is to run anew. A later use of the same id, after the record's time was over, is another
// command's and stays.
void forget_wait(Core& core, Slot slot, std::string_view id, std::uint64_t token);
void forget_once(Core& core, Slot slot, OnceEntry& entry);

}  // namespace holdfast::keyspace
