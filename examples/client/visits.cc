// Counts a visit, exactly once, whatever happens to nodes and connections meanwhile.
//
//   visits HOST:PORT KEY
#include <iostream>

#include <holdfast/counter.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto client = holdfast::Client::open({.servers = {argv[1]}});
  if (!client) {
    std::cerr << client.failure().message << "\n";
    return 2;
  }
  holdfast::Counter visits(*client, argv[2]);
  const auto sum = visits.add();
  if (sum) {
    std::cout << "visit " << *sum << "\n";
    return 0;
  }
  const bool unknown = sum.fate() == holdfast::Fate::unknown;
  std::cerr << (unknown ? "perhaps counted: " : "not counted: ") << sum.failure().message << "\n";
  return unknown ? 3 : 1;
}
