// What one side of TLS connections goes by: its certificate and key, whom it trusts, whom it asks.
//
// Read from files, checked as a whole, and then never changed: new files make a new context, and
// connections keep the one that they began with. TLS 1.2 at least; no renegotiation, no sessions to
// resume (each connection shows its certificate and is judged by it anew), no 0-RTT.
//
// Threads: any. Reads files and the wall clock when it is made.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

struct ssl_ctx_st;

namespace holdfast::os {

// Of one file, in bytes: a chain of certificates, a key, a list of authorities.
inline constexpr std::size_t kLargestTlsFile = 1 << 20;

struct TlsSettings {
  // Whether who dials here is asked for a certificate, and refused without one. One that is shown
  // must be good in either case.
  enum class Ask { no, optional, required };

  std::string cert_file;  // PEM, with what lies between it and the authority; needed to be dialled
  std::string key_file;   // PEM, of that certificate
  std::string ca_file;    // PEM, the authorities that are trusted; none: this machine's
  Ask ask = Ask::no;
  // Both sides show certificates of the same authorities, so this one's own must be such.
  bool mutual = false;
  // A name that each certificate of the other side must have. Empty: who dials asks for the host
  // that it dialled, and who is dialled for none.
  std::string name;
  // False: whoever is dialled is believed to be who he should be. For tools of people.
  bool verify = true;
  // What people call these settings.
  struct Names {
    std::string_view cert;
    std::string_view key;
    std::string_view ca;
    std::string_view name;
  };
  static constexpr Names kClientNames{"tls-cert-file", "tls-key-file", "tls-ca-cert-file", ""};
  static constexpr Names kPeerNames{"peer-tls-cert-file", "peer-tls-key-file",
                                    "peer-tls-ca-cert-file", "peer-tls-name"};
  static constexpr Names kToolNames{"--cert", "--key", "--cacert", ""};
  Names names = kClientNames;
};

class TlsContext {
 public:
  // The error names the file and the setting, says what is wrong with it and what to do.
  static Result<std::shared_ptr<const TlsContext>> load(const TlsSettings& settings);

  const TlsSettings& settings() const { return settings_; }
  // Of the own certificate; nothing without one.
  const std::string& subject() const { return subject_; }
  WallTime expires() const { return expires_; }
  // For os/ only.
  ssl_ctx_st* native() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  explicit TlsContext(TlsSettings settings) : settings_(std::move(settings)) {}
  Result<void> begin();
  Result<void> take_certificate();
  Result<void> take_key();
  Result<void> take_authorities();
  Result<void> check_mutual() const;
  Error wrong(std::string_view setting, std::string_view path, std::string_view why) const;
  Result<std::string> read(std::string_view setting, const std::string& path, bool secret) const;

  TlsSettings settings_;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string subject_;
  WallTime expires_;
};

}  // namespace holdfast::os
