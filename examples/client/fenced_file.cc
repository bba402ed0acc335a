// A file that only the holder of a lock writes; and no former holder after a later one, however long it
// was stopped between taking the lock and writing.
//
//   fenced_file HOST:PORT[,HOST:PORT…] TEXT [SECONDS]
//
// writes TEXT to report.txt in the current folder, and takes SECONDS to think of it.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <holdfast/client.h>
#include <holdfast/mutex.h>

using namespace std::chrono_literals;

namespace {

int complain(const std::string& why) {
  std::cerr << why << "\n";
  return 1;
}

template <class Compose>
int write_report(const std::vector<std::string>& servers, Compose compose) {
  auto client = holdfast::Client::open({.servers = servers});
  auto lock = holdfast::Mutex::acquire(*client, "report", {.wait = 30s});
  if (!lock) return complain(lock.failure().message);
  const std::string text = compose();  // however long that takes
  const int door = ::open("report.fence", O_RDWR | O_CREAT, 0644);
  ::flock(door, LOCK_EX);  // on this machine, while the file is written
  std::uint64_t newest = 0, fence = lock->fence();
  if (::pread(door, &newest, sizeof newest, 0) < 0 || fence < newest) return complain("too late");
  if (::pwrite(door, &fence, sizeof fence, 0) < 0) return complain("the fence cannot be written");
  std::ofstream("report.txt") << text;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return complain("usage: fenced_file HOST:PORT[,HOST:PORT…] TEXT [SECONDS]");
  std::vector<std::string> servers(1);
  for (const char c : std::string(argv[1])) {
    if (c == ',') {
      servers.emplace_back();
    } else {
      servers.back() += c;
    }
  }
  const auto thinking = std::chrono::seconds(argc > 3 ? std::stoi(argv[3]) : 0);
  return write_report(servers, [&] {
    std::cout << "holding" << std::endl;
    std::this_thread::sleep_for(thinking);
    return std::string(argv[2]) + "\n";
  });
}
