// Where settings come from: the environment, a TOML file. (The command line is main.cc's.)
#pragma once

#include <string>

#include "base/result.h"
#include "server/config.h"

namespace holdfast {

// HOLDFAST_LISTEN, HOLDFAST_ELECTION_MS … Variables of other names are not ours to judge.
server::ConfigLayer environment_layer();
// Keys as in --print-config; '_' counts as '-'. Lists may be arrays.
Result<server::ConfigLayer> file_layer(const std::string& path);

}  // namespace holdfast
