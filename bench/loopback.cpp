#include "loopback.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace upfeed::bench {

namespace {

using NameFunction = int (*)(int, sockaddr*, socklen_t*) noexcept;

/// 0: no such address.
std::uint16_t port_by(NameFunction name, int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (name(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.sin_family == AF_INET ? ntohs(address.sin_port) : std::uint16_t{0};
}

/// Clients do not tell their descriptors, but this process has few.
int descriptor_of_client(int server_fd) {
  const std::uint16_t client_port = port_by(::getpeername, server_fd);
  const std::uint16_t server_port = port_by(::getsockname, server_fd);
  for (int fd = 0; fd < 1024; ++fd) {
    if (port_by(::getsockname, fd) == client_port && port_by(::getpeername, fd) == server_port) {
      return fd;
    }
  }
  throw std::runtime_error("loopback server: the client is not in this process");
}

}  // namespace

Peer::Peer(int fd, const test::ServerContext& context)
    : fd_(fd), client_fd_(descriptor_of_client(fd)), peer_(fd, context.get()) {
  if (!peer_.handshake()) throw std::runtime_error("loopback server: TLS handshake failed");
  const std::string request = peer_.read_request();
  if (request.empty()) throw std::runtime_error("loopback server: no upgrade was asked");
  peer_.put(test::upgrade_reply(request));
  peer_.flush();
}

Peer::~Peer() {
  ::close(fd_);
}

void Peer::put_off_acks() const {
  const int off = 0;
  if (::setsockopt(client_fd_, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off) != 0) {
    throw std::runtime_error("loopback server: no TCP_QUICKACK");
  }
}

void Peer::acks_on_arrival() const {
  put_off_acks();
  int buffer_bytes = 4 << 20;  // the kernel makes what it allows of it
  socklen_t size = sizeof buffer_bytes;
  bool done = ::setsockopt(client_fd_, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, size) == 0 &&
              ::getsockopt(client_fd_, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, &size) == 0;
  // The kernel keeps a half of the buffer or more for itself; a quarter is there whatever waits.
  const int window = buffer_bytes / 4;
  done =
      done && ::setsockopt(client_fd_, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window, sizeof window) == 0;
  if (!done) throw std::runtime_error("loopback server: no TCP_WINDOW_CLAMP");
}

std::string Peer::seal(std::string_view payload) {
  constexpr unsigned kBinary = 0x2;
  peer_.put(test::server_frame(kBinary, std::string(payload)));
  return peer_.take();
}

LoopbackServer::LoopbackServer()
    : context_(certificates_.server_context(test::CertificateKind::good)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const int segment_bytes = 1460;
  if (listener_ < 0 ||
      ::setsockopt(listener_, IPPROTO_TCP, TCP_MAXSEG, &segment_bytes, sizeof segment_bytes) != 0 ||
      ::bind(listener_, generic, size) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("loopback server: no listening socket");
  }
  port_ = ntohs(address.sin_port);
}

LoopbackServer::~LoopbackServer() {
  ::close(listener_);
}

std::unique_ptr<Peer> LoopbackServer::accept() {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) throw std::runtime_error("loopback server: accept failed");
  return std::make_unique<Peer>(fd, context_);
}

}  // namespace upfeed::bench
