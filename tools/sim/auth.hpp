#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// The exchange's side of the login: who sent `Authorization: Bearer <JWT>`, and may he come in.
namespace upfeed::sim {

/// A key pair as a user of the exchange has one.
struct ApiKey {
  std::string access_key;
  std::string secret;
};

enum class LoginResult : std::uint8_t {
  accepted,
  missing,            ///< no Authorization header
  malformed,          ///< no Bearer, not three parts, no base64url, no JSON objects
  unknown_algorithm,  ///< neither HS256 nor HS512
  unknown_key,        ///< access_key absent or not configured
  bad_signature,
  no_nonce,      ///< absent, empty, or no string
  nonce_reused,  ///< seen before in an accepted token of this key
};

/// The name the exchange's REST errors give this, e.g. jwt_verification; empty for accepted.
[[nodiscard]] std::string_view login_error_name(LoginResult result);

struct Login {
  LoginResult result = LoginResult::missing;
  std::string access_key;  ///< set once the signature was right
  std::string nonce;       ///< the same
};

/// Verifies tokens and remembers their nonces. The signature is checked before anything in the
/// payload but the access_key is believed; it is compared in constant time. `exp` and `iat` play no
/// part: the documented token has none (docs.upbit.com, authentication, read 2026-11-22).
class TokenChecker {
 public:
  explicit TokenChecker(const std::vector<ApiKey>& keys);

  /// authorization  the header's value, e.g. "Bearer eyJ...".
  [[nodiscard]] Login check(std::string_view authorization);

 private:
  std::unordered_map<std::string, std::string> secrets_;
  std::unordered_set<std::string> nonces_;  // access key, blank, nonce
};

/// A token as a client makes one: for the simulator's own tests. `algorithm` is HS256 or HS512.
[[nodiscard]] std::string make_token(const ApiKey& key, std::string_view nonce,
                                     std::string_view algorithm = "HS512");

/// A token over any payload: for tokens that must be refused.
[[nodiscard]] std::string sign_token(std::string_view payload_json, std::string_view secret,
                                     std::string_view algorithm);

}  // namespace upfeed::sim
