// `holdfast inspect NAME`: who holds a lock, permits of a semaphore or an office, since when and
// for how long still, who waits for it, and who lost it last.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/calendar.h"
#include "cli/access.h"
#include "cli/held.h"
#include "cli/json_text.h"
#include "cli/server_info.h"
#include "cli/time_text.h"
#include "cli/tools.h"
#include "env/network.h"

namespace holdfast::cli {
namespace {

using resp::Reply;

struct InspectOptions {
  std::string server = "127.0.0.1:7379";
  Access access;
  std::string name;
  bool semaphore = false;
  bool election = false;
  bool json = false;
};

Held kind_of(const InspectOptions& options) {
  if (options.semaphore) return Held::semaphore;
  return options.election ? Held::election : Held::lock;
}

// As a map, in which fields have names: in RESP2 they would only have places.
Result<Reply> ask_holders(const InspectOptions& options) {
  auto address = env::Address::parse(options.server);
  if (!address) return address.error();
  auto server = log_in(*address, options.access, kPatience);
  if (!server) return server.error();
  auto welcome = server->ask({"HELLO", "3"});
  if (!welcome) return welcome.error();
  if (welcome->is_error()) return Error{welcome->text};
  auto reply = server->ask({info_command(kind_of(options)), options.name});
  if (!reply) return reply.error();
  if (reply->is_error()) return Error{reply->text};
  return reply;
}

const Reply* find(const Reply& map, std::string_view name) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == name) return &map.items[i + 1];
  }
  return nullptr;
}

std::int64_t number_in(const Reply& map, std::string_view name) {
  const Reply* const value = find(map, name);
  return value == nullptr ? 0 : value->number;
}

std::string text_in(const Reply& map, std::string_view name) {
  const Reply* const value = find(map, name);
  return value == nullptr ? std::string() : value->text;
}

std::string json(const Reply& reply) {
  std::string out;
  switch (reply.kind) {
    case Reply::Kind::null:
      return "null";
    case Reply::Kind::integer:
      return fmt::to_string(reply.number);
    case Reply::Kind::map:
      for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) {
        out += fmt::format("{}{}:{}", i == 0 ? "" : ",", json_text(reply.items[i].text),
                           json(reply.items[i + 1]));
      }
      return "{" + out + "}";
    case Reply::Kind::array:
      for (const Reply& item : reply.items) out += (out.empty() ? "" : ",") + json(item);
      return "[" + out + "]";
    default:
      return json_text(reply.text);
  }
}

std::string ms_text(std::int64_t ms) { return time_text(std::chrono::milliseconds(ms)); }

// Cluster time follows the calendar of the leader.
std::string calendar(std::int64_t ms) {
  return fmt::format("{} {} UTC", day_text({ms}), hour_text({ms}));
}

// Those who share it, and how others lost it.
void print_others(const Reply& info) {
  const Reply* const holders = find(info, "holders");
  if (holders != nullptr && text_in(info, "mode") == "shared") {
    fmt::print("shared   by {}\n", holders->items.size());
    for (const Reply& holder : holders->items) {
      fmt::print("         {}, token {}, {} left\n", text_in(holder, "owner"),
                 number_in(holder, "token"), ms_text(number_in(holder, "ttl")));
    }
  }
  if (const std::int64_t delay = number_in(info, "delay"); delay > 0) {
    fmt::print("delay    {}: its last holder failed, and had asked for it\n", ms_text(delay));
  }
}

void print_losses(const Reply& info) {
  const Reply* const losses = find(info, "losses");
  if (losses == nullptr) return;
  for (const Reply& loss : losses->items) {
    fmt::print("lost     {}  {}, token {}: {}\n", calendar(number_in(loss, "when")),
               text_in(loss, "owner"), number_in(loss, "token"), text_in(loss, "reason"));
  }
}

