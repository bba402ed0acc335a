// The words of commands on what can be held (locks, semaphores, elections): what they mean, and how
// they are answered. Common to lock_commands.cc, semaphore_commands.cc and election_commands.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "keyspace/keyspace.h"

namespace holdfast::commands {

inline constexpr std::string_view kBadToken = "ERR token is not an integer or out of range";

keyspace::HoldingTable& table_of(keyspace::Keyspace& keyspace, keyspace::HoldingKind kind);
const keyspace::HoldingTable& table_of(const keyspace::Keyspace& keyspace,
                                       keyspace::HoldingKind kind);

// ---- reading. Each gives the text of an error if the words make no sense.

std::optional<std::string> refuse_name(keyspace::HoldingKind kind, std::string_view name);
// TTL, in milliseconds.
std::optional<std::string> read_ttl(std::string_view word, std::int64_t& ttl_ms);
// LIMIT of a semaphore.
std::optional<std::string> read_limit(std::string_view word, std::uint64_t& limit);
// The words of LOCK.ACQUIRE, SEM.ACQUIRE or ELECT.CAMPAIGN as the entry's version means them.
std::optional<std::string> read_acquire(keyspace::HoldingKind kind, Args args,
                                        std::uint16_t semantics,
                                        keyspace::AcquireRequest& request);
// A word that the grammar has and this version does not do yet.
std::optional<std::string> refuse_later(std::string_view command, std::string_view word);
// A token in a client's words.
std::optional<std::uint64_t> parse_token(std::string_view word);
// A name as errors show it: quoted, and not longer than a line bears.
std::string quoted(std::string_view name);

// ---- acquiring

struct Acquired {
  std::string error;  // not empty: refused with this text, and nothing was changed
  keyspace::AcquireResult result;
};

// Does what the words (args, with the command's name first) say, but replies nothing.
Acquired acquire_holding(keyspace::HoldingKind kind, WriteContext& context, Args args,
                         std::string_view once_id);
// Replies to it; sets context.blocked if it waits.
void answer_acquired(keyspace::HoldingKind kind, WriteContext& context, Args args,
                     const Acquired& acquired);
// lock: {token, ttl, fence, mode}; semaphore: {token, ttl, permits}; election: {token, ttl,
// candidate}. `ttl_ms` -1: it is held by a session.
void answer_grant(resp::ReplyWriter& reply, keyspace::HoldingKind kind,
                  const keyspace::Grant& grant, std::int64_t ttl_ms, std::string_view owner);
// What is left of it; -1: it is held by a session.
std::int64_t ttl_of(const keyspace::Grant& grant, ClusterTime now);

// Which kind of thing these words acquire; nothing if they are another command's.
std::optional<keyspace::HoldingKind> acquires(Args args);
// The WAIT of words that acquire such a thing, 0 if there is none or it makes no sense.
std::int64_t wait_of(keyspace::HoldingKind kind, Args args);
// The word by which nodes say that somebody who waited for such a thing is gone.
std::string_view drop_word(keyspace::HoldingKind kind);

// ---- what the three families do alike. Arguments: name token …
void renew_holding(keyspace::HoldingKind kind, WriteContext& context, Args args);
void release_holding(keyspace::HoldingKind kind, WriteContext& context, Args args,
                     std::optional<std::string_view> hold = std::nullopt);
void force_holding(keyspace::HoldingKind kind, WriteContext& context, Args args);
// Of _LOCK.DROP name node incarnation connection request and its like; answers an error if it is none.
std::optional<Origin> read_origin(WriteContext& context, Args args);
void drop_holding_waiter(keyspace::HoldingKind kind, WriteContext& context, Args args);

// For INFO: the object, or null answered. Asks for the log if something of it is due.
std::optional<keyspace::HoldingInfo> look_at(keyspace::HoldingKind kind, ReadContext& context,
                                             std::string_view name);
void answer_waiters(ReadContext& context, keyspace::HoldingKind kind,
                    const keyspace::HoldingInfo& info);
void answer_losses(ReadContext& context, const keyspace::HoldingInfo& info);
// … [MATCH pattern] [CURSOR cursor] [COUNT n] → {cursor, items}; cursor 0: that was all.
void list_holdings(keyspace::HoldingKind kind, ReadContext& context, Args args);

// {name: number}
void answer_number(resp::ReplyWriter& reply, std::string_view name, std::uint64_t value);
void answer_text(resp::ReplyWriter& reply, std::string_view name, std::string_view value);

}  // namespace holdfast::commands
