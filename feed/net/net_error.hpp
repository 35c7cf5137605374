// Why a connection attempt, a live connection or a REST call ended: one code per cause.
#pragma once

#include <cstdint>
#include <string>

namespace upfeed::net {

/// One line per cause, so that the application can act on the code alone.
enum class NetErrc : std::uint8_t {
  ok,
  dns_failed,           ///< The name has no address, or the resolver refused (detail: its words).
  dns_timeout,          ///< No answer within dns_timeout, or too many lookups already hang.
  connect_refused,      ///< TCP reset in answer to the SYN.
  connect_timeout,      ///< No answer to the SYN within connect_timeout_per_address.
  unreachable,          ///< No route, network down, address family not available.
  tls_wrong_host,       ///< The certificate is for another name.
  tls_expired,          ///< Some certificate of the chain has expired.
  tls_not_yet_valid,    ///< Some certificate of the chain is valid only in the future.
  tls_self_signed,      ///< The server's certificate is its own issuer.
  tls_unknown_ca,       ///< The chain does not end in a trusted authority.
  tls_bad_certificate,  ///< Any other fault of the certificate (detail: OpenSSL's words).
  tls_bad_ca_file,      ///< ca_file could not be read or holds no certificate.
  tls_version,          ///< The server offers nothing from TLS 1.2 upwards.
  tls_timeout,          ///< Handshake not finished within tls_timeout.
  tls_failed,           ///< Any other TLS failure, e.g. a bad record (detail: OpenSSL's words).
  tls_truncated,        ///< The stream ended without close_notify: whatever was cut off is lost.
  http_timeout,         ///< Reply not complete within http_timeout.
  http_status,          ///< A well-formed reply with another status than asked for.
  http_bad_reply,       ///< Not HTTP, or a 101 that breaks RFC 6455 section 4.1.
  http_too_big,         ///< Header or body beyond the limit.
  bad_request,          ///< Refused here, before any packet (detail: what is wrong with it).
  closed_by_peer,       ///< The peer ended the connection in good order (close_notify, or FIN
                        ///< before the end of the handshake).
  io_error,             ///< The kernel said so: sys_errno.
  out_of_descriptors,   ///< EMFILE or ENFILE.
  out_of_resources,     ///< No memory, no thread, or too many dials at once.
  cancelled,            ///< cancel() or stop().
};

/// Stable lower-case name of the code, e.g. "tls_wrong_host". Never null.
[[nodiscard]] const char* to_string(NetErrc code) noexcept;

/// An outcome with its context. Cold path only (holds a string).
struct NetError {
  NetErrc code = NetErrc::ok;
  int sys_errno = 0;                 ///< 0: none.
  int http_status = 0;               ///< 0: no reply was read.
  std::int64_t retry_after_ms = -1;  ///< What the server asked for (429, 418, 503); -1: nothing.
  std::string detail;                ///< For humans. Never holds a header value we sent.

  [[nodiscard]] bool ok() const noexcept { return code == NetErrc::ok; }
};

}  // namespace upfeed::net
