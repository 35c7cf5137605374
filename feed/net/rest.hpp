// One HTTPS GET, bounded in time and size, over the same verified TLS socket as the feed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "net/net_error.hpp"
#include "net/resolver.hpp"
#include "net/tls_context.hpp"

namespace upfeed::net {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct RestRequest {
  std::uint64_t id = 0;
  std::string host{};  ///< Name or address, without port.
  std::uint16_t port = 443;
  std::string target = "/";  ///< Path and query, already percent-encoded.
  std::string ca_file{};     ///< Empty: the system's authorities.
  HeaderList headers{};      ///< Added as they are, but Origin and Authorization are refused.
  std::chrono::milliseconds timeout{10'000};  ///< For everything, name lookup included.
  std::size_t body_bytes_max = std::size_t{8} << 20;
};

struct RestResult {
  std::uint64_t id = 0;
  /// ok only for a complete 2xx reply. http_status: another status, body kept.
  NetError error;
  int status = 0;  ///< 0: no reply.
  std::string body;
  std::string remaining_req;  ///< Upbit's Remaining-Req header, as sent.
};

/// Blocks the caller for at most request.timeout; for command-line use (Connector::get for others).
/// threads  any.
[[nodiscard]] RestResult rest_get(const RestRequest& request);

/// The same with everything that may be shared between calls. cancel may be null.
[[nodiscard]] RestResult rest_get(const RestRequest& request, Resolver& resolver,
                                  TlsContextCache& contexts, const CancelToken* cancel);

}  // namespace upfeed::net
