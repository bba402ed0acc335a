#include "server/connection.h"

#include <fmt/format.h>

#include <utility>

#include "base/mutation.h"
#include "server/attach_commands.h"
#include "server/dispatch.h"
#include "server/transactions.h"

namespace holdfast::server {
namespace {

// Above this, a turn's replies are given away instead of copied.
constexpr std::size_t kCopiedOutput = 64 * 1024;

// Applying is put off by a turn at most; longer only where the replica lags, or is cut off.
constexpr Duration kSeesPause = milliseconds(1);
constexpr Duration kSeesAfter = milliseconds(250);
constexpr Duration kLookAgain = milliseconds(20);

// A pipeline in which something follows reads that are not sure yet has them read twice. Likely there
// are more of its kind, so it is left for so many reads.
constexpr std::uint32_t kWithholdAfter = 256;

resp::Limits parser_limits(const Config& config) {
  resp::Limits limits;
  limits.bulk_bytes = config.max_value_bytes;
  const std::size_t twice = 2 * static_cast<std::size_t>(config.max_value_bytes);
  if (limits.request_bytes < twice) limits.request_bytes = twice;
  return limits;
}

}  // namespace

Connection::Connection(ConnectionTable& table, env::Stream& stream, ConnectionId id)
    : requests(table, *this, id),
      table_(table),
      stream_(&stream),
      id_(id),
      address_(stream.remote().text()),
      local_address_(stream.local().text()),
      parser_(parser_limits(table.services.config())) {
  session.since = session.last_active = table.now();
  session.let_in_early = !table.settled;
  set_authenticated(!table.password_set());
}

void Connection::set_authenticated(bool authenticated) {
  session.authenticated = authenticated;
  parser_.set_authenticated(authenticated);
}

void Connection::speak(resp::Version version) {
  const bool resp3 = version == resp::Version::resp3;
  if (resp3 != (session.version == resp::Version::resp3)) table_.pushes.count_resp3(resp3);
  session.version = version;
}

// ---- from the network

void Connection::on_bytes(std::string_view bytes) {
  if (closed() || finishing_) return;
  table_.metrics.input_bytes += bytes.size();
  ++table_.metrics.input_reads;
  session.last_active = table_.now();
  received_ += bytes.size();
  parser_.feed(bytes);
  process();
}

// A client that only shut down its side (`printf … | nc -N`) still gets its answers.
bool Connection::on_end_of_input() {
  if (closed()) return false;
  input_ended_ = true;
  if (requests.blocked()) return false;
  process();
  return true;
}

void Connection::on_drained() { attend(); }

void Connection::on_closed(bool, std::string_view) {
  stream_ = nullptr;
  detach();
}

// ---- reading on

// Carries out what has been received, as far as may be.
void Connection::process() {
  if (processing_) return;
  processing_ = true;
  if (std::exchange(withheld_wrong_, false)) ask_withheld_again();
  while (may_read_on()) {
    if (requests.empty()) followers_wait_ = false;
    if (!deferred_.empty()) {
      const std::vector<std::string> words = std::exchange(deferred_, {});
      words_.assign(words.begin(), words.end());
      request_ = {};
      table_.dispatch->run(*this, words_);
      if (sees_at_ != Instant{}) break;
      continue;
    }
    request_begin_ = received_ - parser_.buffered();
    const resp::Parsed parsed = parser_.next(words_);
    if (parsed == resp::Parsed::need_more) {
      if (input_ended_ && !withheld.any()) finish();
      break;
    }
    if (parsed == resp::Parsed::error) {
      ask_withheld_again();
      on_protocol_error();
    } else {
      request_ = parser_.taken();
      table_.dispatch->run(*this, words_);
      if (sees_at_ != Instant{}) break;
    }
  }
  processing_ = false;
  update_reading();
  if (finishing_) table_.want_flush(*this);
}

bool Connection::may_read_on() const {
  if (closed() || finishing_ || table_.draining) return false;
  if ((followers_wait_ || !deferred_.empty()) && !requests.empty()) return false;
  // What comes in a pause is held; what is withheld came before it.
  if (withheld.any() && table_.paused(false)) return false;
  const ClientLimits& limits = table_.limits;
  return requests.size() + withheld.size() < limits.outstanding_requests &&
         requests.bytes() + withheld.bytes() < limits.outstanding_bytes &&
         buffered_output() < limits.output_pause_bytes;
}

// Bytes that are not read stay with the sender. While a wait blocks the connection a little is read
// ahead, since only a socket that is read tells that its other side has gone.
void Connection::update_reading() {
  if (closed()) return;
  const bool pause = !may_read_on() && parser_.buffered() >= table_.limits.output_pause_bytes;
  if (pause == reading_paused_) return;
  reading_paused_ = pause;
  stream_->pause_reading(pause);
}

void Connection::on_protocol_error() {
  ++table_.metrics.protocol_errors;
  const std::string text = fmt::format("-{}\r\n", parser_.error());
  table_.services.trace().info("client closed", {{"client", address_}, {"why", parser_.error()}});
  requests.answer(nullptr, text, false);
  finish();
}

void Connection::settings_changed() {
  const bool password = table_.password_set();
  if (password && session.let_in_early) set_authenticated(false);
  if (!password) parser_.set_authenticated(true);
}

void Connection::defer(const std::vector<std::string_view>& words) {
  deferred_.assign(words.begin(), words.end());
}

bool Connection::waits_to_see() {
  if (table_.services.applied() >= requests.last_write()) {
    sees_at_ = {};
    return false;
  }
  const Instant now = table_.now();
  if (sees_at_ == Instant{}) sees_at_ = now + kSeesAfter;
  if (now >= sees_at_) {
    sees_at_ = {};
    return false;
  }
  table_.wake(now + kSeesPause);
  return true;
}

void Connection::on_attention() {
  end_if_gone();
  if (closed()) return;
  requests.pump();
  process();
  table_.want_flush(*this);
}

// Whoever has nothing more to say and would wait for somebody else's release looks the same as one
// who has died, and may not keep a place in a queue.
void Connection::end_if_gone() {
  if (input_ended_ && requests.blocked()) kill("closed by the peer while it waited");
}

void Connection::sweep(Instant now) {
  if (closed()) return;
  requests.sweep();
  refuse_late_withheld(now);
  if (closed()) return;
  const bool full = buffered_output() >= table_.limits.output_pause_bytes;
  if (sees_at_ != Instant{} || reading_paused_ || full) on_attention();
  const std::int64_t timeout = table_.services.config().timeout_s;
  const bool listens = session.subscriptions.count() != 0;
  if (timeout > 0 && all_answered() && !listens &&
      now - session.last_active >= seconds(timeout)) {
    kill("idle for longer than timeout");
  }
}

// ---- answers that may not leave yet

bool Connection::may_withhold() {
  if (withhold_after_ != 0) {
    --withhold_after_;
    return false;
  }
  const auto& told = session.subscriptions;
  return !request_.empty() && requests.empty() && told.count() == 0 && told.elections.empty();
}

void Connection::withhold(const commands::CommandSpec& spec, consensus::ReadTicket ticket,
                          std::string_view reply) {
  if (!std::exchange(wanted_word, true)) table_.withholding.push_back(shared_from_this());
  if (!withheld.any()) table_.wake(table_.now() + milliseconds(table_.services.config().outcome_wait_ms));
  withheld.add(spec, ticket, table_.now(), request_, reply);
  if (mutated(Mutation::withheld_not_withheld)) settle_withheld(ticket, true);
}

void Connection::settle_withheld(consensus::ReadTicket ticket, bool right) {
  if (closed() || withheld_wrong_) return;
  if (right || mutated(Mutation::withheld_wrong_answers)) {
    const std::string_view replies = withheld.release(ticket, table_.now(), table_.metrics);
    if (replies.empty()) return;
    put_reply(replies);
    withheld.forget_released();
    on_progress();
  } else {
    withheld_wrong_ = true;
    attend();
  }
}

// As with any other read whose leader says nothing.
void Connection::refuse_late_withheld(Instant now) {
  if (!withholds()) return;
  const std::int64_t wait = table_.services.config().outcome_wait_ms;
  const Instant due = withheld.oldest() + milliseconds(wait);
  if (now < due) return table_.wake(due);
  put_reply(withheld.refuse(fmt::format("-{}\r\n", no_answer_for(wait)), now, table_.metrics));
  on_progress();
}

void Connection::ask_withheld_again() {
  if (!withheld.any()) return;
  const std::string asked = withheld.take_requests();
  withhold_after_ = kWithholdAfter;
  request_ = {};
  resp::RequestParser parser(parser_limits(table_.services.config()));
  parser.feed(asked);
  std::vector<std::string_view> words;
  while (!closed() && parser.next(words) == resp::Parsed::request) table_.dispatch->run(*this, words);
}

// ---- replies

void Connection::put_reply(std::string_view reply) {
  if (closed()) return;
  if (output_.empty()) table_.want_flush(*this);
  output_.append(reply);
  if (output_.size() <= table_.limits.output_pause_bytes) return;
  if (buffered_output() > table_.limits.output_bytes) {
    ++table_.metrics.output_limit_closed;
    kill(fmt::format("it did not take its replies: more than {} bytes were waiting "
                     "(client-output-buffer-limit normal)",
                     table_.limits.output_bytes));
  }
}

void Connection::push(std::string_view text) {
  if (closed() || finishing_) return;
  if (output_.empty()) table_.want_flush(*this);
  output_.append(text);
  if (buffered_output() <= table_.limits.push_bytes) return;
  ++table_.metrics.output_limit_closed;
  kill(fmt::format("it did not take what it listens to: more than {} bytes were waiting "
                   "(client-output-buffer-limit pubsub)",
                   table_.limits.push_bytes));
}

std::size_t Connection::buffered_output() const {
  return output_.size() + (stream_ == nullptr ? 0 : stream_->pending());
}

void Connection::flush() {
  if (closed()) return;
  if (!output_.empty()) {
    table_.metrics.output_bytes += output_.size();
    ++table_.metrics.output_writes;
    if (output_.size() > kCopiedOutput) {
      stream_->send(SharedBytes(std::exchange(output_, {})));
    } else {
      stream_->send(std::string_view(output_));
      output_.clear();
    }
    requests.handed_over();
  }
  if (buffered_output() >= table_.limits.output_pause_bytes) {
    table_.wake(table_.now() + kLookAgain);  // the client is slow: see when it has caught up
  }
  close_when_done();
}

void Connection::close_when_done() {
  if (!finishing_ || !all_answered()) return;
  std::exchange(stream_, nullptr)->close();
  detach();
}

std::string Connection::translate(Request& request, std::string_view answer) {
  return translate_answer(*this, table_, request, answer);
}

void Connection::on_refused(Request& request) {
  if (request.kind == Request::Kind::watch) watch_refused(session, request);
}

void Connection::on_progress() {
  if (requests.empty()) followers_wait_ = false;
  // The end of the input may have come while nothing was to be read on: then it is still to be seen.
  const bool more = parser_.buffered() != 0 || input_ended_;
  if (more || !deferred_.empty() || reading_paused_) attend();
  if (finishing_) table_.want_flush(*this);
}

void Connection::attend() {
  if (!closed()) table_.want_attention(*this);
}

void Connection::refuse_received() { refuse_below_ = received_; }

// ---- ends

void Connection::kill(std::string_view reason) {
  if (closed()) return;
  table_.services.trace().info("client closed",
                               {{"client", address_}, {"why", std::string(reason)}});
  std::exchange(stream_, nullptr)->close(true);
  detach();
}

void Connection::detach() {
  detach_all(session, table_);
  requests.close();
  table_.pushes.forget(*this);
  speak(resp::Version::resp2);
  table_.remove(id_);
}

}  // namespace holdfast::server
