// The durable writes that a replica has issued and that have not completed.
//
// A completion must not vouch for entries that were cut after the write was issued: the same index
// may by then hold another entry, whose own write is still under way (Raft 3.8 asks for durability
// before an answer; with asynchronous writes this is where it is easily lost). So each write
// remembers the last index it covers, and a cut lowers it.
#pragma once

#include <deque>
#include <optional>

#include "base/ids.h"
#include "consensus/protocol.h"

namespace holdfast::consensus {

class Writes {
 public:
  // What is durable at the start.
  Writes(Epoch promise, Index last) : promise_(promise), last_(last) {}

  // Issues the next write. `last`: the last entry it holds, if it holds any.
  WriteId issue(std::optional<Epoch> promise, std::optional<Index> last);
  // That write, and all before it, are durable. REQUIRES: it was issued.
  void complete(WriteId write);
  // Everything from `from` on is void, whether written or on its way.
  void cut(Index from);
  // A durable snapshot stands for everything up to `index`.
  void raise(Index index);

  Epoch durable_promise() const { return promise_; }
  Index durable_last() const { return last_; }
  bool any_under_way() const { return !under_way_.empty(); }

 private:
  struct Issued {
    WriteId id = 0;
    std::optional<Epoch> promise;
    Index last;  // 0: none
  };

  Epoch promise_;
  Index last_;
  WriteId newest_ = 0;
  std::deque<Issued> under_way_;
};

}  // namespace holdfast::consensus
