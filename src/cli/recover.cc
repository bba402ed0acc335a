// `holdfast recover`: the last resort, when a majority of a cluster's folders is gone for good.
// Looks at survivors' folders and says what they hold; with --accept-data-loss it makes a new
// cluster of one node out of one of them, in a new folder beside it. The old folder is not touched.
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/calendar.h"
#include "cli/folder_disk.h"
#include "cli/tools.h"
#include "os/entropy.h"
#include "server/last_resort.h"

namespace holdfast::cli {
namespace {

struct RecoverOptions {
  std::vector<std::string> folders;
  std::string to;
  bool accept = false;
};

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string nodes(const std::vector<NodeId>& list) {
  return list.empty() ? "none" : fmt::format("{}", fmt::join(list, ", "));
}

Result<server::Survivor> examine(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && ::stat((path + "/identity").c_str(), &found) != 0) {
    return Error{
        fmt::format("{} is no data folder: it has no identity; nothing was changed", path)};
  }
  auto disk = FolderDisk::open(path, FolderDisk::Use::look);
  if (!disk) return disk.error();
  auto survivor = server::examine_survivor(**disk);
  if (!survivor) return Error{fmt::format("{}: {}", path, survivor.error().message)};
  return survivor;
}

void describe(const std::string& path, const server::Survivor& survivor) {
  const auto& keyspace = *survivor.keyspace;
  fmt::print("{}: node {} of cluster {:016x}, started {} times\n", path, survivor.identity.node,
             survivor.identity.cluster_id, survivor.identity.incarnation);
  fmt::print("  voters {}; learners {}\n", nodes(survivor.membership.voters),
             nodes(survivor.membership.learners));
  fmt::print("  last entry {} of epoch {}, epoch promised {}, revision {}\n", survivor.index,
             survivor.epoch, survivor.promise, keyspace.revision());
  fmt::print("  {} keys, {} held locks, {} waiting\n", keyspace.size(), keyspace.locks().held(),
             keyspace.locks().waiting());
}

constexpr std::string_view kWhatIsLost =
    "\n"
    "Lost would be what the others have acknowledged after that last entry: nobody can say how "
    "much. "
    "Who\nwaits for a lock is forgotten. Tokens, epochs and the cluster's id jump, so that nothing "
    "which is lost\ncan be taken for something new. If a majority of the folders can still be had, "
    "do not do this: start\nthose nodes. Nothing was changed. To go ahead with the folder that has "
    "the latest epoch and then the\nlast entry: holdfast recover --accept-data-loss FOLDER\n";

Result<void> sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (synced) return {};
  return Error{fmt::format("cannot sync {}: {}", path, ::strerror(why))};
}

std::string parent_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Result<void> write_folder(const std::string& path, server::Survivor& survivor,
                          const server::NewCluster& anew) {
  const std::string temporary = path + ".tmp";
  std::error_code ignored;
  std::filesystem::remove_all(temporary, ignored);  // of an attempt that was cut short
  {
    auto disk = FolderDisk::open(temporary, FolderDisk::Use::write);
    if (!disk) return disk.error();
    auto founded = server::found_anew(survivor, anew, **disk, [&disk] { (*disk)->work(); });
    if (!founded) return founded;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return Error{fmt::format("cannot rename {} to {}: {}", temporary, path, ::strerror(errno))};
  }
  return sync_folder(parent_of(path));
}

server::NewCluster fresh(const server::Survivor& survivor) {
  const auto now = std::chrono::system_clock::now();
  server::NewCluster anew;
  while (anew.cluster_id == 0) anew.cluster_id = os::random_seed();
  while (anew.folder_uid == 0) anew.folder_uid = os::random_seed();
  anew.wall.ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  anew.record = fmt::format(
      "{}T{}Z from cluster {:016x} node {} folder {:016x} index {} epoch {} "
      "revision {}",
      day_text(anew.wall), hour_text(anew.wall), survivor.identity.cluster_id,
      survivor.identity.node, survivor.identity.folder_uid, survivor.index, survivor.epoch,
      survivor.keyspace->revision());
  return anew;
}

int recover(const RecoverOptions& options) {
  if (options.accept && options.folders.size() != 1) {
    return complain("one folder becomes the new cluster: name the one that holds most");
  }
  for (const std::string& folder : options.folders) {
    auto survivor = examine(without_slash(folder));
    if (!survivor) return complain(survivor.error().message);
    describe(folder, *survivor);
    if (!options.accept) continue;
    if (survivor->membership.voters.size() == 1 &&
        survivor->membership.voters[0] == survivor->identity.node) {
      return complain("this node is a majority by itself: start it as usual; nothing was changed");
    }
    const std::string to =
        options.to.empty() ? without_slash(folder) + ".recovered" : without_slash(options.to);
    struct stat found {};
    if (::stat(to.c_str(), &found) == 0) {
      return complain(
          fmt::format("{} is there already; nothing was changed. Name another with --to", to));
    }
    const server::NewCluster anew = fresh(*survivor);
    if (auto written = write_folder(to, *survivor, anew); !written) {
      return complain(written.error().message + ". The old folder is as it was");
    }
    fmt::print("\n{}: the new cluster {:016x}, with node {} alone\n", to, anew.cluster_id,
               survivor->identity.node);
    fmt::print("record: {}\n", anew.record);
    fmt::print(
        "Start it with --data {} and without --join; then add empty nodes with --join. Keep {}, "
        "and "
        "never start\nthe other old folders again: the new cluster refuses them.\n",
        to, folder);
    return 0;
  }
  fmt::print("{}", kWhatIsLost);
  return 1;
}

}  // namespace

void add_recover(Tool app, int& exit_code) {
  auto options = std::make_shared<RecoverOptions>();
  Tool tool = app.add_tool(
      "recover", "Make a new cluster out of one survivor, when a majority is gone for good");
  tool.add_option(
          "folder", options->folders,
          "data folders of nodes that are stopped; without --accept-data-loss they are only "
          "looked at")
      .required();
  tool.add_flag("--accept-data-loss", options->accept,
                "do it: what only the others had is given up");
  tool.add_option("--to", options->to, "the new folder; FOLDER.recovered unless given");
  tool.on_chosen([options, &exit_code] { exit_code = recover(*options); });
}

}  // namespace holdfast::cli
