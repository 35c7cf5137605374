#include "net/tcp_connect.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace upfeed::net {
namespace {

NetError error_of(int sys_errno) {
  NetError error;
  error.sys_errno = sys_errno;
  error.detail = std::generic_category().message(sys_errno);
  switch (sys_errno) {
    case ECONNREFUSED:
      error.code = NetErrc::connect_refused;
      break;
    case ETIMEDOUT:
      error.code = NetErrc::connect_timeout;
      break;
    case EMFILE:
    case ENFILE:
      error.code = NetErrc::out_of_descriptors;
      break;
    case ENOBUFS:
    case ENOMEM:
      error.code = NetErrc::out_of_resources;
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM:
      error.code = NetErrc::unreachable;
      break;
    default:
      error.code = NetErrc::io_error;
      break;
  }
  return error;
}

NetError connect_to(const SocketAddress& address, Limits limits, UniqueFd& fd) {
  fd.reset(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return error_of(errno);
  const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), name, address.size_bytes) == 0) return {};
  // EINTR on a non-blocking connect means the same: it goes on by itself.
  if (errno != EINPROGRESS && errno != EINTR) return error_of(errno);
  NetError error;
  switch (wait_for(fd.get(), POLLOUT, limits.deadline, limits.cancel)) {
    case WaitResult::ready:
      break;
    case WaitResult::timed_out:
      error.code = NetErrc::connect_timeout;
      error.detail = "no answer in time";
      return error;
    case WaitResult::cancelled:
      error.code = NetErrc::cancelled;
      return error;
  }
  int outcome = 0;
  socklen_t size = sizeof outcome;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &outcome, &size) != 0) return error_of(errno);
  return outcome == 0 ? NetError{} : error_of(outcome);
}

}  // namespace

NetError connect_to_any(const std::vector<SocketAddress>& addresses,
                        std::chrono::milliseconds per_address, Limits overall, UniqueFd& fd,
                        std::string& peer) {
  NetError error;
  std::string trail;
  for (const SocketAddress& address : addresses) {
    const MonoTime now = std::chrono::steady_clock::now();
    error =
        connect_to(address, {std::min(now + per_address, overall.deadline), overall.cancel}, fd);
    peer = address.to_string();
    if (error.ok()) return error;
    trail += (trail.empty() ? "" : "; ") + peer + " " + to_string(error.code);
    const bool hopeless =
        error.code == NetErrc::cancelled || error.code == NetErrc::out_of_descriptors;
    if (hopeless || std::chrono::steady_clock::now() >= overall.deadline) break;
  }
  fd.reset();
  error.detail = trail;
  return error;
}

}  // namespace upfeed::net
