// What the operating system says about this process, for whoever watches the node.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::env {

struct ProcessFigures {
  double start_time_s = 0;  // since 1970
  double cpu_s = 0;         // user and system
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t max_files = 0;
};

// A certificate that this process shows, as its file was last read.
struct CertificateFigures {
  std::string_view whom;  // "clients", "peers"
  std::int64_t expires_s = 0;  // since 1970
};

}  // namespace holdfast::env
