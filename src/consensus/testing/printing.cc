#include "consensus/testing/printing.h"

#include <fmt/format.h>

namespace holdfast::consensus::testing {
namespace {

std::string join(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += fmt::format("{}{}", text.empty() ? "" : ",", node);
  return text;
}

// Of one who recovers, or the answer to it.
bool is_question(const Message& message) {
  const bool pre_vote = message.kind == MessageKind::pre_vote_request ||
                        message.kind == MessageKind::pre_vote_reply;
  return pre_vote && message.read_round != 0;
}

bool is_reply(MessageKind kind) {
  return kind == MessageKind::pre_vote_reply || kind == MessageKind::vote_reply ||
         kind == MessageKind::append_reply || kind == MessageKind::heartbeat_reply;
}

}  // namespace

std::string to_text(MessageKind kind) {
  switch (kind) {
    case MessageKind::pre_vote_request:
      return "pre_vote_request";
    case MessageKind::pre_vote_reply:
      return "pre_vote_reply";
    case MessageKind::vote_request:
      return "vote_request";
    case MessageKind::vote_reply:
      return "vote_reply";
    case MessageKind::append:
      return "append";
    case MessageKind::append_reply:
      return "append_reply";
    case MessageKind::heartbeat:
      return "heartbeat";
    case MessageKind::heartbeat_reply:
      return "heartbeat_reply";
    case MessageKind::snapshot:
      return "snapshot";
    case MessageKind::campaign_now:
      return "campaign_now";
  }
  return "?";
}

std::string to_text(Role role) {
  switch (role) {
    case Role::follower:
      return "follower";
    case Role::candidate:
      return "candidate";
    case Role::leader:
      return "leader";
    case Role::learner:
      return "learner";
  }
  return "?";
}

std::string to_text(ProposalRefusal refusal) {
  switch (refusal) {
    case ProposalRefusal::not_leader:
      return "not_leader";
    case ProposalRefusal::handing_over:
      return "handing_over";
    case ProposalRefusal::too_much_pending:
      return "too_much_pending";
  }
  return "?";
}

std::string to_text(ChangeRefusal refusal) {
  switch (refusal) {
    case ChangeRefusal::not_leader:
      return "not_leader";
    case ChangeRefusal::handing_over:
      return "handing_over";
    case ChangeRefusal::too_early:
      return "too_early";
    case ChangeRefusal::under_way:
      return "under_way";
    case ChangeRefusal::behind:
      return "behind";
    case ChangeRefusal::invalid:
      return "invalid";
  }
  return "?";
}

std::string to_text(const Entry& entry) {
  std::string text = fmt::format("{}:{}", entry.index, entry.epoch);
  if (entry.kind == EntryKind::noop) text += " noop";
  if (entry.kind == EntryKind::config) {
    const auto membership = Membership::decode(entry.payload.view());
    text += " config " + (membership ? to_text(*membership) : "?");
  }
  if (entry.kind == EntryKind::batch) text += fmt::format(" \"{}\"", entry.payload.view());
  return text;
}

std::string to_text(const std::vector<Entry>& entries) {
  std::string text = "[";
  for (const Entry& entry : entries) {
    if (text.size() > 1) text += ", ";
    text += to_text(entry);
  }
  return text + "]";
}

std::string to_text(const Message& message) {
  std::string text =
      fmt::format("{}->{} {} {}", message.from, message.to, to_text(message.kind), message.epoch);
  if (is_question(message)) {
    // The number is as good as random.
    if (message.kind == MessageKind::pre_vote_request) return text + " question";
    return text + (message.refused ? fmt::format(" answer last={}:{}", message.hint, message.hint_epoch)
                                   : std::string(" answer: recovers as well"));
  }
  const bool vote =
      message.kind == MessageKind::pre_vote_reply || message.kind == MessageKind::vote_reply;
  if (vote) {
    text += message.refused ? " refused" : " granted";
    // Paxos: a promise brings what has been accepted.
    if (message.index.value == 0) return text;
    return text + fmt::format(" last={}:{} {}", message.index, message.index_epoch,
                              to_text(message.entries));
  }
  switch (message.kind) {
    case MessageKind::pre_vote_request:
    case MessageKind::vote_request:
      text += fmt::format(" last={}:{}", message.index, message.index_epoch);
      break;
    case MessageKind::append:
      text += fmt::format(" after {}:{} {} commit={}", message.index, message.index_epoch,
                          to_text(message.entries), message.commit);
      break;
    case MessageKind::append_reply:
      if (message.refused) {
        text += fmt::format(" refused at {} hint={}:{}", message.index, message.hint,
                            message.hint_epoch);
      } else {
        text += fmt::format(" upto={}", message.index);
      }
      break;
    case MessageKind::heartbeat:
      text += fmt::format(" commit={}", message.commit);
      break;
    case MessageKind::heartbeat_reply:
      text += message.refused ? " refused" : "";
      break;
    case MessageKind::snapshot:
      text += fmt::format(" {}:{}", message.index, message.index_epoch);
      break;
    default:
      break;
  }
  if (message.transfer) text += fmt::format(" transfer of {}", message.hint_epoch);
  if (message.read_round != 0) text += fmt::format(" round={}", message.read_round);
  if (message.lease_ms != 0) text += fmt::format(" lease={}", message.lease_ms);
  if (!is_reply(message.kind) && message.refused) text += " refused";
  return text;
}

std::string to_text(const Membership& membership) {
  std::string text = fmt::format("({})", join(membership.voters));
  if (!membership.outgoing.empty()) text += fmt::format("+({})", join(membership.outgoing));
  if (!membership.learners.empty())
    text += fmt::format(" learners=({})", join(membership.learners));
  return text;
}

std::string to_text(const Effects& effects, const std::string& indent) {
  std::string text;
  const auto line = [&](const std::string& one) { text += indent + one + "\n"; };
  if (effects.role) {
    line(fmt::format("{} of {}, leader {}", to_text(effects.role->role), effects.role->epoch,
                     effects.role->leader));
  }
  if (effects.promise) line(fmt::format("write {}: promise {}", effects.write, *effects.promise));
  if (effects.append) {
    line(fmt::format("write {}: from {} {}", effects.write, effects.append->from,
                     to_text(effects.append->entries)));
  }
  for (const Message& message : effects.send_now) line("send " + to_text(message));
  for (const Message& message : effects.send_after_sync) line("synced: send " + to_text(message));
  if (effects.committed_up_to) line(fmt::format("committed {}", *effects.committed_up_to));
  if (effects.proposed) {
    const Proposed& one = *effects.proposed;
    line(one.refusal ? "proposal refused: " + to_text(*one.refusal)
                     : fmt::format("proposed {}:{}", one.index, one.epoch));
  }
  if (effects.membership_change) {
    const MembershipChange& one = *effects.membership_change;
    line(one.refusal ? "change refused: " + to_text(*one.refusal)
                     : fmt::format("change begins at {}", one.index));
  }
  if (effects.membership) line("members " + to_text(*effects.membership));
  for (const Readable& one : effects.readable) {
    line(fmt::format("read {} at {}{}", one.ticket, one.index,
                     one.mode == ReadMode::lease ? " by lease" : ""));
  }
  for (const ReadTicket ticket : effects.reads_refused)
    line(fmt::format("read {} refused", ticket));
  for (const SnapshotWish& wish : effects.send_snapshot) {
    line(fmt::format("snapshot wanted for {}", wish.to));
  }
  if (effects.install) {
    line(fmt::format("install snapshot {}:{}", effects.install->index, effects.install->epoch));
  }
  if (effects.lost_suffix) {
    line(fmt::format("lost {}..{}", effects.lost_suffix->first, effects.lost_suffix->last));
  }
  if (effects.recovered) line("recovered");
  if (effects.unsupported) line("unsupported: " + *effects.unsupported);
  return text;
}

std::string to_text(const Status& status) {
  std::string text = fmt::format("{} of {}, leader {}, log {}..{}, durable {}, committed {}",
                                 to_text(status.role), status.epoch, status.leader, status.first,
                                 status.last, status.durable, status.commit);
  if (status.recovering) {
    text += fmt::format(", recovering, has not heard ({})", join(status.unheard));
    if (!status.recovering_too.empty()) {
      text += fmt::format(", as do ({})", join(status.recovering_too));
    }
  }
  for (const PeerProgress& peer : status.peers) {
    text +=
        fmt::format(", {}{}:{}{}{}", peer.voter ? "" : "learner ", peer.node, peer.match,
                    peer.recently_active ? "" : " silent", peer.snapshotting ? " snapshot" : "");
  }
  return text;
}

}  // namespace holdfast::consensus::testing
