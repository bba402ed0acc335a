#include "os/tls_session.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "os/openssl.h"

namespace holdfast::os {
namespace {

bool is_ip(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

TlsSession& session_of(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const std::size_t got = session_of(bio).take_input({into, static_cast<std::size_t>(size)});
  if (got > 0) return static_cast<int>(got);
  BIO_set_retry_read(bio);
  return -1;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  session_of(bio).put_output({bytes, static_cast<std::size_t>(size)});
  return size;
}

long bio_ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

// OpenSSL's view of a session: what it reads has arrived, what it writes is to be sent.
BIO_METHOD* session_bio() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "holdfast session");
    CHECK(made != nullptr);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_ctrl);
    BIO_meth_set_create(made, bio_create);
    return made;
  }();
  return method;
}

// A certificate that is not believed is not kept by OpenSSL: here it can be looked at.
int on_verified(int good, X509_STORE_CTX* check) {
  if (good == 1) return good;
  const int ssl_index = SSL_get_ex_data_X509_STORE_CTX_idx();
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(check, ssl_index));
  auto* session = static_cast<TlsSession*>(SSL_get_app_data(ssl));
  const X509* shown = X509_STORE_CTX_get0_cert(check);
  const X509* wrong = X509_STORE_CTX_get_current_cert(check);
  if (shown == nullptr) return good;
  std::string text =
      fmt::format("{}, valid until {}", subject_of(*shown), text_of(*X509_get0_notAfter(shown)));
  if (wrong != nullptr && wrong != shown) {
    text += fmt::format("; by the authority {}, valid until {}", subject_of(*wrong),
                        text_of(*X509_get0_notAfter(wrong)));
  }
  session->object_to(std::move(text));
  return good;
}

// Whoever is asked for must be among the names that the authority has signed (subjectAltName).
void demand_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(
      rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int set = is_ip(name) ? X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str())
                              : X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size());
  CHECK(set == 1, "a name that cannot be asked for: {}", name);
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, TlsWire& wire)
    : TlsSession(std::move(context), wire, std::string()) {
  const TlsSettings& settings = context_->settings();
  int mode = SSL_VERIFY_NONE;
  if (settings.ask != TlsSettings::Ask::no) mode = SSL_VERIFY_PEER;
  if (settings.ask == TlsSettings::Ask::required) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_set_verify(ssl_.get(), mode, on_verified);
  SSL_set_accept_state(ssl_.get());
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, TlsWire& wire,
                       const std::string& host)
    : context_(std::move(context)),
      wire_(wire),
      wanted_(context_->settings().name.empty() ? host : context_->settings().name),
      ssl_(SSL_new(context_->native())) {
  CHECK(ssl_ != nullptr, "{}", take_openssl_error());
  SSL* ssl = ssl_.get();
  BIO* bio = BIO_new(session_bio());
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(ssl, bio, bio);
  if (!wanted_.empty()) demand_name(ssl, wanted_);
  SSL_set_app_data(ssl, this);
  SSL_set_verify(ssl, context_->settings().verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_verified);
  SSL_set_connect_state(ssl);
  if (!host.empty() && !is_ip(host)) SSL_set_tlsext_host_name(ssl, host.c_str());
}

TlsSession::~TlsSession() = default;

std::size_t TlsSession::take_input(std::span<char> into) {
  const std::size_t count = std::min(into.size(), input_.size());
  if (count == 0) return 0;  // no input has no address, which memcpy may not be given
  std::memcpy(into.data(), input_.data(), count);
  input_.remove_prefix(count);
  return count;
}

void TlsSession::begin() {
  ERR_clear_error();
  look_at(SSL_do_handshake(ssl_.get()));
}

std::size_t TlsSession::read(std::span<char> into) {
  if (state_ == State::failed || state_ == State::ended) return 0;
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
  look_at(result);
  return result == 1 ? count : 0;
}

void TlsSession::write(std::string_view plain) {
  if (plain.empty() || state_ == State::failed) return;
  CHECK(state_ != State::greeting);
  ERR_clear_error();
  std::size_t count = 0;
  // The wire takes all, so this does.
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count) != 1) fail();
}

void TlsSession::end() {
  if (state_ != State::open && state_ != State::ended) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void TlsSession::look_at(int result) {
  if (state_ == State::greeting && SSL_is_init_finished(ssl_.get())) state_ = State::open;
  if (result == 1) return;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      if (state_ == State::open) {
        state_ = State::ended;
        return;
      }
      // An end before the greeting is over says nothing about who speaks.
      failure_ = "the other side ended the greeting";
      state_ = State::failed;
      return;
    default:
      fail();
  }
}

// ---- Why it failed ------------------------------------------------------------------------------

void TlsSession::fail() {
  const unsigned long code = ERR_peek_error();
  failure_ = reason(code);
  ERR_clear_error();
  state_ = State::failed;
}

std::string TlsSession::reason(unsigned long code) const {
  const int why = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  if (why == SSL_R_CERTIFICATE_VERIFY_FAILED) return certificate_objection();
  switch (why) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the other side showed no certificate, and one is asked for here";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return "the other side speaks no TLS from version 1.2 on";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_UNKNOWN_PROTOCOL:
      return "what the other side says is no TLS";
    default:
      break;
  }
  const char* words = ERR_reason_error_string(code);
  const std::string text = words == nullptr ? "no reason is known" : words;
  if (why > SSL_AD_REASON_OFFSET) return fmt::format("the other side refuses it: {}", text);
  return text;
}

std::string TlsSession::certificate_objection() const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  const std::string shown = objected_.empty()
                                ? "the other side's certificate"
                                : fmt::format("the other side's certificate ({})", objected_);
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("{} is for another name: {} is not among its names (subjectAltName)",
                         shown, wanted_);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("{} has expired", shown);
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{} is not valid yet; is this machine's clock right?", shown);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return fmt::format("{} is signed by no authority that is believed here ({})", shown,
                         X509_verify_cert_error_string(verdict));
    default:
      return fmt::format("{} is not good: {}", shown, X509_verify_cert_error_string(verdict));
  }
}

std::string TlsSession::subject() const {
  const OwnCertificate shown(SSL_get1_peer_certificate(ssl_.get()));
  return shown ? subject_of(*shown) : std::string();
}

}  // namespace holdfast::os
