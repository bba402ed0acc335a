#include "cli/access.h"

#include <fmt/format.h>

namespace holdfast::cli {

Result<std::shared_ptr<const os::TlsContext>> Access::context() const {
  if (!tls) {
    if (cacert.empty() && cert.empty() && key.empty() && !insecure) {
      return std::shared_ptr<const os::TlsContext>();
    }
    return Error{"--cacert, --cert, --key and --insecure are for TLS: say --tls as well"};
  }
  if (cert.empty() != key.empty()) return Error{"--cert and --key belong together: name both"};
  os::TlsSettings settings;
  settings.cert_file = cert;
  settings.key_file = key;
  settings.ca_file = cacert;
  settings.verify = !insecure;
  settings.names = os::TlsSettings::kToolNames;
  return os::TlsContext::load(settings);
}

Result<Client> open_client(const std::vector<std::string>& servers, const Access& access) {
  if (auto tls = access.context(); !tls) return tls.error();  // names the flags
  auto client = Client::open({.servers = servers,
                              .password = access.password,
                              .tls = {.on = access.tls,
                                      .ca_file = access.cacert,
                                      .cert_file = access.cert,
                                      .key_file = access.key,
                                      .insecure = access.insecure}});
  if (!client) return Error{client.failure().message};
  return *std::move(client);
}

void add_access(Tool tool, Access& access) {
  tool.add_option("--password", access.password, "the password of the cluster")
      .or_variable("HOLDFAST_PASSWORD");
  tool.add_flag("--tls", access.tls, "speak TLS; --server then names a port for it");
  tool.add_option("--cacert", access.cacert,
                  "PEM file of the authorities to believe (those of this machine)");
  tool.add_option("--cert", access.cert, "PEM file of a certificate to show");
  tool.add_option("--key", access.key, "PEM file of its private key");
  tool.add_flag("--insecure", access.insecure, "talk to whoever answers, whatever it shows");
}

}  // namespace holdfast::cli
