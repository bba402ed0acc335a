// What a node answers by itself: about the connection, the node, transactions. These rows give
// routing, COMMAND and arity checks their facts; server/ does the work.
#include "commands/rows.h"

namespace holdfast::commands {
namespace {

struct ConnectionRow {
  std::string_view name;
  int arity;
  std::uint32_t flags;
  std::string_view group;
  std::string_view since;
  std::string_view categories;
  std::string_view summary;
  std::string_view complexity = "O(1)";
  std::string_view tips = "";
};

constexpr CommandSpec spec_of(const ConnectionRow& row) {
  return {.name = row.name,
          .arity = row.arity,
          .flags = row.flags | kConnection,
          .group = row.group,
          .since = row.since,
          .categories = row.categories,
          .summary = row.summary,
          .complexity = row.complexity,
          .tips = row.tips};
}

constexpr std::uint32_t kAlways = kLoading | kStale;
constexpr std::uint32_t kPlain = kNoScript | kAlways;
constexpr std::uint32_t kSession = kPlain | kFast | kNoAuth | kAllowBusy;
// In a transaction each of their names would be a reply of its own.
constexpr std::uint32_t kListening = kPlain | kPubSub | kNoMulti;
constexpr std::uint32_t kTransaction = kPlain | kFast | kAllowBusy;
constexpr std::string_view kFastCategories = "@fast @connection";
constexpr std::string_view kSlowCategories = "@slow @connection";
constexpr std::string_view kAdminCategories = "@admin @slow @dangerous @connection";
constexpr std::string_view kConfigCategories = "@admin @slow @dangerous";
constexpr std::string_view kTransactionCategories = "@fast @transaction";
constexpr std::string_view kPubSubSlow = "@pubsub @slow";
constexpr std::string_view kPubSubFast = "@pubsub @fast";
constexpr std::string_view kHoldfast = "holdfast 0.1";
constexpr std::string_view kDepends = "Depends on the subcommand.";
constexpr std::string_view kVariesInOrder = "nondeterministic_output_order";

constexpr ConnectionRow kConnectionRows[] = {
    {"auth", -2, kSession, "connection", "1.0.0", kFastCategories, "Prove who you are."},
    {"client", -2, kSubcommands, "connection", "2.4.0", "@slow", "About connections.", kDepends},
    {"client|getname", 2, kPlain, "connection", "2.6.9", kSlowCategories,
     "The name given to this connection."},
    {"client|help", 2, kAlways, "connection", "5.0.0", kSlowCategories, "What CLIENT can say."},
    {"client|id", 2, kPlain, "connection", "5.0.0", kSlowCategories,
     "The number of this connection at this node."},
    {"client|info", 2, kPlain, "connection", "6.2.0", kSlowCategories,
     "What is known about this connection.", "O(1)", kVaries},
    {"client|kill", -3, kAdmin | kPlain, "connection", "2.4.0", kAdminCategories,
     "Close connections, by address, number or kind.", "O(N) for N connections"},
    {"client|list", -2, kAdmin | kPlain, "connection", "2.4.0", kAdminCategories,
     "What is known about each connection of this node.", "O(N) for N connections", kVaries},
    {"client|no-evict", 3, kAdmin | kPlain, "connection", "7.0.0", kAdminCategories,
     "Keep this connection when memory is short: ON or OFF."},
    {"client|pause", -3, kAdmin | kPlain, "connection", "2.9.50", kAdminCategories,
     "Hold back commands, or only writes, for so many milliseconds."},
    {"client|reply", 3, kPlain, "connection", "3.2.0", kSlowCategories,
     "Answer this connection or not: ON, OFF or SKIP."},
    {"client|setinfo", 4, kPlain, "connection", "7.2.0", kSlowCategories,
     "Tell the name (LIB-NAME) or version (LIB-VER) of the client's library."},
    {"client|setname", 3, kPlain, "connection", "2.6.9", kSlowCategories,
     "Give this connection a name."},
    {"client|unblock", -3, kAdmin | kPlain, "connection", "5.0.0", kAdminCategories,
     "End the wait of a blocked client.", "O(log N) for N connections"},
    {"client|unpause", 2, kAdmin | kPlain, "connection", "6.2.0", kAdminCategories,
     "End CLIENT PAUSE.", "O(N) for N connections"},
    {"command", -1, kSubcommands | kAlways, "server", "2.8.13", kSlowCategories,
     "About all commands.", "O(N) for N commands", kVariesInOrder},
    {"command|count", 2, kAlways, "server", "2.8.13", kSlowCategories,
     "How many commands there are."},
    {"command|docs", -2, kAlways, "server", "7.0.0", kSlowCategories, "What commands are for.",
     "O(N) for N commands", kVariesInOrder},
    {"command|getkeys", -4, kAlways, "server", "2.8.13", kSlowCategories,
     "Which words of a command are keys.", "O(N) for N words"},
    {"command|getkeysandflags", -4, kAlways, "server", "7.0.0", kSlowCategories,
     "Which words of a command are keys, and what happens to them.", "O(N) for N words"},
    {"command|help", 2, kAlways, "server", "5.0.0", kSlowCategories, "What COMMAND can say."},
    {"command|info", -2, kAlways, "server", "2.8.13", kSlowCategories,
     "Arity, flags and keys of commands.", "O(N) for N commands", kVariesInOrder},
    {"command|list", -2, kAlways, "server", "7.0.0", kSlowCategories,
     "Names of commands, all or FILTERBY ACLCAT, PATTERN or MODULE.", "O(N) for N commands",
     kVariesInOrder},
    {"config", -2, kSubcommands, "server", "2.0.0", "@slow", "About settings.", kDepends},
    {"config|get", -3, kAdmin | kPlain, "server", "2.0.0", kConfigCategories,
     "Settings whose names match patterns.", "O(N) for N settings"},
    {"config|help", 2, kAlways, "server", "5.0.0", "@slow", "What CONFIG can say."},
    {"config|resetstat", 2, kAdmin | kPlain, "server", "2.0.0", kConfigCategories,
     "Let the counters of INFO begin at zero."},
    {"config|rewrite", 2, kAdmin | kPlain, "server", "2.8.0", kConfigCategories,
     "Write the settings to the file they came from."},
    {"config|set", -4, kAdmin | kPlain, "server", "2.0.0", kConfigCategories, "Change settings.",
     "O(N) for N settings", "request_policy:all_nodes response_policy:all_succeeded"},
    {"discard", 1, kTransaction, "transactions", "2.0.0", kTransactionCategories,
     "Forget the commands since MULTI.", "O(N) for N commands"},
    {"echo", 2, kAlways | kFast, "connection", "1.0.0", kFastCategories, "Say it again."},
    {"elect.observe", 2, kPlain | kFast | kPubSub | kNoMulti, "election", kHoldfast, kPubSubFast,
     "Be pushed every change of an election's leader, until ELECT.UNOBSERVE; needs RESP3."},
    {"elect.unobserve", 2, kPlain | kFast | kPubSub | kNoMulti, "election", kHoldfast, kPubSubFast,
     "Observe an election no longer; 1 if it was observed."},
    {"exec", 1, kPlain | kSkipSlowlog, "transactions", "1.2.0", "@slow @transaction",
     "Run the commands since MULTI in one step.", "Depends on the commands."},
    {"hello", -1, kSession, "connection", "6.0.0", kFastCategories,
     "Choose the protocol, and who you are."},
    {"info", -1, kAlways, "server", "1.0.0", "@slow @dangerous",
     "The state of this node and its cluster, as text.", "O(1)",
     "nondeterministic_output request_policy:all_shards response_policy:special"},
    {"multi", 1, kTransaction, "transactions", "1.2.0", kTransactionCategories,
     "Collect commands to be run in one step."},
    {"ping", -1, kFast, "connection", "1.0.0", kFastCategories, "Is the node there?", "O(1)",
     "request_policy:all_shards response_policy:all_succeeded"},
    {"psubscribe", -2, kListening, "pubsub", "2.0.0", kPubSubSlow,
     "Listen to all channels whose names match patterns.", "O(N) for N patterns"},
    {"pubsub", -2, kSubcommands, "pubsub", "2.8.0", "@slow", "About channels of this node.",
     kDepends},
    {"pubsub|channels", -2, kAlways | kPubSub, "pubsub", "2.8.0", kPubSubSlow,
     "Channels that somebody listens to at this node.", "O(N) for N channels"},
    {"pubsub|help", 2, kAlways, "pubsub", "6.2.0", "@slow", "What PUBSUB can say."},
    {"pubsub|numpat", 2, kAlways | kPubSub, "pubsub", "2.8.0", kPubSubSlow,
     "How many patterns somebody listens to at this node."},
    {"pubsub|numsub", -2, kAlways | kPubSub, "pubsub", "2.8.0", kPubSubSlow,
     "How many listen to each of these channels at this node.", "O(N) for N channels"},
    {"punsubscribe", -1, kListening, "pubsub", "2.0.0", kPubSubSlow,
     "Listen to these patterns no longer, or to none.", "O(N) for N patterns"},
    {"quit", -1, kSession, "connection", "1.0.0", kFastCategories, "Close the connection."},
    {"readonly", 1, kAlways | kFast, "cluster", "3.0.0", kFastCategories,
     "Accepted for clients of clusters."},
    {"readwrite", 1, kAlways | kFast, "cluster", "3.0.0", kFastCategories,
     "Accepted for clients of clusters."},
    {"reset", 1, kSession, "connection", "6.2.0", kFastCategories,
     "Forget what was said on this connection."},
    {"role", 1, kPlain | kFast, "server", "2.8.12", "@admin @fast @dangerous",
     "Whether this node leads, and who follows."},
    {"select", 2, kAlways | kFast, "connection", "1.0.0", kFastCategories,
     "Choose a database; there is 0."},
    {"session.attach", 2, kFast | kNoMulti, "session", "holdfast 0.1", kFastCategories,
     "Keep a session alive as long as this connection lives; returns what is left of it."},
    {"session.detach", 2, kFast | kNoMulti, "session", "holdfast 0.1", kFastCategories,
     "Stop keeping a session alive by this connection."},
    {"subscribe", -2, kListening, "pubsub", "2.0.0", kPubSubSlow, "Listen to channels.",
     "O(N) for N channels"},
    {"time", 1, kAlways | kFast, "server", "2.6.0", "@fast", "The node's calendar time.", "O(1)",
     kVaries},
    {"unsubscribe", -1, kListening, "pubsub", "2.0.0", kPubSubSlow,
     "Listen to these channels no longer, or to none.", "O(N) for N channels"},
    {"unwatch", 1, kTransaction, "transactions", "2.2.0", kTransactionCategories,
     "Forget what WATCH remembered."},
    {"wait", 3, kNoScript, "generic", "3.0.0", kSlowCategories,
     "How many other nodes have this connection's last write on disk.", "O(1)",
     "request_policy:all_shards response_policy:agg_min"},
};

std::vector<CommandSpec> built_rows() {
  std::vector<CommandSpec> rows;
  for (const ConnectionRow& row : kConnectionRows) rows.push_back(spec_of(row));
  // Older nodes would take what is published for noise on the link.
  rows.push_back(spec_of({"publish", 3, kAlways | kFast | kPubSub, "pubsub", "2.0.0", kPubSubFast,
                          "Tell a message to who listens to a channel, at any node; returns how many "
                          "heard it at this one.",
                          "O(N+M) for N listeners and M patterns"}));
  rows.back().semantics = 3;
  // The one of this family that names keys.
  CommandSpec watch =
      spec_of({"watch", -2, kTransaction, "transactions", "2.2.0", kTransactionCategories,
               "Let EXEC run only if these keys do not change before.", "O(N) for N keys"});
  watch.first_key = 1;
  watch.last_key = -1;
  watch.key_step = 1;
  watch.key_access = "RO";
  rows.push_back(watch);
  return rows;
}

}  // namespace

std::span<const CommandSpec> connection_rows() {
  static const std::vector<CommandSpec> rows = built_rows();
  return rows;
}

}  // namespace holdfast::commands
