#include "sim/observer_notices.h"

#include <fmt/format.h>

#include <utility>

#include "commands/context.h"

namespace holdfast::sim {
namespace {

using keyspace::Notice;
using keyspace::NoticeKind;

// By hand: every node's notices are written so, to be compared.
void append(std::string& text, const Notice& notice) {
  text.append(std::to_string(static_cast<int>(notice.kind))).append(" ").append(name_of(notice.holding));
  text.append(" ").append(notice.event).append(" '").append(notice.name).append("' of '");
  text.append(notice.owner).append("' token ").append(std::to_string(notice.token)).append(" ");
  if (notice.kind == NoticeKind::lost) text.append(name_of(notice.loss));
  text.append(" ").append(std::to_string(notice.value.size())).append(notice.again ? " again; " : "; ");
}

std::string text_of(const replica::EntryNotices& entry) {
  std::string text;
  for (const Notice& notice : entry.notices) append(text, notice);
  return text;
}

}  // namespace

void NoticesAgree::noticed(MachineId machine, std::uint64_t process, const replica::EntryNotices& entry,
                           Instant at, Problems& problems) {
  const auto found = heard_.find(machine);
  if (found != heard_.end() && found->second.process != process) heard_.erase(found);
  compare(machine, entry, at, problems);
  auto [mine, first] = heard_.try_emplace(machine);
  Heard& heard = mine->second;
  if (first) {
    heard.process = process;
    heard.first = entry.index;
  } else {
    look_for_gaps(machine, heard, entry.index, at, problems);
  }
  heard.last = entry.index;
  follow(machine, heard, entry, at, problems);
}

void NoticesAgree::compare(MachineId machine, const replica::EntryNotices& entry, Instant at,
                           Problems& problems) {
  const std::string text = text_of(entry);
  const auto [known, fresh] = known_.try_emplace(entry.index, text);
  if (!fresh && known->second != text) {
    problems.add(kName, at, fmt::format("of entry {} machine {} tells '{}', another told '{}'",
                                        entry.index, machine, text, known->second));
  }
  if (!fresh) return;
  for (const auto& [other, heard] : heard_) {
    if (other == machine || entry.index < heard.first || entry.index > heard.last) continue;
    problems.add(kName, at, fmt::format("machine {} tells nothing of entry {}, machine {} tells '{}'",
                                        other, entry.index, machine, text));
  }
}

// Others have told of entries between its last and this one.
void NoticesAgree::look_for_gaps(MachineId machine, const Heard& heard, Index index, Instant at,
                                 Problems& problems) {
  if (index <= heard.last) {
    problems.add(kName, at, fmt::format("machine {} tells of entry {} after entry {}", machine, index,
                                        heard.last));
    return;
  }
  const auto next = known_.upper_bound(heard.last);
  if (next == known_.end() || next->first >= index) return;
  problems.add(kName, at, fmt::format("machine {} tells nothing of entry {}, another told '{}'", machine,
                                      next->first, next->second));
}

void NoticesAgree::follow(MachineId machine, Heard& heard, const replica::EntryNotices& entry,
                          Instant at, Problems& problems) {
  for (const Notice& notice : entry.notices) {
    if (notice.holding != keyspace::HoldingKind::lock) continue;
    const std::pair grant(notice.name, notice.token);
    const auto object = [&](std::string_view what) {
      problems.add(kName, at, fmt::format("machine {}, entry {}: the grant of '{}' with token {} {}",
                                          machine, entry.index, notice.name, notice.token, what));
    };
    if (notice.kind == NoticeKind::granted) {
      if (heard.ended.contains(grant)) object("begins though it has ended");
      if (!heard.held.insert(grant).second && !notice.again) object("begins twice");
    } else if (notice.kind == NoticeKind::released || notice.kind == NoticeKind::lost) {
      heard.held.erase(grant);
      if (!heard.ended.insert(grant).second) object("ends twice");
    }
  }
}

void NoticesAgree::see(const Look& look, const Memory& memory, Problems& problems) {
  const Sight& now = look.now;
  const auto heard = heard_.find(now.machine);
  if (!look.thorough || now.data == nullptr || heard == heard_.end()) return;
  if (heard->second.process != now.process || !memory.data_trusted(now.machine)) return;
  for (const auto& [name, token] : heard->second.held) {
    if (now.data->locks().stands(commands::key_of(name), token)) continue;
    problems.add(kName, now.at, fmt::format("machine {} never told that the grant of '{}' with token {} "
                                            "has ended",
                                            now.machine, name, token));
  }
}

}  // namespace holdfast::sim
