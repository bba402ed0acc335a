// The text of INFO: Redis' sections and field names with their meaning, ours under "# Holdfast".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/connection_table.h"

namespace holdfast::server {

// `wanted`: names of sections, or "default", "all", "everything"; empty: the default ones.
std::string info_text(ConnectionTable& table, const std::vector<std::string_view>& wanted);

// Where clients find a node, "" if unknown.
std::string address_of(Services& services, NodeId node);

}  // namespace holdfast::server
