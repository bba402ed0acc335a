#include "os/tls_context.h"

#include <gtest/gtest.h>

#include "os/test_certificates.h"

namespace holdfast::os {
namespace {

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest() : settings(folder.settings(own, authority.certificate())) {}

  std::string refusal() const {
    const auto made = TlsContext::load(settings);
    return made ? std::string() : made.error().message;
  }
  void expect_refusal(std::initializer_list<std::string> words) const {
    const std::string said = refusal();
    for (const auto& word : words)
      EXPECT_NE(said.find(word), std::string::npos) << word << "\n" << said;
  }

  TestFolder folder;
  TestAuthority authority;
  TestAuthority::Pair own = authority.issue();
  TlsSettings settings;
};

TEST_F(TlsContextTest, GoodFilesAreTaken) {
  const auto made = TlsContext::load(settings);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ((*made)->subject(), "CN = node");
  EXPECT_GT((*made)->expires().ms, 1'000'000'000'000);
}

TEST_F(TlsContextTest, WhoOnlyDialsNeedsNoFiles) {
  settings = {};
  EXPECT_EQ(refusal(), "");
}

TEST_F(TlsContextTest, AMissingOrForeignFileIsNamed) {
  settings.names = TlsSettings::kPeerNames;
  const std::string good = settings.cert_file;
  settings.cert_file = "/no/such/file";
  expect_refusal({"/no/such/file", "peer-tls-cert-file", "No such file"});
  settings.cert_file = settings.key_file;
  expect_refusal({settings.key_file, "peer-tls-cert-file", "no certificate"});
  settings.cert_file = good;
  settings.ca_file = folder.file("empty.pem", "");
  expect_refusal({settings.ca_file, "peer-tls-ca-cert-file", "empty"});
  settings.ca_file = folder.file("other.pem", "nothing in particular\n");
  expect_refusal({settings.ca_file, "peer-tls-ca-cert-file", "no certificates"});
}

TEST_F(TlsContextTest, ADamagedCertificateIsRefusedAlsoBehindAGoodOne) {
  std::string damaged = own.certificate;
  damaged[damaged.size() / 2] = '!';
  settings.cert_file = folder.file("damaged.pem", own.certificate + damaged);
  expect_refusal({settings.cert_file, "damaged"});
}

TEST_F(TlsContextTest, AKeyThatDoesNotFit) {
  settings.key_file = folder.file("other-key.pem", authority.issue().key);
  expect_refusal({settings.key_file, "tls-key-file", "does not belong", settings.cert_file});
}

TEST_F(TlsContextTest, AKeyThatOthersMayRead) {
  settings.key_file = folder.file("open-key.pem", own.key, 0644);
  expect_refusal({settings.key_file, "chmod 600"});
  settings.key_file = folder.file("group-key.pem", own.key, 0640);
  EXPECT_EQ(refusal(), "");
}

TEST_F(TlsContextTest, AKeyWithAPassphrase) {
  const OwnBio in(BIO_new_mem_buf(own.key.data(), static_cast<int>(own.key.size())));
  const OwnKey key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  const OwnBio out(BIO_new(BIO_s_mem()));
  const unsigned char word[] = "word";
  ASSERT_EQ(
      PEM_write_bio_PrivateKey(out.get(), key.get(), EVP_aes_128_cbc(), word, 4, nullptr, nullptr),
      1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  settings.key_file = folder.file("closed.pem", {text, static_cast<std::size_t>(size)});
  expect_refusal({settings.key_file, "passphrase"});
}

TEST_F(TlsContextTest, ACertificateOutOfItsTime) {
  settings =
      folder.settings(authority.issue({.from_day = -20, .to_day = -1}), authority.certificate());
  expect_refusal({settings.cert_file, "expired"});
  settings =
      folder.settings(authority.issue({.from_day = 1, .to_day = 9}), authority.certificate());
  expect_refusal({settings.cert_file, "not valid before", "clock"});
}

// What the other nodes would refuse is refused at home.
TEST_F(TlsContextTest, ACertificateForPeersMustBeGoodForThem) {
  settings.mutual = true;
  EXPECT_EQ(refusal(), "");
  settings = folder.settings(own, TestAuthority("another").certificate());
  EXPECT_EQ(refusal(), "");
  settings.mutual = true;
  expect_refusal({settings.cert_file, settings.ca_file, "would refuse"});

  settings = folder.settings(authority.issue({.uses = "serverAuth"}), authority.certificate());
  settings.mutual = true;
  expect_refusal({"clientAuth"});
  settings =
      folder.settings(authority.issue({.uses = "serverAuth,clientAuth"}), authority.certificate());
  settings.mutual = true;
  EXPECT_EQ(refusal(), "");
  settings.name = "holdfast-peer";
  expect_refusal({"holdfast-peer", "subjectAltName"});
  settings =
      folder.settings(authority.issue({.names = "DNS:holdfast-peer"}), authority.certificate());
  settings.mutual = true;
  settings.name = "holdfast-peer";
  EXPECT_EQ(refusal(), "");
}

}  // namespace
}  // namespace holdfast::os
