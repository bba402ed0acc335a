#include "os/tls_context.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <utility>
#include <vector>

#include "os/openssl.h"
#include "os/secret_file.h"

namespace holdfast::os {
namespace {

// In TLS 1.2 only what keeps a recorded conversation closed to who gets the key later. In TLS 1.3
// there is nothing else.
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
// Certificates of one chain, or authorities of one list.
constexpr std::size_t kMostCertificates = 1000;

OwnBio bio_of(std::string_view text) {
  return OwnBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key with a passphrase: there is nobody to ask.
int no_passphrase(char*, int, int, void*) { return -1; }

// All certificates of a PEM file; empty if any of it cannot be read.
std::vector<OwnCertificate> certificates_of(std::string_view text) {
  std::vector<OwnCertificate> all;
  const OwnBio in = bio_of(text);
  ERR_clear_error();
  while (all.size() < kMostCertificates) {
    OwnCertificate one(PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr));
    if (!one) break;
    all.push_back(std::move(one));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) all.clear();
  ERR_clear_error();
  return all;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Error TlsContext::wrong(std::string_view setting, std::string_view path,
                        std::string_view why) const {
  return Error{fmt::format("cannot use {} ({}): {}", path, setting, why)};
}

Result<std::string> TlsContext::read(std::string_view setting, const std::string& path,
                                     bool secret) const {
  const std::string what = fmt::format("the file of {}", setting);
  return read_named_file(path, {what, kLargestTlsFile, secret});
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsSettings& settings) {
  std::shared_ptr<TlsContext> made(new TlsContext(settings));
  if (auto begun = made->begin(); !begun) return begun.error();
  if (!settings.cert_file.empty()) {
    if (auto taken = made->take_certificate(); !taken) return taken.error();
    if (auto taken = made->take_key(); !taken) return taken.error();
  }
  if (auto taken = made->take_authorities(); !taken) return taken.error();
  if (settings.mutual) {
    if (auto checked = made->check_mutual(); !checked) return checked.error();
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<void> TlsContext::begin() {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* context = context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, kCiphers12) != 1) {
    return Error{fmt::format("TLS cannot be used on this machine: {}", take_openssl_error())};
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  return {};
}

Result<void> TlsContext::take_certificate() {
  const std::string& path = settings_.cert_file;
  const auto text = read(settings_.names.cert, path, false);
  if (!text) return text.error();
  auto chain = certificates_of(*text);
  if (chain.empty()) {
    return wrong(settings_.names.cert, path,
                 "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----), or a damaged "
                 "one. openssl x509 -in FILE -noout -text shows what it holds.");
  }
  const X509& own = *chain.front();
  subject_ = subject_of(own);
  expires_ = wall_time_of(*X509_get0_notAfter(&own));
  if (X509_cmp_current_time(X509_get0_notAfter(&own)) < 0) {
    return wrong(settings_.names.cert, path,
                 fmt::format("the certificate ({}) has expired at {}: everybody would refuse it. "
                             "Get a new one from its authority.",
                             subject_, text_of(*X509_get0_notAfter(&own))));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(&own)) > 0) {
    return wrong(settings_.names.cert, path,
                 fmt::format("the certificate ({}) is not valid before {}. Is this machine's clock "
                             "right?",
                             subject_, text_of(*X509_get0_notBefore(&own))));
  }
  if (SSL_CTX_use_certificate(context_.get(), chain.front().get()) != 1) {
    return wrong(settings_.names.cert, path,
                 take_openssl_error() + ". Use RSA from 2048 bits on, or ECDSA.");
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context_.get(), chain[i].get()) != 1) {
      return wrong(settings_.names.cert, path, take_openssl_error());
    }
  }
  return {};
}

Result<void> TlsContext::take_key() {
  const std::string& path = settings_.key_file;
  const auto text = read(settings_.names.key, path, true);
  if (!text) return text.error();
  ERR_clear_error();
  const OwnKey key(PEM_read_bio_PrivateKey(bio_of(*text).get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    ERR_clear_error();
    return wrong(settings_.names.key, path,
                 "it holds no private key in PEM form, or one that is closed by a passphrase, for "
                 "which nobody can be asked here (openssl pkey -in FILE -out OPEN opens it).");
  }
  if (X509_check_private_key(SSL_CTX_get0_certificate(context_.get()), key.get()) != 1) {
    ERR_clear_error();
    return wrong(settings_.names.key, path,
                 fmt::format("this key does not belong to the certificate in {} ({}). "
                             "Both come from one request: name the two that belong together.",
                             settings_.cert_file, settings_.names.cert));
  }
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1) {
    return wrong(settings_.names.key, path, take_openssl_error());
  }
  return {};
}

Result<void> TlsContext::take_authorities() {
  SSL_CTX* context = context_.get();
  const std::string& path = settings_.ca_file;
  if (path.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  const auto text = read(settings_.names.ca, path, false);
  if (!text) return text.error();
  const auto authorities = certificates_of(*text);
  if (authorities.empty()) {
    return wrong(settings_.names.ca, path,
                 "it holds no certificates in PEM form (-----BEGIN CERTIFICATE-----), or a damaged "
                 "one; it is the list of the authorities whose certificates are believed.");
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const OwnCertificate& one : authorities) {
    if (X509_STORE_add_cert(store, one.get()) != 1 ||
        SSL_CTX_add_client_CA(context, one.get()) != 1) {
      return wrong(settings_.names.ca, path, take_openssl_error());
    }
  }
  return {};
}

// A node whose certificate its own authorities do not vouch for would be refused by every other:
// better to hear it here.
Result<void> TlsContext::check_mutual() const {
  X509* own = SSL_CTX_get0_certificate(context_.get());
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context_.get(), &chain);
  for (const char* purpose : {"ssl_server", "ssl_client"}) {
    const std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>> check(
        X509_STORE_CTX_new());
    X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context_.get()), own, chain);
    X509_STORE_CTX_set_default(check.get(), purpose);
    const std::string& name = settings_.name;
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(check.get());
    if (!name.empty()) {
      X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size());
    }
    if (X509_verify_cert(check.get()) == 1) continue;
    const int error = X509_STORE_CTX_get_error(check.get());
    ERR_clear_error();
    return wrong(settings_.names.cert, settings_.cert_file,
                 fmt::format("the other nodes would refuse this certificate ({}): {}. It must be "
                             "signed by an authority in {} ({}), good for both sides "
                             "(serverAuth and clientAuth, if it names uses){}.",
                             subject_, X509_verify_cert_error_string(error), settings_.ca_file,
                             settings_.names.ca,
                             name.empty() ? std::string()
                                          : fmt::format(", and have {} ({}) among its names "
                                                        "(subjectAltName)",
                                                        name, settings_.names.name)));
  }
  return {};
}

}  // namespace holdfast::os
