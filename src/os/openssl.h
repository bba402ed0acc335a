// OpenSSL's objects as owned ones, and its errors as text. For os/*.cc only.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"

namespace holdfast::os {

template <auto free>
struct FreeWith {
  void operator()(auto* object) const { free(object); }
};
using OwnBio = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using OwnCertificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using OwnKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using OwnSsl = std::unique_ptr<SSL, FreeWith<SSL_free>>;

// The oldest error that is waiting, in OpenSSL's words; all are taken away.
std::string take_openssl_error();
// "CN = node-1, O = Example"; for people.
std::string subject_of(const X509& certificate);
// As "2026-11-21 14:45:40 UTC".
std::string text_of(const ASN1_TIME& time);
WallTime wall_time_of(const ASN1_TIME& time);

}  // namespace holdfast::os
