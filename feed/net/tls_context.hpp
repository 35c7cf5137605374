// Whom we trust: the only place that makes an OpenSSL context.
//
// Always: TLS 1.2 or later, the peer's chain verified, host name (or address) verified, SNI. There
// is no argument, option or build flag that turns any of it off; a test brings its own authority
// through ca_file.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "net/net_error.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace upfeed::net {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// ca_file  PEM file with the trusted authorities; empty: the system's.
/// errors   null and `error` filled: tls_bad_ca_file, tls_failed.
[[nodiscard]] TlsContext make_tls_context(const std::string& ca_file, NetError& error);

/// Contexts by ca_file, so that a reconnect does not parse the system's authorities again (tens of
/// milliseconds). A changed file is seen by the next cache, not by this one. Thread-safe.
class TlsContextCache {
 public:
  [[nodiscard]] TlsContext get(const std::string& ca_file, NetError& error);

 private:
  std::mutex mutex_;
  std::map<std::string, TlsContext> contexts_;
};

/// Turns a failed handshake into its cause: first the verdict on the certificate, then OpenSSL's
/// error queue of the calling thread, which is left empty.
[[nodiscard]] NetError classify_handshake_failure(const ssl_st* ssl);

/// Cryptographically strong bytes: WebSocket keys, masks, nonces. False: OpenSSL has no entropy;
/// then nothing may be sent.
[[nodiscard]] bool random_bytes(void* out, std::size_t size_bytes) noexcept;

}  // namespace upfeed::net
