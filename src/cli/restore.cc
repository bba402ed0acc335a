// `holdfast restore`: the data of a backup into a cluster of any size, through its log. Verified
// whole before the first word is said to the cluster; every step may be repeated, so that a restore
// that was interrupted goes on when the command is given again.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/checksum.h"
#include "cli/backup_output.h"
#include "cli/access.h"
#include "cli/server_info.h"
#include "cli/tools.h"
#include "env/network.h"
#include "server/restore_source.h"

namespace holdfast::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kAgain = std::chrono::milliseconds(200);
// One word of a request; a value that is larger goes in several.
constexpr std::size_t kWord = 8 << 20;

struct RestoreOptions {
  std::string server = "127.0.0.1:7379";
  Access access;
  std::string file;
  bool replace = false;
  bool check = false;
  bool abandon = false;
  int wait_s = 60;
};

// Says something until it is answered, over as many connections as it takes.
class Teller {
 public:
  Teller(const RestoreOptions& options, env::Address server)
      : options_(options), address_(std::move(server)) {}

  Result<std::int64_t> tell(const std::vector<std::string_view>& words);

 private:
  // The answer, or what is to be said if it does not come in time.
  struct Said {
    std::optional<resp::Reply> reply;
    std::string why;
  };
  Said once(const std::vector<std::string_view>& words);

  const RestoreOptions& options_;
  env::Address address_;
  std::optional<client::Connection> connection_;
};

Teller::Said Teller::once(const std::vector<std::string_view>& words) {
  if (!connection_) {
    auto opened = log_in(address_, options_.access, kPatience);
    if (!opened) return {std::nullopt, opened.error().message};
    connection_.emplace(std::move(*opened));
  }
  auto reply = connection_->ask(words);
  if (reply) return {std::move(*reply), {}};
  connection_.reset();
  return {std::nullopt, reply.error().message};
}

Result<std::int64_t> Teller::tell(const std::vector<std::string_view>& words) {
  const auto until = steady_clock::now() + std::chrono::seconds(options_.wait_s);
  while (true) {
    Said said = once(words);
    if (said.reply && !said.reply->is_error()) return said.reply->number;
    if (said.reply) {
      said.why = said.reply->text;
      const bool again = said.why.starts_with("NOLEADER") || said.why.starts_with("UNKNOWN") ||
                         said.why.starts_with("NOSPACE");
      if (!again) return Error{said.why};
    }
    if (steady_clock::now() > until) return Error{said.why};
    std::this_thread::sleep_for(kAgain);
  }
}

struct Beginning {
  std::string id, pieces, revision, stamp, wall;
  std::string_view mode;
};

Result<std::int64_t> begin(Teller& teller, const Beginning& words) {
  const auto next = teller.tell({"HOLDFAST", "RESTORE", "BEGIN", words.id, words.pieces,
                                 words.revision, words.stamp, words.wall, words.mode});
  if (!next) return next.error();
  while (true) {
    const auto cleared = teller.tell({"HOLDFAST", "RESTORE", "CLEAR", words.id});
    if (!cleared) return cleared.error();
    if (*cleared == 1) return next;
  }
}

Result<std::int64_t> give(Teller& teller, const std::string& id, std::uint64_t number,
                          std::string_view piece) {
  const std::string place = fmt::to_string(number);
  const std::string sum = fmt::to_string(checksum(piece));
  std::vector<std::string_view> words = {"HOLDFAST", "RESTORE", "PIECE", id, place, sum};
  for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kWord))) {
    words.push_back(piece.substr(0, kWord));
  }
  return teller.tell(words);
}

Result<void> put_all(Teller& teller, server::RestoreSource& source, const Beginning& words) {
  const auto next = begin(teller, words);
  if (!next) return next.error();
  auto say = steady_clock::now();
  for (std::uint64_t number = 0; number < source.pieces(); ++number) {
    const std::string piece = source.next_piece();
    if (number < static_cast<std::uint64_t>(*next)) continue;  // a restore that goes on
    if (auto given = give(teller, words.id, number, piece); !given) return given.error();
    if (steady_clock::now() < say + std::chrono::seconds(2)) continue;
    say = steady_clock::now();
    fmt::print(stderr, "holdfast: {} of {} pieces\n", number + 1, source.pieces());
  }
  const auto ended = teller.tell({"HOLDFAST", "RESTORE", "END", words.id});
  if (!ended) return ended.error();
  return {};
}

