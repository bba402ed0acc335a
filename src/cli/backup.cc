// `holdfast backup`: all that a cluster holds, in one file. The cluster writes an entry into its
// log; the node that is asked makes a snapshot of a state that has applied it; the file of that
// snapshot comes over the client port, is put into a backup file, and read back from the disk
// before it gets its name.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "cli/backup_output.h"
#include "cli/access.h"
#include "cli/json_text.h"
#include "cli/server_info.h"
#include "cli/tools.h"
#include "env/network.h"
#include "server/restore_source.h"
#include "storage/backup_file.h"

namespace holdfast::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kAskAgain = std::chrono::milliseconds(2);

struct BackupOptions {
  std::string server = "127.0.0.1:7379";
  Access access;
  std::string to;
  bool json = false;
  int wait_s = 60;
};

struct Part {
  std::int64_t index = 0;
  std::uint64_t size = 0;
  std::string bytes;
};

class Maker {
 public:
  Maker(const BackupOptions& options, client::Connection server)
      : options_(options), server_(std::move(server)) {}

  Result<Part> begin();
  // Asks until it is there.
  Result<Part> part(std::uint64_t offset);

 private:
  steady_clock::time_point until() const {
    return steady_clock::now() + std::chrono::seconds(options_.wait_s);
  }

  const BackupOptions& options_;
  client::Connection server_;
  std::string index_;
};

// What everybody was told before this is answered lies before the entry. Asked again it only writes
// another one.
Result<Part> Maker::begin() {
  for (const auto end = until();;) {
    const auto reply = server_.ask({"HOLDFAST", "BACKUP"});
    if (!reply) return reply.error();
    if (!reply->is_error()) {
      index_ = fmt::to_string(reply->number);
      return part(0);
    }
    const bool again = reply->text.starts_with("NOLEADER") || reply->text.starts_with("UNKNOWN");
    if (!again || steady_clock::now() > end) return Error{reply->text};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<Part> Maker::part(std::uint64_t offset) {
  const std::string from = fmt::to_string(offset);
  for (const auto end = until();;) {
    auto reply = server_.ask({"HOLDFAST", "IMAGE", index_, from});
    if (!reply) return reply.error();
    if (reply->is_error()) return Error{reply->text};
    if (reply->items.size() == 3) {
      return Part{reply->items[0].number, static_cast<std::uint64_t>(reply->items[1].number),
                  std::move(reply->items[2].text)};
    }
    if (steady_clock::now() > end) {
      return Error{fmt::format("{} made no snapshot within {} s; its log may say why",
                               options_.server, options_.wait_s)};
    }
    std::this_thread::sleep_for(kAskAgain);
  }
}

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<storage::BackupHeader> header_for(const BackupOptions& options, const env::Address& address) {
  const auto info = ask_info(address, options.access, kPatience);
  if (!info) return info.error();
  storage::BackupHeader header;
  const std::string id = field(*info, "holdfast_cluster_id");
  std::from_chars(id.data(), id.data() + id.size(), header.cluster_id, 16);
  header.wall.ms = wall_ms();
  header.program = field(*info, "holdfast_version");
  return header;
}

Result<void> fetch(Maker& maker, storage::BackupHeader header, OutputFile& file) {
  auto part = maker.begin();
  if (!part) return part.error();
  const auto [index, size] = std::pair(part->index, part->size);
  header.shards = {{"", 0, size}};
  storage::BackupTrailer trailer;
  const auto put = [&](std::string_view bytes) {
    trailer.add(bytes);
    return file.write(bytes);
  };
  if (auto written = put(storage::encode_backup_header(header)); !written) return written;
  for (std::uint64_t offset = 0;;) {
    if (part->index != index || part->size != size || part->bytes.size() > size - offset) {
      return Error{"the node changed what it sends; run it again"};
    }
    if (auto written = put(part->bytes); !written) return written;
    offset += part->bytes.size();
    if (offset == size) break;
    part = maker.part(offset);
    if (!part) return part.error();
    if (part->bytes.empty()) return Error{"the snapshot ended too early; run it again"};
  }
  if (auto written = file.write(trailer.finish()); !written) return written;
  return file.sync();
}

void report(const BackupOptions& options, const server::RestoreSource& source, std::size_t bytes) {
  const std::string id = fmt::format("{:016x}", source.header().cluster_id);
  const std::uint64_t index = source.snapshot().mark.index.value;
  if (options.json) {
    fmt::print(R"({{"file":{},"cluster":{},"index":{},"keys":{},"held_locks":{},"bytes":{}}})"
               "\n",
               json_text(options.to), json_text(id), index, source.keys(), source.held_locks(),
               bytes);
    return;
  }
  fmt::print("{}: cluster {} at index {}: {} keys, {} held locks, {} bytes\n", options.to, id,
             index, source.keys(), source.held_locks(), bytes);
}

int backup(const BackupOptions& options) {
  const auto address = env::Address::parse(options.server);
  if (!address) return complain(address.error().message);
  const auto header = header_for(options, *address);
  if (!header) return complain(header.error().message);
  auto server = log_in(*address, options.access, kPatience);
  if (!server) return complain(server.error().message);
  auto file = OutputFile::create(options.to);
  if (!file) return complain(file.error().message);
  Maker maker(options, std::move(*server));
  if (auto fetched = fetch(maker, *header, *file); !fetched) {
    return complain(fmt::format("{}. No backup was made", fetched.error().message));
  }
  const auto bytes = read_file(file->temporary());
  if (!bytes) return complain(bytes.error().message);
  const auto source = server::RestoreSource::open(options.to, *bytes);
  if (!source) return complain(source.error().message + " No backup was made.");
  if (auto finished = file->finish(); !finished) return complain(finished.error().message);
  report(options, **source, bytes->size());
  return 0;
}

}  // namespace

void add_backup(Tool app, int& exit_code) {
  auto options = std::make_shared<BackupOptions>();
  Tool tool = app.add_tool("backup", "Write all that a cluster holds into a file");
  tool.add_option("--to", options->to,
                  "the file; it must not be there yet, and only its owner may read it")
      .required();
  tool.add_option("--server", options->server,
                  "the node that makes it, by its client address; any will do")
      .shows_default();
  add_access(tool, options->access);
  tool.add_option("--wait", options->wait_s, "seconds to wait for a leader, and for the snapshot")
      .between(1, 86'400)
      .shows_default();
  tool.add_flag("--json", options->json, "print JSON");
  tool.footer(
      "What was acknowledged before the command was started is in the file. Passwords and who\n"
      "belongs to the cluster are in it, too, but are not restored.");
  tool.on_chosen([options, &exit_code] { exit_code = backup(*options); });
}

}  // namespace holdfast::cli
