// The keys of a prefix, by a feed. All that is remembered is a position, so that a broken
// connection, a dead leader or a new start of this program make no difference: the next page begins
// where the last one ended.
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cli/backup_output.h"
#include "cli/feed_page.h"
#include "cli/json_text.h"
#include "cli/watch.h"

namespace holdfast::cli {
namespace {

constexpr std::uint64_t kPageChanges = 1000;
// How long a node lets an answer wait for something to tell; less than a client is patient.
constexpr std::string_view kBlockMs = "1000";

// A file with a position in it, replaced as a whole.
class PositionFile {
 public:
  explicit PositionFile(std::string path) : path_(std::move(path)) {}

  // Nothing: it is not kept, or there is no file yet.
  Result<std::optional<std::string>> read() const {
    struct stat found {};
    if (path_.empty() || ::stat(path_.c_str(), &found) != 0) return std::optional<std::string>();
    auto text = read_file(path_);
    if (!text) return text.error();
    while (text->ends_with('\n')) text->pop_back();
    if (text->empty()) return Error{fmt::format("there is no position in {}", path_)};
    return std::optional(*std::move(text));
  }

  Result<void> write(std::string_view position) const {
    if (path_.empty()) return {};
    const std::string fresh = path_ + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return failed("create", fresh);
    const std::string text = fmt::format("{}\n", position);
    const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
    const Error why = whole ? Error{} : failed("write", fresh);
    ::close(fd);
    if (!whole) return why;
    if (::rename(fresh.c_str(), path_.c_str()) != 0) return failed("rename", fresh);
    return {};
  }

 private:
  static Error failed(std::string_view what, const std::string& name) {
    return {fmt::format("cannot {} {}: {}; the position there is an older one", what, name,
                        ::strerror(errno))};
  }

  std::string path_;
};

class KeyWatch {
 public:
  KeyWatch(const WatchOptions& options, Client client)
      : options_(options), client_(std::move(client)), file_(options.position_file) {}

  int run() {
    if (auto begun = begin(); !begun) return refuse(begun.error().message);
    while (!watch_interrupted()) {
      const auto answer = ask();
      if (!answer) {
        if (const auto code = trouble(answer.failure())) return *code;
        continue;
      }
      const auto page = read_page(*answer);
      if (!page) return refuse(page.error().message);
      if (const auto code = take(*page)) return *code;
    }
    return 0;
  }

 private:
  using Step = std::optional<int>;  // an exit code; nothing: go on

  Result<void> begin() {
    auto kept = file_.read();
    if (!kept) return kept.error();
    position_ = *kept ? **kept : options_.from;
    if (position_ == "now") position_ = "$";
    if (position_ == "oldest") position_ = "0";
    return {};
  }

  int refuse(const std::string& why) const {
    watch_says(options_, "refused", why);
    return kWatchRefused;
  }

  Outcome<Value> ask() {
    const std::uint64_t left = options_.count == 0 ? kPageChanges : options_.count - told_;
    const std::string count = fmt::to_string(std::min(left, kPageChanges));
    Words words = {"FEED.READ", position_, "MATCH", options_.prefix, "COUNT", count};
    if (!options_.no_wait) words.insert(words.end(), {"BLOCK", kBlockMs});
    return client_.read(words);
  }

  Step trouble(const Failure& failure) {
    if (failure.kind == "COMPACTED") {
      watch_says(options_, "compacted", failure.message);
      return kWatchCompacted;
    }
    if (!is_passing(failure)) return refuse(failure.message);
    if (!answered_) {
      watch_says(options_, "unreachable", failure.message);
      return kWatchUnreachable;
    }
    if (!std::exchange(out_of_reach_, true)) {
      watch_says(options_, "waiting", failure.message + " Nothing is missed by that; still asking");
    }
    return std::nullopt;
  }

  Step take(const ChangePage& page) {
    if (!std::exchange(answered_, true) && options_.json) {
      fmt::print(stderr,
                 R"({{"event":"watching","position":{}}})"
                 "\n",
                 json_text(page.position));
    }
    out_of_reach_ = false;
    for (const KeyChange& change : page.changes) {
      if (!watch_line(options_.json ? as_json(change) : as_text(change))) {
        return refuse("nobody reads what is printed");
      }
    }
    told_ += page.changes.size();
    // After the lines: who is killed in between tells them again, rather than never.
    const bool moved = page.position != position_;
    position_ = page.position;
    if (moved) {
      if (auto kept = file_.write(position_); !kept) return refuse(kept.error().message);
    }
    if (options_.count != 0 && told_ >= options_.count) return 0;
    if (options_.no_wait && !moved) return 0;
    return std::nullopt;
  }

  const WatchOptions& options_;
  Client client_;
  PositionFile file_;
  std::string position_;
  std::uint64_t told_ = 0;
  bool answered_ = false;
  bool out_of_reach_ = false;
};

}  // namespace

int watch_keys(const WatchOptions& options, Client client) {
  return KeyWatch(options, std::move(client)).run();
}

}  // namespace holdfast::cli
