// One client: its bytes, its session, its requests.
//
// Bytes come in through on_bytes and are parsed and carried out as far as may be: reading stops
// while too much is outstanding, while the client does not take its replies, or while a command is
// in the way that everything behind it has to wait for. Replies are gathered and handed to the
// socket once per turn.
//
// Threads: the loop's. Owns: session, requests. Lifetime: the table's and the network's shared
// pointers; the stream is not used after on_closed or close.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "env/network.h"
#include "resp/request_parser.h"
#include "server/connection_table.h"
#include "server/requests.h"
#include "server/session.h"
#include "server/withheld_answers.h"

namespace holdfast::server {

class Connection final : public env::StreamHandler,
                         public RequestOwner,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(ConnectionTable& table, env::Stream& stream, ConnectionId id);

  // ---- from the network
  void on_bytes(std::string_view bytes) override;
  bool on_end_of_input() override;
  void on_drained() override;
  void on_closed(bool clean, std::string_view reason) override;

  // ---- from its requests
  void put_reply(std::string_view reply) override;
  std::string translate(Request& request, std::string_view answer) override;
  void on_refused(Request& request) override;
  void on_progress() override;
  void attend() override;
  void refuse_received() override;

  // ---- from the table's owner
  // Routes what is held and goes on reading. Not from inside the replica.
  void on_attention();
  // Hands the replies to the socket.
  void flush();
  void sweep(Instant now);
  // A password was set or taken away.
  void settings_changed();

  // Something that was not asked for. Closes a connection that does not take it.
  void push(std::string_view text);

  // ---- answers that may not leave yet
  // Whether the command being carried out may have such an answer.
  bool may_withhold();
  // It has this one. A ticket of 0: it is right as soon as those before it are.
  void withhold(const commands::CommandSpec& spec, consensus::ReadTicket ticket,
                std::string_view reply);
  // Whether there are such answers, and no word yet.
  bool withholds() const { return !closed() && withheld.any() && !withheld_wrong_; }
  // The answers withheld under this ticket may leave, or were wrong.
  void settle_withheld(consensus::ReadTicket ticket, bool right);
  // Forgets the answers withheld, if there are any, and submits what was asked, in its order. Not from
  // inside the replica.
  void ask_withheld_again();

  // ---- from commands
  // Carry on with this command once everything before it is answered.
  void defer(const std::vector<std::string_view>& words);
  // Whether this node has yet to apply what it told this connection was done. For so long only, since
  // a node that is cut off is asked, too, how it is.
  bool waits_to_see();
  // What follows waits until everything so far is answered.
  void hold_followers() { followers_wait_ = true; }
  // No more commands; closes when what there is has been answered and sent.
  void finish() { finishing_ = true; }
  // Ends it now, with what was sent (CLIENT KILL, limits). The reason goes to the log.
  void kill(std::string_view reason);
  void set_authenticated(bool authenticated);
  // The version of the protocol from here on.
  void speak(resp::Version version);
  // Whether commands need a password that was not given.
  bool needs_password() const { return !session.authenticated && table_.password_set(); }
  // This command was received before an UNKNOWN was said, and is to be refused.
  bool refusing() const { return request_begin_ < refuse_below_; }

  ConnectionId id() const { return id_; }
  bool closed() const { return stream_ == nullptr; }
  std::string address() const { return address_; }
  std::string local_address() const { return local_address_; }
  std::size_t buffered_input() const { return parser_.buffered(); }
  std::size_t buffered_output() const;
  bool idle() const {
    return !requests.pending() && !withheld.any() && buffered_output() == 0;
  }

  Session session;
  Requests requests;
  WithheldAnswers withheld;
  bool wanted_flush = false;      // in the table's list
  bool wanted_attention = false;  // likewise
  bool wanted_word = false;       // likewise: whether what is withheld is right

 private:
  void process();
  bool may_read_on() const;
  void refuse_late_withheld(Instant now);
  bool all_answered() const { return requests.empty() && !withheld.any(); }
  void update_reading();
  void on_protocol_error();
  void end_if_gone();
  void close_when_done();
  void detach();

  ConnectionTable& table_;
  env::Stream* stream_;
  ConnectionId id_;
  std::string address_;
  std::string local_address_;
  resp::RequestParser parser_;
  std::vector<std::string_view> words_;  // of the command being carried out
  std::string_view request_;  // its bytes, if it may be asked again from them
  std::vector<std::string> deferred_;
  std::string output_;
  std::uint64_t received_ = 0;       // bytes, ever
  std::uint64_t request_begin_ = 0;  // where the present command began in them
  std::uint64_t refuse_below_ = 0;   // commands that began before this are refused
  Instant sees_at_;  // the deferred command waits to see, until then; 0: it does not
  std::uint32_t withhold_after_ = 0;  // so many reads
  bool withheld_wrong_ = false;
  bool followers_wait_ = false;
  bool input_ended_ = false;  // nothing more will come
  bool finishing_ = false;
  bool reading_paused_ = false;
  bool processing_ = false;
};

}  // namespace holdfast::server
