// What several families of the node's own commands share.
#pragma once

#include <string_view>

namespace holdfast::server {

// Clients choose what they may use by this; it is the Redis whose answers are given here.
inline constexpr std::string_view kRedisVersion = "7.0.15";
inline constexpr std::string_view kVersion = "0.1.0";

inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
bool is_client_name(std::string_view name);

}  // namespace holdfast::server
