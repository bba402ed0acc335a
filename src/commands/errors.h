// The texts of errors, in one place: Redis' own where Redis has the error, so that programs which
// compare texts go on working; ours name what was refused and the limit.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::commands {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNotInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotFloat = "ERR value is not a valid float";
inline constexpr std::string_view kOverflow = "ERR increment or decrement would overflow";
inline constexpr std::string_view kDecrementOverflow = "ERR decrement would overflow";
inline constexpr std::string_view kNotFinite = "ERR increment would produce NaN or Infinity";
inline constexpr std::string_view kOffsetRange = "ERR offset is out of range";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view kNoSuchKey = "ERR no such key";
inline constexpr std::string_view kSameObject = "ERR source and destination objects are the same";
inline constexpr std::string_view kDbRange = "ERR DB index is out of range";
inline constexpr std::string_view kInvalidCursor = "ERR invalid cursor";
inline constexpr std::string_view kNoLfu =
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
    "when switching between policies at runtime LRU and LFU data will take some time to adjust.";

inline constexpr std::string_view kLcsLengthAndIndexes =
    "ERR If you want both the length and indexes, please just use IDX.";
inline constexpr std::string_view kLcsTypes = "ERR The specified keys must contain string values";
inline constexpr std::string_view kLcsMemory =
    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";

inline constexpr std::string_view kExpireNxAndOthers =
    "ERR NX and XX, GT or LT options at the same time are not compatible";
inline constexpr std::string_view kExpireGtAndLt =
    "ERR GT and LT options at the same time are not compatible";

inline constexpr std::string_view kInvalidCommand = "ERR Invalid command specified";
inline constexpr std::string_view kInvalidCommandArity =
    "ERR Invalid number of arguments specified for command";
inline constexpr std::string_view kNoKeyArguments = "ERR The command has no key arguments";
inline constexpr std::string_view kInvalidCommandArguments =
    "ERR Invalid arguments specified for command";

inline constexpr std::string_view kKeyTooLong = "LIMIT a key has at most 1048576 bytes (key-bytes)";

// `command` is the row's name: "set", "client|list".
inline std::string wrong_arity(std::string_view command) {
  return std::string("ERR wrong number of arguments for '").append(command).append("' command");
}
inline std::string invalid_expire_time(std::string_view command) {
  return std::string("ERR invalid expire time in '").append(command).append("' command");
}
inline std::string unsupported_option(std::string_view option) {
  return std::string("ERR Unsupported option ").append(option);
}

}  // namespace holdfast::commands