void print_waiters(const Reply& info, std::string_view field, std::string_view owner) {
  const Reply* const waiters = find(info, field);
  const std::size_t count = waiters == nullptr ? 0 : waiters->items.size();
  fmt::print("waiting  {}\n", count);
  if (count == 0) return;
  constexpr auto kLine = "{:>6}  {:<12}{:<12}{}\n";
  fmt::print(kLine, "place", "since entry", "gives up in", owner);
  for (std::size_t i = 0; i < count; ++i) {
    const Reply& waiter = waiters->items[i];
    fmt::print(kLine, i + 1, number_in(waiter, "queued_at"), ms_text(number_in(waiter, "ttl")),
               text_in(waiter, owner));
  }
}

void print_semaphore(const InspectOptions& options, const Reply& info) {
  fmt::print("semaphore {}\nlimit    {}, {} held\n", options.name, number_in(info, "limit"),
             number_in(info, "used"));
  if (const Reply* const holders = find(info, "holders"); holders != nullptr) {
    for (const Reply& holder : holders->items) {
      fmt::print("holder   {}, {} permits, token {}, since {}, {} left\n", text_in(holder, "owner"),
                 number_in(holder, "permits"), number_in(holder, "token"),
                 calendar(number_in(holder, "since")), ms_text(number_in(holder, "ttl")));
    }
  }
  print_losses(info);
  print_waiters(info, "waiters", "owner");
}

void print_election(const InspectOptions& options, const Reply& info) {
  fmt::print("election {}\n", options.name);
  if (number_in(info, "held") != 0) {
    fmt::print("leader   {}\nsince    {}\nleft     {}\ntoken    {}\n", text_in(info, "candidate"),
               calendar(number_in(info, "since")), ms_text(number_in(info, "ttl")),
               number_in(info, "token"));
  } else {
    fmt::print("leader   nobody\ntoken    {} was the last\n", number_in(info, "last_token"));
  }
  print_losses(info);
  print_waiters(info, "candidates", "candidate");
}

void print_lock(const InspectOptions& options, const Reply& info) {
  fmt::print("lock     {}\n", options.name);
  if (number_in(info, "held") != 0) {
    fmt::print("holder   {}\n", text_in(info, "owner"));
    if (const std::string value = text_in(info, "value"); !value.empty())
      fmt::print("value    {}\n", value);
    fmt::print("since    {}\n", calendar(number_in(info, "since")));
    fmt::print("left     {}\n", ms_text(number_in(info, "ttl")));
    fmt::print("token    {}   fence {}\n", number_in(info, "token"), number_in(info, "fence"));
  } else {
    fmt::print("holder   nobody\ntoken    {} was the last\n", number_in(info, "last_token"));
  }
  print_others(info);
  print_losses(info);
  print_waiters(info, "waiters", "owner");
}

void print_holders(const InspectOptions& options, const Reply& info) {
  if (options.semaphore) return print_semaphore(options, info);
  if (options.election) return print_election(options, info);
  print_lock(options, info);
}

int inspect(const InspectOptions& options) {
  const auto info = ask_holders(options);
  if (!info) return complain(info.error().message);
  const bool known = info->kind == Reply::Kind::map;
  if (options.json) {
    fmt::print(R"({{"name":{},"info":{}}})"
               "\n",
               json_text(options.name), json(*info));
  } else if (known) {
    print_holders(options, *info);
  } else {
    fmt::print("{:<8} {}\nholder   nobody, and nobody in the last ten minutes\n",
               name_of(kind_of(options)), options.name);
  }
  return 0;
}

}  // namespace

void add_inspect(Tool app, int& exit_code) {
  auto options = std::make_shared<InspectOptions>();
  Tool tool = app.add_tool("inspect", "Who holds a lock, permits or an office, and who waits");
  tool.add_option("--server", options->server, "any node's client address").shows_default();
  add_access(tool, options->access);
  tool.add_option("name", options->name, "of the lock, semaphore or election").required();
  const Option semaphore =
      tool.add_flag("--semaphore", options->semaphore, "look at the semaphore of this name");
  tool.add_flag("--election", options->election, "look at the election of this name")
      .excludes(semaphore);
  tool.add_flag(
      "--json", options->json,
      "print JSON: {name, info}, info as LOCK.INFO, SEM.INFO, ELECT.INFO answers or null");
  tool.on_chosen([options, &exit_code] { exit_code = inspect(*options); });
}

}  // namespace holdfast::cli
