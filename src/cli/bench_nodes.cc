#include "cli/bench_nodes.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

#include "server/config.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

// Fewer than the smallest offset, so that no node's port for clients is another's for HTTP; and all that go
// with them lie below the range that Linux hands out by itself.
constexpr int kFirstPort = 12000;
constexpr int kLastPort = 12699;
static_assert(kLastPort - kFirstPort < server::kHttpPortOffset);
constexpr std::array<int, 4> kOffsets = {0, server::kHttpPortOffset, server::kPeerPortOffset,
                                         2 * server::kPeerPortOffset};
constexpr std::size_t kLastWords = 1500;

bool is_free(int port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const bool bound = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return bound;
}

Result<std::string> make_folder(const std::string& wanted) {
  if (wanted.empty()) {
    const char* place = ::getenv("TMPDIR");
    std::string path = fmt::format("{}/holdfast-bench-XXXXXX", place != nullptr ? place : "/tmp");
    if (::mkdtemp(path.data()) != nullptr) return path;
    return Error{fmt::format("cannot make the folder {}: {}. Name one with --data.", path,
                             ::strerror(errno))};
  }
  std::error_code error;
  fs::create_directories(wanted, error);
  const bool empty = !error && fs::is_empty(wanted, error);
  if (error) return Error{fmt::format("cannot use the folder {}: {}", wanted, error.message())};
  if (!empty) {
    return Error{fmt::format(
        "the folder {} is not empty. Nodes that are started here begin anew: name another.",
        wanted)};
  }
  return wanted;
}

}  // namespace

Result<std::vector<env::Address>> find_ports(std::uint32_t count, Prng& prng) {
  std::vector<env::Address> found;
  for (int tries = 0; found.size() < count && tries < 10'000; ++tries) {
    const auto port = static_cast<std::uint16_t>(prng.between(kFirstPort, kLastPort));
    const env::Address address{"127.0.0.1", port};
    if (std::find(found.begin(), found.end(), address) != found.end()) continue;
    const auto free = [port](int offset) { return is_free(port + offset); };
    if (std::all_of(kOffsets.begin(), kOffsets.end(), free)) found.push_back(address);
  }
  if (found.size() == count) return found;
  return Error{fmt::format(
      "cannot find {} free ports between {} and {} on 127.0.0.1. Stop what listens there (ss -ltnp "
      "shows it), or start fewer nodes.",
      count, kFirstPort, kLastPort)};
}

Result<std::unique_ptr<BenchNodes>> BenchNodes::start(std::uint32_t count,
                                                      const std::string& folder, Prng prng) {
  auto made = make_folder(folder);
  if (!made) return made.error();
  std::unique_ptr<BenchNodes> nodes(new BenchNodes(*made));
  nodes->keep_ = !folder.empty();
  auto servers = find_ports(count, prng);
  if (!servers) return servers.error();
  nodes->servers_ = *std::move(servers);
  for (std::size_t i = 0; i < count; ++i) {
    auto process = nodes->launch(i);
    if (!process) return process.error();
    nodes->processes_.push_back(*std::move(process));
  }
  return nodes;
}

BenchNodes::~BenchNodes() {
  processes_.clear();
  if (keep_) return;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<os::ChildProcess> BenchNodes::launch(std::size_t node) const {
  std::vector<std::string> words = {"holdfast", "server",
                                    "--listen", servers_[node].text(),
                                    "--data",   fmt::format("{}/{}", folder_, node + 1)};
  if (servers_.size() > 1) {
    std::string all;
    for (const auto& server : servers_) all += (all.empty() ? "" : ",") + server.text();
    words.insert(words.end(), {"--join", all});
  }
  // The very file that runs here, even if another has taken its name by now.
  return os::ChildProcess::start("/proc/self/exe", std::move(words), log_of(node));
}

void BenchNodes::kill(std::size_t node) { processes_[node].kill(); }

void BenchNodes::restart(std::size_t node) {
  auto process = launch(node);
  if (process) {
    processes_[node] = *std::move(process);
  } else {
    deaths_.push_back(fmt::format("node {}: {}", node + 1, process.error().message));
  }
}

void BenchNodes::pause(std::size_t node) { processes_[node].pause(); }
void BenchNodes::resume(std::size_t node) { processes_[node].resume(); }

void BenchNodes::look_after() {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    const auto how = processes_[i].ended();
    if (!how) continue;
    deaths_.push_back(fmt::format("node {} ended by itself: {}; the end of its log:\n{}", i + 1,
                                  *how, last_words(i)));
  }
}

std::string BenchNodes::log_of(std::size_t node) const {
  return fmt::format("{}/{}.log", folder_, node + 1);
}

std::string BenchNodes::last_words(std::size_t node) const {
  std::ifstream file(log_of(node), std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(file.tellg());
  std::string text(std::min(size, kLastWords), '\0');
  file.seekg(static_cast<std::streamoff>(size - text.size()));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace holdfast::cli
