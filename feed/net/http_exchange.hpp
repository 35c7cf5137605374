// HTTP/1.1 over a TlsSocket: the WebSocket upgrade and a plain GET, both bounded in time and size.
// The grammar is Boost.Beast's (its header, in one .cpp); the bytes are moved by TlsSocket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/login.hpp"
#include "net/net_error.hpp"
#include "net/rest.hpp"
#include "net/tls_socket.hpp"
#include "net/wait.hpp"

namespace upfeed::net {

struct HttpReply {
  int status = 0;
  std::string body;           ///< For an upgrade that succeeded: what came behind the reply.
  std::string remaining_req;  ///< Headers as sent; empty when absent.
  std::string limit_by_ip;
};

/// Refuses what must not reach the wire: empty host, control characters (request splitting), an
/// Origin, an Authorization (only a Login makes one), and Sec-WebSocket-* (the handshake's own). ok
/// or bad_request.
[[nodiscard]] NetError check_request(const std::string& host, const std::string& target,
                                     const HeaderList& headers);

/// Sends the upgrade and checks the answer by RFC 6455 4.1: status 101, Upgrade, Connection, Accept
/// of our fresh random key, no extension, no subprotocol. socket's handshake must be done: that is
/// what verified the peer, and a login's token goes to no other.
/// errors  http_status (with http_status and retry_after_ms), http_bad_reply, http_too_big,
///         http_timeout, cancelled, tls_*, io_error, closed_by_peer.
[[nodiscard]] NetError upgrade_to_websocket(TlsSocket& socket, const std::string& host,
                                            std::uint16_t port, const std::string& target,
                                            const HeaderList& headers, const Login& login,
                                            Limits limits, HttpReply& reply);

/// Sends a GET and reads the whole reply. A reply without a length that ends without close_notify
/// is tls_truncated. Any status but 2xx: http_status, body kept.
[[nodiscard]] NetError get_over(TlsSocket& socket, const RestRequest& request, Limits limits,
                                HttpReply& reply);

}  // namespace upfeed::net
