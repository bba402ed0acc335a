#include "os/processor_share.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace holdfast::os {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream rest(text);
  for (std::string part; std::getline(rest, part, at);) parts.push_back(part);
  return parts;
}

bool has_word(const std::string& list, std::string_view word) {
  const auto words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Version 2: "QUOTA PERIOD" or "max PERIOD". Version 1: two files, -1 for none.
double quota_of(const std::string& folder, bool unified) {
  double quota = 0;
  double period = 0;
  if (unified) {
    std::ifstream(folder + "/cpu.max") >> quota >> period;
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : kUnlimited;
}

// Blanks and backslashes are three octal digits in mountinfo.
std::string unescape(const std::string& text) {
  const auto octal = [](char digit) { return digit >= '0' && digit <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool code = text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) &&
                      octal(text[i + 2]) && octal(text[i + 3]);
    if (!code) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(((text[i + 1] - '0') * 8 + (text[i + 2] - '0')) * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

// Where the hierarchy that rations processors is mounted, and which part of it is visible there.
struct Mount {
  std::string root;
  std::string at;
  bool unified;
};

// A line of /proc/self/mountinfo (proc(5)): ID PARENT DEVICE ROOT AT OPTIONS … - TYPE SOURCE SUPER.
std::vector<Mount> cpu_hierarchies(const std::string& root) {
  std::vector<Mount> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 5 || fields.end() - dash < 4) continue;
    const bool unified = dash[1] == "cgroup2";
    if (unified || (dash[1] == "cgroup" && has_word(dash[3], "cpu"))) {
      found.push_back({unescape(fields[3]), unescape(fields[4]), unified});
    }
  }
  return found;
}

// This process' group in a hierarchy, as /proc/self/cgroup calls it: ID:CONTROLLERS:PATH.
std::string group_in(const Mount& mount, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (mount.unified ? controllers.empty() : has_word(controllers, "cpu")) {
      return line.substr(second + 1);
    }
  }
  return {};
}

// The group as it is called below where the hierarchy is mounted. One that lies elsewhere is not visible
// there, but what is mounted may be above it.
std::string below_mount(const Mount& mount, const std::string& group) {
  if (mount.root == "/") return group;
  const auto size = mount.root.size();
  const bool below = group.starts_with(mount.root) && (group.size() == size || group[size] == '/');
  return below ? group.substr(size) : "";
}

double quota_in(const Mount& mount, const std::string& root) {
  std::string group = below_mount(mount, group_in(mount, root));
  double least = quota_of(root + mount.at, mount.unified);
  while (!group.empty()) {
    least = std::min(least, quota_of(root + mount.at + group, mount.unified));
    const auto last = group.rfind('/');
    group.erase(last == std::string::npos ? 0 : last);
  }
  return least;
}

double processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max(std::thread::hardware_concurrency(), 1U);
}

}  // namespace

double processor_share(const std::string& root) {
  double share = processors();
  for (const Mount& mount : cpu_hierarchies(root)) share = std::min(share, quota_in(mount, root));
  return std::max(share, 0.01);
}

}  // namespace holdfast::os
