// Names to addresses, without ever waiting for longer than asked.
//
// getaddrinfo can neither be cancelled nor given a deadline: with a name server that drops packets
// it hangs for 10 s and more. So each lookup runs in a detached thread which owns everything it
// touches (a shared state); who asked waits for it with a deadline and a cancel token, and leaves
// when either strikes. What such a thread finds later is freed with the state. The number of
// hanging lookups is bounded.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/net_error.hpp"
#include "net/wait.hpp"

namespace upfeed::net {

/// An IPv4 or IPv6 address with its port.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size_bytes = 0;

  /// "127.0.0.1:443", "[::1]:443".
  [[nodiscard]] std::string to_string() const;
};

/// Parses "1.2.3.4" or "2001:db8::1" (no brackets); false: not an address.
[[nodiscard]] bool parse_address(const std::string& text, std::uint16_t port, SocketAddress& out);

/// Looks a name up; may block for any time; runs in a thread of its own, possibly after everything
/// else is gone: it must own what it uses. Empty: no address (`detail` says why).
using ResolveHook = std::function<std::vector<SocketAddress>(
    const std::string& host, std::uint16_t port, std::string& detail)>;

/// getaddrinfo; "localhost" and "*.localhost" without it (RFC 6761 6.3).
[[nodiscard]] std::vector<SocketAddress> resolve_with_system(const std::string& host,
                                                             std::uint16_t port,
                                                             std::string& detail);

/// Thread-safe. May be destroyed while lookups hang.
class Resolver {
 public:
  static constexpr int kLookupsMax = 16;

  /// hook  null: resolve_with_system.
  explicit Resolver(ResolveHook hook = nullptr);

  /// Addresses in the order to try them, freshly looked up; literals need no lookup.
  /// errors  dns_failed, dns_timeout, cancelled, out_of_resources, out_of_descriptors.
  [[nodiscard]] NetError resolve(const std::string& host, std::uint16_t port, Limits limits,
                                 std::vector<SocketAddress>& out);

 private:
  ResolveHook hook_;
  std::shared_ptr<std::atomic<int>> lookups_running_;
};

}  // namespace upfeed::net
