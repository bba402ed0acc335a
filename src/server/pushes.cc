#include "server/pushes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/connection.h"
#include "server/connection_table.h"

namespace holdfast::server {
namespace {

using keyspace::HoldingKind;
using keyspace::Notice;
using keyspace::NoticeKind;
using keyspace::Topic;

constexpr std::string_view kMissed =
    "this node had fallen behind, and cannot say what happened meanwhile to what this connection holds or "
    "listens to";

std::string_view end_of(const Notice& notice) {
  return notice.kind == NoticeKind::released ? "released" : name_of(notice.loss);
}

}  // namespace

std::uint8_t Pushes::topics() {
  const std::string& wanted = table_.services.config().notify_keyspace_events;
  if (wanted != key_events_text_) {
    key_events_text_ = wanted;
    key_events_ = KeyEventFlags::parse(wanted).value_or(KeyEventFlags{});
  }
  const bool listening = channels.any();
  std::uint8_t topics = 0;
  if (listening || resp3_ != 0) topics |= static_cast<std::uint8_t>(Topic::holdings);
  if (listening && key_events_.any()) topics |= static_cast<std::uint8_t>(Topic::keys);
  return topics;
}

void Pushes::on_entry(const replica::EntryNotices& entry) {
  for (const Notice& notice : entry.notices) {
    switch (notice.kind) {
      case NoticeKind::granted:
      case NoticeKind::released:
      case NoticeKind::lost:
        on_holding(notice);
        break;
      case NoticeKind::key:
        on_key(notice);
        break;
      case NoticeKind::setting:
      case NoticeKind::membership:
        break;
    }
  }
}

void Pushes::on_holding(const Notice& notice) {
  if (notice.kind == NoticeKind::granted) {
    holders.granted(notice);
  } else if (notice.kind == NoticeKind::released) {
    holders.released(notice);
  } else {
    holders.lost(notice);
  }
  if (!channels.any()) return;
  if (notice.kind == NoticeKind::lost) {
    channels.publish(
        fmt::format("{}lost:{}", Channels::kOwnPrefix, notice.name),
        fmt::format("{} {} {}", name_of(notice.holding), notice.token, name_of(notice.loss)));
  }
  if (notice.holding == HoldingKind::election && !notice.again) on_election(notice);
}

void Pushes::on_election(const Notice& notice) {
  const bool elected = notice.kind == NoticeKind::granted;
  const std::string_view event = elected ? "elected" : "vacant";
  const std::string_view who = elected ? std::string_view(notice.owner) : end_of(notice);
  channels.publish(fmt::format("{}elect:{}", Channels::kOwnPrefix, notice.name),
                   fmt::format("{} {} {}", event, notice.token, who));
  std::string text;
  resp::ReplyWriter writer(text, resp::Version::resp3);
  writer.push(5);
  writer.bulk("holdfast.elect");
  writer.bulk(notice.name);
  writer.bulk(event);
  writer.integer(static_cast<std::int64_t>(notice.token));
  writer.bulk(who);
  channels.tell_observers(notice.name, text);
}

void Pushes::on_key(const Notice& notice) {
  if (!key_events_.includes(notice.events)) return;
  if (key_events_.by_key) {
    channels.publish(fmt::format("__keyspace@0__:{}", notice.name), notice.event);
  }
  if (key_events_.by_event) {
    channels.publish(fmt::format("__keyevent@0__:{}", notice.event), notice.name);
  }
}

void Pushes::on_missed(Index from) {
  missed_from_ = missed_from_ ? std::min(*missed_from_, from) : from;
}

void Pushes::on_turn_end(const Holders::StillHeld& still_held) {
  if (const auto from = std::exchange(missed_from_, std::nullopt)) {
    channels.close_own(kMissed);
    holders.compare(still_held);
    // The leader may have answered an acquire that is among the entries not seen, and its end be among
    // them too.
    table_.for_each([&](Connection& connection) {
      const bool told_more = connection.requests.last_write() > *from;
      if (told_more && connection.session.version == resp::Version::resp3) connection.kill(kMissed);
    });
  }
  holders.push_waiting();
}

void Pushes::forget(Connection& connection) {
  channels.forget(connection);
  holders.forget(connection.id());
}

}  // namespace holdfast::server
