// How a tool reaches servers: with which password, and over TLS or not. The flags are redis-cli's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command_line.h"
#include "cli/server_info.h"
#include "env/network.h"
#include "holdfast/client.h"
#include "os/tls_context.h"

namespace holdfast::cli {

struct Access {
  std::string password = {};
  bool tls = false;
  std::string cacert = {};  // empty: the authorities that this machine trusts
  std::string cert = {};    // shown to servers that ask for one
  std::string key = {};
  bool insecure = false;

  // Reads the files. Null: in plain. The error names the flag.
  Result<std::shared_ptr<const os::TlsContext>> context() const;
};

// The library's client, for tools that outlive a node. The error names the flag, or the server.
Result<Client> open_client(const std::vector<std::string>& servers, const Access& access);

// --password, --tls and what belongs to it. `access` outlives the parsing.
void add_access(Tool tool, Access& access);

}  // namespace holdfast::cli
