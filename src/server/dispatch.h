// From the words of one command to who answers it: refused, queued between MULTI and EXEC, answered
// by this node, or encoded and routed to the leader.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"
#include "resp/reply_writer.h"
#include "server/connection.h"
#include "server/connection_table.h"

namespace holdfast::server {

// A command that this node answers.
struct LocalCall {
  ConnectionTable& table;
  Connection& connection;
  const commands::CommandSpec& spec;
  const std::vector<std::string_view>& args;
  resp::ReplyWriter& reply;
  bool silent = false;
  bool inside_exec = false;  // its answer is an element of a transaction's
  // Out: it was turned into a request, or wants no answer at all.
  bool no_reply = false;
};

using LocalHandler = void (*)(LocalCall&);

// What a command of a connection lets pass first.
enum class After : std::uint8_t {
  nothing,
  answers,  // to all before it: it tells of, or changes, what they may touch
  applied,  // likewise, and it tells of what is replicated: this node has applied what they wrote
};

struct LocalCommand {
  std::string_view name;  // as in the command table
  LocalHandler run = nullptr;
  After after = After::nothing;
};

// The commands of kConnection, by what they are about.
std::vector<LocalCommand> session_commands();      // session_commands.cc
std::vector<LocalCommand> client_commands();       // client_commands.cc
std::vector<LocalCommand> config_commands();       // config_commands.cc
std::vector<LocalCommand> information_commands();  // information_commands.cc
std::vector<LocalCommand> transaction_commands();  // transactions.cc
std::vector<LocalCommand> pubsub_commands();       // pubsub_commands.cc

class Dispatch {
 public:
  explicit Dispatch(ConnectionTable& table);

  void run(Connection& connection, const std::vector<std::string_view>& words);
  // The local answer to a command that stood in a transaction, for EXEC to put in.
  void run_inside_exec(Connection& connection, const QueuedCommand& command, std::string& out);

 private:
  struct Row {
    LocalHandler run = nullptr;
    After after = After::nothing;
    bool never_queued = false;  // MULTI, EXEC, DISCARD, WATCH, RESET, QUIT
    bool while_listening = false;  // also in RESP2
  };

  bool passes_withheld(Connection& connection);
  // Left for later, because something has to pass first.
  bool deferred(Connection& connection, const Row& row, const std::vector<std::string_view>& words);
  // Nothing, or the error text.
  std::string refuse(Connection& connection, const commands::CommandSpec* spec,
                     const std::vector<std::string_view>& words);
  std::string refuse_wrapper(const Transaction& transaction, const commands::CommandSpec& spec,
                             const std::vector<std::string_view>& words);
  void reject(Connection& connection, const commands::CommandSpec* spec, std::string_view text,
              bool silent);
  void queue(Connection& connection, const commands::CommandSpec& spec,
             const std::vector<std::string_view>& words, bool silent);
  void run_local(Connection& connection, const commands::CommandSpec& spec, const Row& row,
                 const std::vector<std::string_view>& words, bool silent);
  bool answer_at_once(Connection& connection, const commands::CommandSpec& spec,
                      const std::vector<std::string_view>& words);
  void run_data(Connection& connection, const commands::CommandSpec& spec,
                const std::vector<std::string_view>& words, bool silent);
  const Row* row(const commands::CommandSpec& spec) const;

  ConnectionTable& table_;
  std::vector<Row> rows_;  // by the command's row; none to run: it is not one of these
  std::string scratch_;
};

}  // namespace holdfast::server
