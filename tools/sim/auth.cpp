#include "sim/auth.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes) {
  std::string text;
  unsigned bits = 0;
  unsigned bit_count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    bit_count += 8;
    for (; bit_count >= 6; bit_count -= 6) text.push_back(kAlphabet[bits >> (bit_count - 6) & 63U]);
  }
  if (bit_count > 0) text.push_back(kAlphabet[bits << (6 - bit_count) & 63U]);
  return text;
}

// base64url without padding (RFC 7515); anything else is refused.
std::optional<std::string> decode(std::string_view text) {
  std::string bytes;
  unsigned bits = 0;
  unsigned bit_count = 0;
  if (text.size() % 4 == 1) return std::nullopt;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<unsigned>(digit);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes.push_back(static_cast<char>(bits >> bit_count & 0xffU));
    bits &= (1U << bit_count) - 1;
  }
  if (bits != 0) return std::nullopt;  // one text per value
  return bytes;
}

const EVP_MD* digest_of(std::string_view algorithm) {
  if (algorithm == "HS256") return EVP_sha256();
  if (algorithm == "HS512") return EVP_sha512();
  return nullptr;
}

std::string sign(std::string_view text, std::string_view secret, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  HMAC(digest, secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

struct Parts {
  std::string_view signed_text;  // header.payload
  Json header;
  Json payload;
  std::string signature;
};

std::optional<Parts> split(std::string_view authorization) {
  static constexpr std::string_view kScheme = "Bearer ";
  if (!authorization.starts_with(kScheme)) return std::nullopt;
  const std::string_view token = authorization.substr(kScheme.size());
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == last || token.find('.', first + 1) != last) return std::nullopt;
  const auto header = decode(token.substr(0, first));
  const auto payload = decode(token.substr(first + 1, last - first - 1));
  auto signature = decode(token.substr(last + 1));
  if (!header || !payload || !signature) return std::nullopt;
  Parts parts{token.substr(0, last), Json::parse(*header, nullptr, false),
              Json::parse(*payload, nullptr, false), *std::move(signature)};
  if (!parts.header.is_object() || !parts.payload.is_object()) return std::nullopt;
  return parts;
}

}  // namespace

std::string_view login_error_name(LoginResult result) {
  switch (result) {
    case LoginResult::accepted:
      return {};
    case LoginResult::missing:
      return "no_authorization_token";
    case LoginResult::unknown_key:
      return "invalid_access_key";
    case LoginResult::nonce_reused:
      return "nonce_used";
    case LoginResult::malformed:
    case LoginResult::unknown_algorithm:
    case LoginResult::bad_signature:
    case LoginResult::no_nonce:
      break;
  }
  return "jwt_verification";
}

TokenChecker::TokenChecker(const std::vector<ApiKey>& keys) {
  for (const ApiKey& key : keys) secrets_[key.access_key] = key.secret;
}

Login TokenChecker::check(std::string_view authorization) {
  const auto parts = split(authorization);
  if (!parts) return {LoginResult::malformed, {}, {}};
  const EVP_MD* const digest = digest_of(text_member(parts->header, "alg"));
  if (digest == nullptr) return {LoginResult::unknown_algorithm, {}, {}};
  std::string access_key = text_member(parts->payload, "access_key");
  const auto secret = secrets_.find(access_key);
  if (secret == secrets_.end()) return {LoginResult::unknown_key, {}, {}};
  const std::string expected = sign(parts->signed_text, secret->second, digest);
  if (expected.size() != parts->signature.size() ||
      CRYPTO_memcmp(expected.data(), parts->signature.data(), expected.size()) != 0) {
    return {LoginResult::bad_signature, {}, {}};
  }
  std::string nonce = text_member(parts->payload, "nonce");
  if (nonce.empty()) return {LoginResult::no_nonce, std::move(access_key), {}};
  const bool is_fresh = nonces_.insert(access_key + ' ' + nonce).second;
  return {is_fresh ? LoginResult::accepted : LoginResult::nonce_reused, std::move(access_key),
          std::move(nonce)};
}

std::string sign_token(std::string_view payload_json, std::string_view secret,
                       std::string_view algorithm) {
  const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","typ":"JWT"})";
  const std::string text = encode(header) + '.' + encode(payload_json);
  const EVP_MD* const digest = digest_of(algorithm);
  return text + '.' + (digest == nullptr ? std::string() : encode(sign(text, secret, digest)));
}

std::string make_token(const ApiKey& key, std::string_view nonce, std::string_view algorithm) {
  const Json payload{{"access_key", key.access_key}, {"nonce", nonce}};
  return sign_token(payload.dump(), key.secret, algorithm);
}

}  // namespace upfeed::sim
