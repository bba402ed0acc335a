// For tests: authorities and the certificates that they sign, as files in a folder of their own.
#pragma once

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/check.h"
#include "os/openssl.h"
#include "os/tls_context.h"

namespace holdfast::os {

struct TestCertificate {
  std::string subject = "node";
  std::string names = "IP:127.0.0.1,DNS:localhost";  // subjectAltName; empty: none
  std::string uses = {};                             // extendedKeyUsage; empty: any
  int from_day = -1;                                 // valid, in days from now
  int to_day = 30;
};

class TestAuthority {
 public:
  explicit TestAuthority(std::string name = "authority") : name_(std::move(name)) {
    key_ = new_key();
    certificate_ = sign({.subject = name_, .names = ""}, *key_, true);
  }

  struct Pair {
    std::string certificate;  // PEM
    std::string key;
  };
  Pair issue(const TestCertificate& wanted = {}) {
    const OwnKey key = new_key();
    return {pem(*sign(wanted, *key, false)), pem(*key)};
  }
  std::string certificate() const { return pem(*certificate_); }

 private:
  static OwnKey new_key() {
    OwnKey key(EVP_EC_gen("P-256"));
    CHECK(key != nullptr);
    return key;
  }
  static std::string pem(X509& certificate) {
    return written([&](BIO* out) { return PEM_write_bio_X509(out, &certificate); });
  }
  static std::string pem(EVP_PKEY& key) {
    return written([&](BIO* out) {
      return PEM_write_bio_PrivateKey(out, &key, nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  template <class Write>
  static std::string written(Write write) {
    const OwnBio out(BIO_new(BIO_s_mem()));
    CHECK(write(out.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }

  OwnCertificate sign(const TestCertificate& wanted, EVP_PKEY& key, bool authority) {
    OwnCertificate made(X509_new());
    X509* x = made.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
    X509_time_adj_ex(X509_getm_notBefore(x), wanted.from_day, 0, nullptr);
    X509_time_adj_ex(X509_getm_notAfter(x), wanted.to_day, 0, nullptr);
    X509_set_pubkey(x, &key);
    const auto* subject = reinterpret_cast<const unsigned char*>(wanted.subject.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, subject, -1, -1, 0);
    X509* issuer = authority ? x : certificate_.get();
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    if (authority) extend(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
    extend(x, issuer, NID_subject_key_identifier, "hash");
    if (!wanted.names.empty()) extend(x, issuer, NID_subject_alt_name, wanted.names);
    if (!wanted.uses.empty()) extend(x, issuer, NID_ext_key_usage, wanted.uses);
    CHECK(X509_sign(x, key_.get(), EVP_sha256()) > 0);
    return made;
  }
  static void extend(X509* x, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    CHECK(extension != nullptr, "{}", value);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::string name_;
  OwnKey key_;
  OwnCertificate certificate_;
  long serial_ = 0;
};

// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = std::filesystem::temp_directory_path() / "holdfast-tls-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  // The path of a file with this content.
  std::string file(const std::string& name, const std::string& content, mode_t mode = 0600) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  // Settings of who shows this certificate and trusts that authority.
  TlsSettings settings(const TestAuthority::Pair& own, const std::string& trusted) const {
    TlsSettings settings;
    settings.cert_file = file("cert.pem", own.certificate);
    settings.key_file = file("key.pem", own.key);
    settings.ca_file = file("ca.pem", trusted);
    return settings;
  }

 private:
  std::string path_;
};

// REQUIRES: good settings.
inline std::shared_ptr<const TlsContext> loaded(const TlsSettings& settings) {
  auto context = TlsContext::load(settings);
  CHECK(context.ok(), "{}", context.error().message);
  return *std::move(context);
}

}  // namespace holdfast::os
