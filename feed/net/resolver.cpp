#include "net/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "net/quiet_thread.hpp"

namespace upfeed::net {
namespace {

// What one lookup and its asker share. Whoever leaves last frees it.
struct Lookup {
  std::string host;
  std::uint16_t port = 0;
  ResolveHook hook;
  std::shared_ptr<std::atomic<int>> running;
  CancelToken done;  // "cancelled" once the answer is in

  std::mutex mutex;
  std::vector<SocketAddress> addresses;
  std::string detail;
};

void run_lookup(Lookup& lookup) {
  std::string detail;
  std::vector<SocketAddress> addresses;
  try {
    addresses = lookup.hook(lookup.host, lookup.port, detail);
  } catch (const std::exception& failure) {
    detail = failure.what();
  }
  {
    const std::lock_guard lock(lookup.mutex);
    lookup.addresses = std::move(addresses);
    lookup.detail = std::move(detail);
  }
  lookup.running->fetch_sub(1, std::memory_order_relaxed);
  lookup.done.cancel();
}

NetError make_error(NetErrc code, std::string detail) {
  NetError error;
  error.code = code;
  error.detail = std::move(detail);
  return error;
}

bool is_localhost(const std::string& host) {
  constexpr std::string_view kSuffix = ".localhost";
  return host == "localhost" || (host.size() > kSuffix.size() && host.ends_with(kSuffix));
}

}  // namespace

std::string SocketAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &storage, sizeof v6);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

bool parse_address(const std::string& text, std::uint16_t port, SocketAddress& out) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out.size_bytes = sizeof v4;
    std::memcpy(&out.storage, &v4, sizeof v4);
    return true;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    out.size_bytes = sizeof v6;
    std::memcpy(&out.storage, &v6, sizeof v6);
    return true;
  }
  return false;
}

std::vector<SocketAddress> resolve_with_system(const std::string& host, std::uint16_t port,
                                               std::string& detail) {
  std::vector<SocketAddress> out;
  if (is_localhost(host)) {
    out.resize(2);
    static_cast<void>(parse_address("127.0.0.1", port, out[0]));
    static_cast<void>(parse_address("::1", port, out[1]));
    return out;
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (failure != 0) {
    detail = failure == EAI_SYSTEM ? std::generic_category().message(errno)
                                   : std::string(::gai_strerror(failure));
    return out;
  }
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    SocketAddress& address = out.emplace_back();
    address.size_bytes = entry->ai_addrlen;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
  }
  ::freeaddrinfo(list);
  return out;
}

Resolver::Resolver(ResolveHook hook)
    : hook_(hook != nullptr ? std::move(hook) : ResolveHook(resolve_with_system)),
      lookups_running_(std::make_shared<std::atomic<int>>(0)) {}

NetError Resolver::resolve(const std::string& host, std::uint16_t port, Limits limits,
                           std::vector<SocketAddress>& out) {
  out.clear();
  if (SocketAddress literal; parse_address(host, port, literal)) {
    out.push_back(literal);
    return {};
  }
  auto lookup = std::make_shared<Lookup>();
  if (!lookup->done.valid()) return make_error(NetErrc::out_of_descriptors, "name lookup");
  lookup->host = host;
  lookup->port = port;
  lookup->hook = hook_;
  lookup->running = lookups_running_;
  if (lookups_running_->fetch_add(1, std::memory_order_relaxed) >= kLookupsMax) {
    lookups_running_->fetch_sub(1, std::memory_order_relaxed);
    return make_error(NetErrc::dns_timeout, "too many name lookups hang already");
  }
  try {
    start_quiet_thread([lookup] { run_lookup(*lookup); }).detach();
  } catch (const std::system_error&) {
    lookups_running_->fetch_sub(1, std::memory_order_relaxed);
    return make_error(NetErrc::out_of_resources, "no thread for the name lookup");
  }
  switch (wait_for(lookup->done.fd(), POLLIN, limits.deadline, limits.cancel)) {
    case WaitResult::timed_out:
      return make_error(NetErrc::dns_timeout, host);
    case WaitResult::cancelled:
      return make_error(NetErrc::cancelled, host);
    case WaitResult::ready:
      break;
  }
  const std::lock_guard lock(lookup->mutex);
  if (lookup->addresses.empty()) {
    return make_error(NetErrc::dns_failed, host + ": " + lookup->detail);
  }
  out = lookup->addresses;
  return {};
}

}  // namespace upfeed::net
