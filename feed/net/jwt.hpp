// Login tokens: JSON Web Tokens in JWS compact form, signed with the secret key.
//
//   base64url({"alg":"HS512","typ":"JWT"}) . base64url({"access_key":...,"nonce":...}) .
//   base64url(MAC)
//
// No time claims: the exchange asks for none, so a wrong clock cannot lock anybody out; a nonce of
// its own makes each token good for one dial. All that is not public lives in Secrets.
// source  docs.upbit.com/kr/reference/auth (read 2026-11), RFC 7515, RFC 7519.
#pragma once

#include <array>
#include <string_view>

#include "upfeed/secret.hpp"

namespace upfeed::net {

/// A random UUID (version 4), as text.
using Nonce = std::array<char, 36>;
/// False: OpenSSL has no entropy; then nothing may be sent.
[[nodiscard]] bool make_nonce(Nonce& nonce) noexcept;

/// The token of one dial. Empty: no entropy, or OpenSSL failed. keys.usable() must hold.
/// errors   std::bad_alloc.
/// threads  any.
[[nodiscard]] Secret make_token(const ApiKeys& keys, TokenAlgorithm algorithm);

/// Any header and payload in compact form; empty: OpenSSL failed.
[[nodiscard]] Secret sign_compact(std::string_view header, std::string_view payload,
                                  std::string_view key, TokenAlgorithm algorithm);

}  // namespace upfeed::net
