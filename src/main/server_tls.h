// The TLS of a node: a network for its clients, one for its peers, as its settings want; and their
// certificates, read at start and again when somebody says so.
//
// Threads: the loop's. Lifetime: dies before the TCP network, after the node.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "base/trace.h"
#include "env/process_figures.h"
#include "os/event_loop.h"
#include "os/tcp.h"
#include "os/tls.h"
#include "server/config.h"

namespace holdfast {

class ServerTls {
 public:
  ServerTls(os::EventLoop& loop, os::TcpNetwork& tcp, Trace& trace);

  // Reads the files. The error names the file and the setting, and says what to do.
  Result<void> begin(const server::Config& config);
  // New connections go by what the files hold now, and by the other settings of TLS that may change
  // while a node runs; all of it, or nothing if any of it is wrong.
  Result<void> use(const server::Config& config);

  // Of the certificates in use.
  std::vector<env::CertificateFigures> figures() const;

  // Null: no TLS there.
  os::TlsNetwork* clients() const { return clients_.get(); }
  os::TlsNetwork* peers() const { return peers_.get(); }

 private:
  void tell(const char* whose, const os::TlsContext& context);

  os::EventLoop& loop_;
  os::TcpNetwork& tcp_;
  Trace& trace_;
  std::unique_ptr<os::TlsNetwork> clients_;
  std::unique_ptr<os::TlsNetwork> peers_;
};

}  // namespace holdfast
