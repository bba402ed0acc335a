#include "consensus/protocol.h"

namespace holdfast::consensus {

void Effects::clear() {
  promise.reset();
  append.reset();
  write = 0;
  send_now.clear();
  send_after_sync.clear();
  committed_up_to.reset();
  proposed.reset();
  readable.clear();
  reads_refused.clear();
  send_snapshot.clear();
  install.reset();
  role.reset();
  recovered = false;
  lost_suffix.reset();
  membership_change.reset();
  membership.reset();
  unsupported.reset();
}

}  // namespace holdfast::consensus
