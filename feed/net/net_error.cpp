#include "net/net_error.hpp"

namespace upfeed::net {

const char* to_string(NetErrc code) noexcept {
  switch (code) {
    case NetErrc::ok:
      return "ok";
    case NetErrc::dns_failed:
      return "dns_failed";
    case NetErrc::dns_timeout:
      return "dns_timeout";
    case NetErrc::connect_refused:
      return "connect_refused";
    case NetErrc::connect_timeout:
      return "connect_timeout";
    case NetErrc::unreachable:
      return "unreachable";
    case NetErrc::tls_wrong_host:
      return "tls_wrong_host";
    case NetErrc::tls_expired:
      return "tls_expired";
    case NetErrc::tls_not_yet_valid:
      return "tls_not_yet_valid";
    case NetErrc::tls_self_signed:
      return "tls_self_signed";
    case NetErrc::tls_unknown_ca:
      return "tls_unknown_ca";
    case NetErrc::tls_bad_certificate:
      return "tls_bad_certificate";
    case NetErrc::tls_bad_ca_file:
      return "tls_bad_ca_file";
    case NetErrc::tls_version:
      return "tls_version";
    case NetErrc::tls_timeout:
      return "tls_timeout";
    case NetErrc::tls_failed:
      return "tls_failed";
    case NetErrc::tls_truncated:
      return "tls_truncated";
    case NetErrc::http_timeout:
      return "http_timeout";
    case NetErrc::http_status:
      return "http_status";
    case NetErrc::http_bad_reply:
      return "http_bad_reply";
    case NetErrc::http_too_big:
      return "http_too_big";
    case NetErrc::bad_request:
      return "bad_request";
    case NetErrc::closed_by_peer:
      return "closed_by_peer";
    case NetErrc::io_error:
      return "io_error";
    case NetErrc::out_of_descriptors:
      return "out_of_descriptors";
    case NetErrc::out_of_resources:
      return "out_of_resources";
    case NetErrc::cancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace upfeed::net
