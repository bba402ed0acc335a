// `holdfast check-data DIR`: which files of a stopped node's data folder are whole, which are damaged
// and where, and what that means. Nothing is changed, not even the file `lock`.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/tools.h"
#include "env/disk.h"
#include "storage/checkup.h"
#include "storage/set_aside.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kWhole = 0;
constexpr int kDamaged = 1;
constexpr int kNotChecked = 2;

// Refuses whatever would change something.
class ReadOnlyDisk final : public env::Disk {
 public:
  explicit ReadOnlyDisk(fs::path folder) : folder_(std::move(folder)) {}

  void submit(env::Lane, env::DiskJob job) override { job.done(Error{"nothing is written here"}); }
  Result<void> run(std::span<const env::DiskOperation>) override {
    return Error{"nothing is written here"};
  }
  Result<std::vector<env::FileInfo>> list() override {
    std::vector<env::FileInfo> files;
    std::error_code failed;
    for (fs::directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
      if (!at->is_regular_file(failed)) continue;
      files.push_back({at->path().filename().string(), at->file_size(failed)});
    }
    if (failed) return Error{fmt::format("cannot read {}: {}", folder_.string(), failed.message())};
    std::sort(files.begin(), files.end(),
              [](const env::FileInfo& a, const env::FileInfo& b) { return a.name < b.name; });
    return files;
  }
  Result<std::string> read(std::string_view name, std::uint64_t limit) override {
    const std::string path = (folder_ / name).string();
    const auto failed = [&path] {
      return Error{fmt::format("cannot read {}: {}", path, std::strerror(errno))};
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                               &std::fclose);
    if (file == nullptr) return failed();
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error || size > limit) return Error{fmt::format("{} is too long to be read", path)};
    std::string bytes(static_cast<std::size_t>(size), '\0');
    if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) return failed();
    return bytes;
  }
  Result<std::uint64_t> free_space() override { return 0; }

 private:
  fs::path folder_;
};

// A node that runs holds the lock alone; one that begins while we look is kept from it.
Result<int> lock(const fs::path& folder) {
  const int file = ::open((folder / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;  // no node has ever run here
  if (::flock(file, LOCK_SH | LOCK_NB) == 0) return file;
  ::close(file);
  return Error{fmt::format(
      "a node runs on {}: its files change while they are read. Stop it first",
      folder.string())};
}

std::string_view name_of(storage::FileState state) {
  switch (state) {
    case storage::FileState::whole:
      return "whole";
    case storage::FileState::damaged:
      return "DAMAGED";
    case storage::FileState::left_over:
      return "left over";
    case storage::FileState::aside:
      return "set aside";
    case storage::FileState::unknown:
      return "not ours";
  }
  return "";
}

void print_files(const storage::Checkup& found) {
  fmt::print("{:<40} {:>12}  {:<9}  {}\n", "file", "bytes", "state", "found");
  for (const storage::FileFinding& file : found.files) {
    std::string line =
        fmt::format("{:<40} {:>12}  {:<9}  {}", file.name, file.size, name_of(file.state), file.what);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
  fmt::print("\n");
}

void print_node(const storage::Checkup& found) {
  if (!found.identity) return;
  const storage::Identity& identity = *found.identity;
  if (identity.cluster_id == 0) {
    fmt::print("not part of a cluster yet\n");
    return;
  }
  fmt::print("node {} of cluster {:016x}, of {} nodes as it knows, started {} times\n", identity.node,
             identity.cluster_id, identity.members.size(), identity.incarnation);
  for (const storage::GroupFinding& group : found.groups) {
    fmt::print("group {}: promised {}, entries {} to {} in the log, {}\n", group.group, group.promise,
               group.first, group.last,
               group.snapshot ? fmt::format("a snapshot up to {}", *group.snapshot) : "no snapshot");
  }
}

// What the reader has to know and to do.
void print_meaning(const storage::Checkup& found) {
  if (found.recovering) {
    fmt::print(
        "This node had set a damaged log aside and has not everything back. Started, it goes on "
        "with that: all other nodes have to run. Leave the file `recovering` alone.\n");
  }
  if (!found.obstacle.empty()) {
    fmt::print("A node would not start with these files: {}\n", found.obstacle);
    return;
  }
  if (found.damaged() == 0) {
    if (!found.recovering) fmt::print("Everything is whole.\n");
    return;
  }
  fmt::print(
      "{} of the files are damaged. Started as it is, this node sets its log aside and takes what it "
      "held from the other nodes, which all have to run; until then it does not vote. Nothing that "
      "was acknowledged is lost as long as fewer than half of the voters are damaged at the same "
      "time. Check this disk.\n",
      found.damaged());
}

int check(const std::string& path) {
  const fs::path folder(path);
  const auto complain = [](const std::string& what) {
    fmt::print(stderr, "holdfast: {}\n", what);
    return kNotChecked;
  };
  std::error_code error;
  if (!fs::is_directory(folder, error)) return complain(path + " is no folder");
  auto locked = lock(folder);
  if (!locked) return complain(locked.error().message);
  ReadOnlyDisk disk(folder);
  const auto found = storage::check_data(disk);
  if (*locked >= 0) ::close(*locked);
  if (!found) return complain(fmt::format("{}: {}", path, found.error().message));
  print_files(*found);
  print_node(*found);
  print_meaning(*found);
  return found->damaged() == 0 && found->obstacle.empty() ? kWhole : kDamaged;
}

}  // namespace

void add_check_data(Tool app, int& exit_code) {
  auto folder = std::make_shared<std::string>();
  Tool tool = app.add_tool("check-data", "Say whether a stopped node's files are whole");
  tool.add_option("folder", *folder, "the node's data folder").required();
  tool.footer(
      "Exit code: 0 everything is whole, 1 something is damaged or missing, 2 the folder\n"
      "could not be checked. Nothing is changed.");
  tool.on_chosen([folder, &exit_code] { exit_code = check(*folder); });
}

}  // namespace holdfast::cli
