#pragma once

// A little HTTP server on a thread of its own, for those who watch a feed from outside:
//
//   GET /metrics   prometheus_text(): 200
//   GET /health    {"state":"degraded","reasons":[...]}: 200, or 503 when unhealthy
//
// Bounded: kConnectionsMax at a time (the next ones wait in the system's queue), kHeaderBytesMax of
// request, kTimeout for each, one request a connection. It reads counters only, so the hot path
// never notices. Deliberately not here: TLS, passwords, names of hosts; it listens on the loopback
// unless it is told an address.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "upfeed/errc.hpp"

namespace upfeed {
class Feed;
}

namespace upfeed::program {

/// Where it listens.
struct MetricsAddress {
  std::string host = "127.0.0.1";  ///< an address, no name
  std::uint16_t port = 0;          ///< 0: any free one
};
/// ":9100" (the loopback), "0.0.0.0:9100", "[::1]:9100", "localhost:9100".
/// errors  bad_config: names the way out.
[[nodiscard]] Result<MetricsAddress> parse_metrics_address(std::string_view text);

class MetricsServer {
 public:
  static constexpr std::size_t kConnectionsMax = 16;
  static constexpr std::size_t kHeaderBytesMax = 8'192;
  static constexpr std::chrono::seconds kTimeout{5};

  /// feed  outlives the server.
  /// errors  system: the address cannot be listened on.
  [[nodiscard]] static Result<std::unique_ptr<MetricsServer>> start(const MetricsAddress& address,
                                                                    const Feed& feed);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  /// "http://127.0.0.1:9100"
  [[nodiscard]] std::string url() const;

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::program
