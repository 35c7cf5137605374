#include "net/rest.hpp"

#include "net/http_exchange.hpp"
#include "net/tcp_connect.hpp"
#include "net/tls_socket.hpp"

namespace upfeed::net {
namespace {

NetError run_steps(const RestRequest& request, Resolver& resolver, TlsContextCache& contexts,
                   const CancelToken* cancel, HttpReply& reply) {
  // One deadline for the call; each step names it by its own cause.
  const Limits limits{std::chrono::steady_clock::now() + request.timeout, cancel};
  NetError error = check_request(request.host, request.target, request.headers);
  if (!error.ok()) return error;
  const TlsContext context = contexts.get(request.ca_file, error);
  if (!error.ok()) return error;
  std::vector<SocketAddress> addresses;
  error = resolver.resolve(request.host, request.port, limits, addresses);
  if (!error.ok()) return error;
  UniqueFd fd;
  std::string peer;
  const auto addresses_count = static_cast<std::int64_t>(addresses.size());
  error = connect_to_any(addresses, request.timeout / addresses_count, limits, fd, peer);
  if (!error.ok()) return error;
  const auto socket = TlsSocket::create(std::move(fd), context, request.host, error);
  if (!error.ok()) return error;
  error = socket->handshake(limits);
  if (!error.ok()) return error;
  error = get_over(*socket, request, limits, reply);
  socket->close_now(true);
  return error;
}

}  // namespace

RestResult rest_get(const RestRequest& request, Resolver& resolver, TlsContextCache& contexts,
                    const CancelToken* cancel) {
  RestResult result;
  result.id = request.id;
  HttpReply reply;
  result.error = run_steps(request, resolver, contexts, cancel, reply);
  result.status = reply.status;
  result.body = std::move(reply.body);
  result.remaining_req = std::move(reply.remaining_req);
  return result;
}

RestResult rest_get(const RestRequest& request) {
  Resolver resolver;
  TlsContextCache contexts;
  return rest_get(request, resolver, contexts, nullptr);
}

}  // namespace upfeed::net
