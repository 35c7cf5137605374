#include "net/jwt.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdint>

#include "net/tls_context.hpp"
#include "upfeed/assert.hpp"

namespace upfeed::net {
namespace {

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// RFC 4648 section 5, without padding.
Secret base64url(std::string_view bytes) {
  Secret text =
      Secret::zeros(4 * ((bytes.size() + 2) / 3) + 1);  // EVP_EncodeBlock ends with a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.bytes().data()),
                                   as_bytes(bytes), static_cast<int>(bytes.size()));
  text.shrink(static_cast<std::size_t>(size));
  std::replace(text.bytes().begin(), text.bytes().end(), '+', '-');
  std::replace(text.bytes().begin(), text.bytes().end(), '/', '_');
  while (!text.empty() && text.reveal().back() == '=') text.shrink(text.size() - 1);
  return text;
}

}  // namespace

bool make_nonce(Nonce& nonce) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<std::uint8_t, 16> bytes;
  if (!random_bytes(bytes.data(), bytes.size())) return false;
  bytes[6] = static_cast<std::uint8_t>(0x40U | (bytes[6] & 0x0FU));  // version 4
  bytes[8] = static_cast<std::uint8_t>(0x80U | (bytes[8] & 0x3FU));  // RFC 4122 variant
  char* out = nonce.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = kDigits[bytes[i] >> 4U];
    *out++ = kDigits[bytes[i] & 15U];
  }
  return true;
}

Secret sign_compact(std::string_view header, std::string_view payload, std::string_view key,
                    TokenAlgorithm algorithm) {
  const Secret header_text = base64url(header);
  const Secret payload_text = base64url(payload);
  const Secret signed_text = Secret::join({header_text.reveal(), ".", payload_text.reveal()});
  Secret mac = Secret::zeros(EVP_MAX_MD_SIZE);
  unsigned mac_bytes = 0;
  const bool done =
      HMAC(algorithm == TokenAlgorithm::hs512 ? EVP_sha512() : EVP_sha256(), key.data(),
           static_cast<int>(key.size()), as_bytes(signed_text.reveal()), signed_text.size(),
           reinterpret_cast<unsigned char*>(mac.bytes().data()), &mac_bytes) != nullptr;
  if (!done) return {};
  mac.shrink(mac_bytes);
  const Secret mac_text = base64url(mac.reveal());
  return Secret::join({signed_text.reveal(), ".", mac_text.reveal()});
}

Secret make_token(const ApiKeys& keys, TokenAlgorithm algorithm) {
  UPFEED_ASSERT(keys.usable());  // else the claims would need escapes
  Nonce nonce;
  if (!make_nonce(nonce)) return {};
  const Secret claims = Secret::join({R"({"access_key":")",
                                      keys.access_key.reveal(),
                                      R"(","nonce":")",
                                      {nonce.data(), nonce.size()},
                                      R"("})"});
  const std::string_view header = algorithm == TokenAlgorithm::hs512
                                      ? R"({"alg":"HS512","typ":"JWT"})"
                                      : R"({"alg":"HS256","typ":"JWT"})";
  return sign_compact(header, claims.reveal(), keys.secret_key.reveal(), algorithm);
}

}  // namespace upfeed::net
