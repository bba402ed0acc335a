// What the heap, ONCE and the snapshot loader need of locks. For the files of keyspace/ only.
#pragma once

#include <string_view>

#include "keyspace/state.h"

namespace holdfast::keyspace {

// The lock's deadline has come: its hold ends, or a free name is forgotten. The lock may be gone
// afterwards.
void end_lock(Core& core, Lock& lock, ClusterTime now);
// The wait's deadline has come. The waiter is gone afterwards.
void end_wait(Core& core, Waiter& waiter, ClusterTime now);
// The wait was withdrawn: nobody listens any more. The waiter is gone afterwards.
void withdraw_wait(Core& core, Waiter& waiter);
// Takes the name away, held or not. REQUIRES: nobody waits.
void remove_lock(Core& core, Lock& lock);
// Puts a waiter, whose fields are set but for `lock` and `self`, at the end of the lock's queue.
Waiter& enqueue(Core& core, Lock& lock, const std::function<void(Waiter&)>& fill);
// Schedules by what the lock is: its hold's end, or when it is forgotten.
void schedule_lock(Core& core, Lock& lock);
void schedule_waiter(Core& core, Waiter& waiter);

// A wait under this id has ended: its record gets the answer. No record, nothing to do.
void settle_once(Core& core, Slot slot, std::string_view id, const Grant* grant, ClusterTime now);
// The wait or its grant was withdrawn: a repeat is to run anew.
// The record of a wait that was dropped, or of the grant with this token that was withdrawn. A later
// use of the same id, after the record's time was over, is another command's and stays.
void forget_wait(Core& core, Slot slot, std::string_view id, std::uint64_t token);
void forget_once(Core& core, Slot slot, OnceEntry& entry);

}  // namespace holdfast::keyspace