std::string described(const server::RestoreSource& source) {
  return fmt::format("cluster {:016x} at index {}: {} keys, {} held locks",
                     source.header().cluster_id, source.snapshot().mark.index.value, source.keys(),
                     source.held_locks());
}

// What an error means for the cluster depends on how far things have come.
int not_finished(const RestoreOptions& options, const env::Address& address, const std::string& why) {
  const auto info = ask_info(address, options.access, kPatience);
  const std::string state = info ? field(*info, "holdfast_restore") : "-";
  if (state == "none") return complain(why);
  if (state == "-") {
    return complain(
        fmt::format("{}. Whether the restore has begun is not known; give the command "
                    "again, and it goes on",
                    why));
  }
  return complain(fmt::format(
      "{}. The restore is not finished ({}): the cluster refuses commands on data with -LOADING. "
      "Give the same command again and it goes on; or with --replace and another file it begins "
      "anew; or `holdfast restore --abandon` leaves the cluster empty",
      why, state));
}

int restore(const RestoreOptions& options) {
  const auto address = env::Address::parse(options.server);
  if (!address) return complain(address.error().message);
  Teller teller(options, *address);
  if (options.abandon) {
    const Beginning words{"1", "0", "0", "0", "0", "ABANDON"};
    const auto begun = begin(teller, words);
    const auto ended = begun ? teller.tell({"HOLDFAST", "RESTORE", "END", words.id}) : begun;
    if (!ended) return not_finished(options, *address, ended.error().message);
    fmt::print("the restore is given up: the cluster is empty, and serves its clients\n");
    return 0;
  }
  auto source = [&]() -> Result<std::unique_ptr<server::RestoreSource>> {
    const auto bytes = read_file(options.file);
    if (!bytes) return bytes.error();
    return server::RestoreSource::open(options.file, *bytes);
  }();
  if (!source) return complain(source.error().message);
  if (options.check) {
    fmt::print("{}: {}\n", options.file, described(**source));
    return 0;
  }
  const storage::SnapshotHeader& state = (*source)->snapshot();
  const Beginning words{
      fmt::to_string((*source)->id()),       fmt::to_string((*source)->pieces()),
      fmt::to_string((*source)->revision()), fmt::to_string(state.stamp.ms),
      fmt::to_string(state.wall.ms),         options.replace ? "REPLACE" : "EMPTY"};
  if (auto put = put_all(teller, **source, words); !put) {
    return not_finished(options, *address, put.error().message);
  }
  fmt::print("restored {}\n", described(**source));
  return 0;
}

}  // namespace

void add_restore(Tool app, int& exit_code) {
  auto options = std::make_shared<RestoreOptions>();
  Tool tool = app.add_tool("restore", "Put a backup into a cluster");
  const Option file = tool.add_option("file", options->file, "what `holdfast backup` wrote");
  tool.add_option("--server", options->server, "any node's client address").shows_default();
  add_access(tool, options->access);
  const Option replace = tool.add_flag("--replace", options->replace,
                                       "take away what the cluster holds; else it has to be empty");
  const Option check =
      tool.add_flag("--check", options->check, "only say whether the file is whole");
  Option abandon = tool.add_flag("--abandon", options->abandon,
                                 "give up a restore that cannot be finished: all data is dropped");
  abandon.excludes(file).excludes(replace).excludes(check);
  tool.add_option("--wait", options->wait_s, "seconds without an answer until it gives up")
      .between(1, 86'400)
      .shows_default();
  tool.footer(
      "The cluster keeps its nodes and its password. Locks stay held, with their tokens, for what\n"
      "was left of their time; nobody waits for them. New tokens are above all earlier ones. "
      "While\n"
      "it runs, commands on data are refused (-LOADING). If it is interrupted, run it again.");
  tool.on_chosen([options, &exit_code] {
    if (options->file.empty() && !options->abandon) {
      lacks("file");
    }
    exit_code = restore(*options);
  });
}

}  // namespace holdfast::cli
