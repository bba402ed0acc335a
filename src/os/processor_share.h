// How many processors this process may use: those that it may run on, or fewer where a cgroup rations
// their time (cgroups(7); the kernel's cgroup-v2.rst "cpu.max", sched-bwc.rst for version 1).
#pragma once

#include <string>

namespace holdfast::os {

// At least a hundredth. Quotas of this process' cgroups and of all above them that can be seen from
// here count; what cannot be read does not. `root` is put before the names of all files; for tests.
double processor_share(const std::string& root = "");

}  // namespace holdfast::os
