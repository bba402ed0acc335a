// Where libnghttp2 is missing: everything else can be measured without it.
#include <stdexcept>

#include "load/etcd_load.h"

namespace holdfast::load {

std::string run_etcd(const EtcdPlan&) {
  throw std::runtime_error("built without libnghttp2 (libnghttp2-dev): it cannot speak gRPC");
}

}  // namespace holdfast::load
