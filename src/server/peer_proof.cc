#include "server/peer_proof.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/codec.h"

namespace holdfast::server {
namespace {

// So that a proof of one side is none of the other.
constexpr std::string_view kByDialler = "holdfast peer proof: dialler";
constexpr std::string_view kByAcceptor = "holdfast peer proof: acceptor";

constexpr std::string_view kWrongProof =
    "the other side does not know the cluster's secret: the proof is wrong. Either the nodes were "
    "started with different --cluster-secret files, or a stranger is at the peer port.";

// Each part stands behind its length: what was said cannot be cut differently.
std::string proof(std::string_view secret, std::initializer_list<std::string_view> said) {
  std::string text;
  Writer writer(text);
  for (const std::string_view part : said) writer.bytes(part);
  std::string code(kProofBytes, '\0');
  unsigned int length = 0;
  const auto* made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                          reinterpret_cast<unsigned char*>(code.data()), &length);
  CHECK(made != nullptr && length == kProofBytes, "HMAC failed");
  return code;
}

// How long it takes says nothing about where two proofs differ.
bool same_proof(std::string_view given, std::string_view wanted) {
  return given.size() == wanted.size() &&
         CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) == 0;
}

std::string_view view(const Nonce& nonce) {
  return {reinterpret_cast<const char*>(nonce.data()), nonce.size()};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<std::vector<std::string>> parse_secrets(std::string_view content) {
  std::vector<std::string> secrets;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    std::string_view line = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() && content.empty()) break;
    if (line.size() < kShortestSecret || line.size() > kLongestSecret) {
      return Error{fmt::format("line {} has {} bytes, and a secret has {} to {}",
                               secrets.size() + 1, line.size(), kShortestSecret, kLongestSecret)};
    }
    if (std::any_of(line.begin(), line.end(), is_control)) {
      return Error{fmt::format("line {} holds control characters, and a secret is a line of text",
                               secrets.size() + 1)};
    }
    if (secrets.size() == kMaxSecrets) {
      return Error{
          fmt::format("it has more than {} lines: the secret, and while it is changed "
                      "the other one",
                      kMaxSecrets)};
    }
    secrets.emplace_back(line);
  }
  if (secrets.empty()) return Error{"it is empty"};
  return secrets;
}

Nonce PeerKeys::nonce() const {
  Nonce nonce{};
  if (empty()) return nonce;
  std::string bytes;
  Writer writer(bytes);
  while (bytes.size() < nonce.size()) writer.u64(random());
  std::copy_n(bytes.begin(), nonce.size(), nonce.begin());
  return nonce;
}

// ---- The dialler --------------------------------------------------------------------------------

std::string DiallerProof::hello(Hello hello) {
  hello.nonce = keys_.nonce();
  hello_ = encode_hello(hello);
  challenge_.clear();
  return hello_;
}

Result<std::string> DiallerProof::on_challenge(std::string_view body) {
  if (keys_.empty()) return Error{"the other side asks for a secret, and this node has none"};
  // One connection, one proof: nobody gets them made to order.
  if (!challenge_.empty() || body.size() != sizeof(Nonce)) return Error{"a damaged greeting"};
  challenge_ = body;
  return proof(keys_.secrets.front(), {kByDialler, hello_, challenge_});
}

Result<Hello> DiallerProof::on_welcome(std::string_view body) {
  if (keys_.empty()) return decode_hello(body);
  if (challenge_.empty() || body.size() <= kProofBytes) {
    // A newer or older node says which it is in the first bytes; that may be told, not believed.
    if (const auto other = decode_hello(body); !other) return other.error();
    return Error{
        "the other side did not prove that it knows the cluster's secret; was it started without "
        "--cluster-secret?"};
  }
  const std::string_view said = body.substr(0, body.size() - kProofBytes);
  const std::string wanted = proof(keys_.secrets.front(), {kByAcceptor, hello_, challenge_, said});
  if (!same_proof(body.substr(said.size()), wanted)) return Error{std::string(kWrongProof)};
  return decode_hello(said);
}

// ---- The acceptor -------------------------------------------------------------------------------

Result<std::optional<std::string>> AcceptorProof::on_hello(std::string_view body) {
  if (!hello_.empty()) return Error{"a second greeting on one connection"};
  const auto hello = decode_hello(body);
  if (!hello) return hello.error();
  if (keys_.empty() && hello->nonce != Nonce{}) {
    return Error{
        "the node that dialled has a cluster secret, and the one it reached has none. Start all "
        "nodes of a cluster with the same --cluster-secret."};
  }
  if (!keys_.empty() && hello->nonce == Nonce{}) {
    return Error{
        "the node that dialled has no cluster secret, and the one it reached asks for it. Start "
        "all nodes of a cluster with the same --cluster-secret."};
  }
  hello_ = body;
  if (keys_.empty()) {
    believed_ = true;
    return std::optional<std::string>();
  }
  challenge_ = view(keys_.nonce());
  return std::optional(challenge_);
}

Result<void> AcceptorProof::on_proof(std::string_view body) {
  if (challenge_.empty() || believed_) return Error{"a damaged greeting"};
  for (secret_ = 0; secret_ < keys_.secrets.size(); ++secret_) {
    if (!same_proof(body, proof(keys_.secrets[secret_], {kByDialler, hello_, challenge_}))) {
      continue;
    }
    believed_ = true;
    return {};
  }
  return Error{std::string(kWrongProof)};
}

std::string AcceptorProof::welcome(const Hello& self) const {
  CHECK(believed_);
  std::string body = encode_hello(self);
  if (!keys_.empty()) {
    body += proof(keys_.secrets[secret_], {kByAcceptor, hello_, challenge_, body});
  }
  return body;
}

}  // namespace holdfast::server
