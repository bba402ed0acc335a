// Distinct types for distinct numbers, so that two of them cannot be swapped.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace holdfast {

// A number with a name. Compares, hashes and prints; has no arithmetic unless a use needs it.
template <class Tag, class Number>
struct Id {
  Number value = 0;

  constexpr Id() = default;
  constexpr explicit Id(Number number) : value(number) {}
  constexpr auto operator<=>(const Id&) const = default;
  constexpr explicit operator bool() const { return value != 0; }
};

// A node of the cluster; minted when the cluster is founded, 1 and up. 0: none.
using NodeId = Id<struct NodeTag, std::uint64_t>;
// How often a node's folder has been started (its boot counter), 1 and up.
using Incarnation = Id<struct IncarnationTag, std::uint64_t>;
// A consensus group. Group 0 is the cluster's first.
using GroupId = Id<struct GroupTag, std::uint32_t>;
// A client's socket at one node and incarnation.
using ConnectionId = Id<struct ConnectionTag, std::uint64_t>;
// One of the 16384 parts of the key space.
using Slot = Id<struct SlotTag, std::uint16_t>;
inline constexpr std::uint32_t kSlotCount = 16384;

// A position in a replicated log. The first entry has index 1; 0 is "before the log".
struct Index {
  std::uint64_t value = 0;

  constexpr Index() = default;
  constexpr explicit Index(std::uint64_t number) : value(number) {}
  constexpr auto operator<=>(const Index&) const = default;
  constexpr Index next() const { return Index(value + 1); }
  constexpr Index previous() const { return Index(value == 0 ? 0 : value - 1); }
  constexpr Index operator+(std::uint64_t count) const { return Index(value + count); }
  constexpr std::uint64_t operator-(Index other) const { return value - other.value; }
};

// Raft's term, Paxos' ballot, a primary's generation: totally ordered, never reused.
// Raft's order is by round alone for log comparison of equal leaders; since one round of one node
// has one leader at most, (round, node) orders everything that occurs.
struct Epoch {
  std::uint64_t round = 0;
  NodeId node;

  constexpr auto operator<=>(const Epoch&) const = default;
  constexpr explicit operator bool() const { return round != 0; }
};

// Where a command came from: enough to find the waiter, at whatever node applies the command.
struct Origin {
  NodeId node;
  Incarnation incarnation;
  ConnectionId connection;
  std::uint64_t request = 0;  // counts the requests of the connection, 1 and up

  constexpr auto operator<=>(const Origin&) const = default;
};

}  // namespace holdfast

template <class Tag, class Number>
struct std::hash<holdfast::Id<Tag, Number>> {
  std::size_t operator()(holdfast::Id<Tag, Number> id) const noexcept {
    return std::hash<Number>()(id.value);
  }
};

namespace holdfast {

// How they are printed: with {} and nothing in it. Nearly every source includes this file, and
// would compile all of fmt once more if it were done here.
struct PlainFormat {
  constexpr auto parse(const fmt::format_parse_context& context) { return context.begin(); }
  static fmt::format_context::iterator number(std::uint64_t value, fmt::format_context& context);
};

}  // namespace holdfast

template <class Tag, class Number>
struct fmt::formatter<holdfast::Id<Tag, Number>> : holdfast::PlainFormat {
  auto format(holdfast::Id<Tag, Number> id, fmt::format_context& context) const {
    return number(id.value, context);
  }
};

template <>
struct fmt::formatter<holdfast::Index> : holdfast::PlainFormat {
  auto format(holdfast::Index index, fmt::format_context& context) const {
    return number(index.value, context);
  }
};

// Printed as round.node, for example 7.2.
template <>
struct fmt::formatter<holdfast::Epoch> : holdfast::PlainFormat {
  fmt::format_context::iterator format(holdfast::Epoch epoch, fmt::format_context& context) const;
};
