#include "consensus/writes.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutation.h"

namespace holdfast::consensus {

WriteId Writes::issue(std::optional<Epoch> promise, std::optional<Index> last) {
  under_way_.push_back({++newest_, promise, last.value_or(Index())});
  return newest_;
}

void Writes::complete(WriteId write) {
  CHECK(write <= newest_, "write {} was never issued, the newest is {}", write, newest_);
  while (!under_way_.empty() && under_way_.front().id <= write) {
    const Issued& done = under_way_.front();
    if (done.promise) promise_ = *done.promise;
    last_ = std::max(last_, done.last);
    under_way_.pop_front();
  }
}

void Writes::cut(Index from) {
  last_ = std::min(last_, from.previous());
  if (mutated(Mutation::cut_write_vouches)) return;
  for (Issued& one : under_way_) one.last = std::min(one.last, from.previous());
}

void Writes::raise(Index index) { last_ = std::max(last_, index); }

}  // namespace holdfast::consensus
