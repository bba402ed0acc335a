#include "cli/bench_keys.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cli/server_info.h"
#include "workload/activity.h"

namespace holdfast::cli {
namespace {

using workload::Ended;
using workload::Op;

constexpr std::chrono::milliseconds kPause(20);
constexpr std::size_t kRemovedAtOnce = 100;

// Reads, again and again until there is an answer or the time is over.
class LastReader {
 public:
  LastReader(const BenchKeys::Reader& reader, const env::Clock& clock, workload::History& history)
      : reader_(reader),
        clock_(clock),
        history_(history),
        give_up_at_(clock.now() + reader.patience) {}

  Result<void> read(const std::string& key, Op op, bool until_gone);

 private:
  // One try; nothing if there was no answer, and why_ says why.
  std::optional<std::string> try_once(const std::string& key, Op op);
  void leave(std::string why);

  const BenchKeys::Reader& reader_;
  const env::Clock& clock_;
  workload::History& history_;
  Instant give_up_at_;
  std::optional<client::Connection> connection_;
  workload::Operation next_;
  std::string why_;
};

Result<void> LastReader::read(const std::string& key, Op op, bool until_gone) {
  for (;;) {
    const auto value = try_once(key, op);
    if (value && (value->empty() || !until_gone)) return {};
    if (value) why_ = fmt::format("it still is '{}', though its time is long over", *value);
    if (clock_.now() >= give_up_at_) {
      return Error{fmt::format("{} s after the load, GET {} on {}: {}",
                               reader_.patience.ms() / 1000, key, reader_.server.text(), why_)};
    }
    std::this_thread::sleep_for(kPause);
  }
}

std::optional<std::string> LastReader::try_once(const std::string& key, Op op) {
  if (!connection_) {
    auto opened = log_in(reader_.server, reader_.access, kBriefPatience);
    if (!opened) {
      why_ = opened.error().message;
      return std::nullopt;
    }
    connection_.emplace(*std::move(opened));
  }
  next_.client = reader_.client;
  next_.op = op;
  next_.key = key;
  next_.call_ns = clock_.now().ns;
  auto reply = connection_->ask({"GET", key});
  next_.return_ns = clock_.now().ns;
  if (!reply) {
    leave(reply.error().message);
    return std::nullopt;
  }
  auto value = workload::read_text(*reply);
  next_.ended = value ? Ended::ok : Ended::failed;
  next_.ret = value.value_or("");
  history_.push_back(next_);
  ++next_.place;
  if (!value) why_ = workload::show(*reply);
  return value;
}

void LastReader::leave(std::string why) {
  why_ = std::move(why);
  connection_.reset();
  ++next_.connection;
  next_.place = 0;
}

}  // namespace

void BenchKeys::add(const workload::History& history) {
  for (const auto& operation : history) {
    switch (operation.op) {
      case Op::guarded_write:
        keys_.emplace(workload::field(operation.arg, 1), Kind::plain);
        break;
      case Op::insert:
      case Op::read_all:
        keys_[operation.key] = Kind::set;
        break;
      case Op::write_ttl:
        keys_[operation.key] = Kind::short_lived;
        break;
      case Op::throttle:
      case Op::latch_down:
      case Op::latch_wait:
      case Op::pair_write:
      case Op::feed_read:
        break;  // no key of a value
      default:
        // Their keys are judged by what was seen.
        if (workload::on_session(operation.op) || workload::on_cache(operation.op)) break;
        if (!on_holding(operation.op)) keys_.emplace(operation.key, Kind::plain);
    }
  }
}

Result<void> BenchKeys::read(const Reader& reader, const env::Clock& clock,
                             workload::History& history) const {
  LastReader last(reader, clock, history);
  for (const auto& [key, kind] : keys_) {
    const Op op = kind == Kind::set ? Op::read_all : Op::read;
    if (auto read = last.read(key, op, kind == Kind::short_lived); !read) return read;
  }
  return {};
}

Result<void> BenchKeys::remove(const env::Address& server, const Access& access) const {
  auto connection = log_in(server, access, kBriefPatience);
  if (!connection) return connection.error();
  for (auto at = keys_.begin(); at != keys_.end();) {
    std::vector<std::string_view> words = {"DEL"};
    for (; at != keys_.end() && words.size() <= kRemovedAtOnce; ++at) words.push_back(at->first);
    auto reply = connection->ask(words);
    if (!reply) return reply.error();
    if (reply->is_error()) return Error{fmt::format("{}: {}", server.text(), reply->text)};
  }
  return {};
}

}  // namespace holdfast::cli
