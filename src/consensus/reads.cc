#include "consensus/reads.h"

#include "base/mutation.h"

namespace holdfast::consensus {

void Reads::gather(ReadTicket ticket, Index index) {
  if (mutated(Mutation::read_joins_old_round) && round_under_way()) {
    return begun_.push_back({newest_round_, {ticket, index}});
  }
  gathered_.push_back({ticket, index});
}

void Reads::postpone(ReadTicket ticket) { postponed_.push_back(ticket); }

void Reads::gather_postponed(Index commit) {
  for (const ReadTicket ticket : postponed_) gather(ticket, commit);
  postponed_.clear();
}

std::uint64_t Reads::begin_round() {
  ++newest_round_;
  for (const Readable& answer : gathered_) begun_.push_back({newest_round_, answer});
  gathered_.clear();
  return newest_round_;
}

bool Reads::confirm(std::uint64_t round, std::vector<Readable>& out) {
  const std::size_t before = out.size();
  while (!begun_.empty() && begun_.front().round <= round) {
    out.push_back(begun_.front().answer);
    begun_.pop_front();
  }
  return out.size() > before;
}

void Reads::refuse_all(std::vector<ReadTicket>& out) {
  for (const Waiting& waiting : begun_) out.push_back(waiting.answer.ticket);
  for (const Readable& answer : gathered_) out.push_back(answer.ticket);
  out.insert(out.end(), postponed_.begin(), postponed_.end());
  begun_.clear();
  gathered_.clear();
  postponed_.clear();
}

}  // namespace holdfast::consensus
