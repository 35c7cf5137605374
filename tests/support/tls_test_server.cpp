#include "tls_test_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace upfeed::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPatience{10'000};

void send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::send(fd, data, size, MSG_NOSIGNAL);
    if (count <= 0) return;  // the client is gone: what the script wanted to say is moot
    data += count;
    size -= static_cast<std::size_t>(count);
  }
}

int listen_on_loopback(int backlog, std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(fd, backlog) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("loopback listener");
  }
  port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

ServerPeer::ServerPeer(int fd, ssl_ctx_st* context) : fd_(fd), ssl_(SSL_new(context), SSL_free) {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_.get());
}

ServerPeer::~ServerPeer() = default;

bool ServerPeer::receive(milliseconds time_max) {
  if (ended_) return false;
  pollfd wait{fd_, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(time_max.count())) <= 0) return false;
  char chunk[65536];
  const ssize_t count = ::recv(fd_, chunk, sizeof chunk, 0);
  if (count <= 0) {
    ended_ = true;
    return false;
  }
  BIO_write(SSL_get_rbio(ssl_.get()), chunk, static_cast<int>(count));
  return true;
}

bool ServerPeer::handshake() {
  for (;;) {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    const int error = outcome == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), outcome);
    flush();
    if (outcome == 1) return true;
    if (error != SSL_ERROR_WANT_READ || !receive(kPatience)) return false;
  }
}

std::string ServerPeer::read_request() {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    const std::string more = read_for(kPatience);
    if (more.empty()) return {};
    text += more;
  }
  return text;
}

std::string ServerPeer::read_for(milliseconds time_max) {
  const auto end = steady_clock::now() + time_max;
  for (;;) {
    char chunk[16384];
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), chunk, sizeof chunk);
    if (count > 0) {
      application_bytes_ += static_cast<std::size_t>(count);
      return std::string(chunk, static_cast<std::size_t>(count));
    }
    if (SSL_get_error(ssl_.get(), count) != SSL_ERROR_WANT_READ) return {};
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left.count() <= 0 || !receive(left)) return {};
  }
}

bool ServerPeer::wait_closed(milliseconds time_max) {
  const auto end = steady_clock::now() + time_max;
  while (!ended_ && steady_clock::now() < end) static_cast<void>(receive(milliseconds(10)));
  return ended_;
}

void ServerPeer::put(const std::string& plaintext) {
  SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
}

std::string ServerPeer::take() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &data);
  std::string bytes(data, static_cast<std::size_t>(size));
  static_cast<void>(BIO_reset(SSL_get_wbio(ssl_.get())));
  return bytes;
}

void ServerPeer::flush() {
  send_raw(take());
}

void ServerPeer::flush_bytewise() {
  for (const char byte : take()) send_all(fd_, &byte, 1);
}

void ServerPeer::send_raw(const std::string& bytes) {
  send_all(fd_, bytes.data(), bytes.size());
}

void ServerPeer::key_update() {
  SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
}

void ServerPeer::new_ticket() {
  SSL_new_session_ticket(ssl_.get());
}

void ServerPeer::close_notify() {
  SSL_shutdown(ssl_.get());
}

void ServerPeer::end_stream() {
  ::shutdown(fd_, SHUT_WR);
}

void ServerPeer::reset() {
  // Disconnecting a TCP socket this way makes the kernel send RST, and leaves the descriptor to
  // its owner.
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  ::connect(fd_, &none, sizeof none);
  ended_ = true;
}

std::string ServerPeer::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

TlsTestServer::TlsTestServer(ServerContext context, Script script)
    : context_(std::move(context)),
      script_(std::move(script)),
      listener_(listen_on_loopback(64, port_)) {
  acceptor_ = std::thread([this] { accept_loop(); });
}

void TlsTestServer::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 || stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    ++connection_count_;
    const std::lock_guard lock(mutex_);
    open_fds_.push_back(fd);
    threads_.emplace_back([this, fd] {
      {
        ServerPeer peer(fd, context_.get());
        script_(peer);
      }
      const std::lock_guard inner(mutex_);
      std::erase(open_fds_, fd);
      ::close(fd);
    });
  }
}

TlsTestServer::~TlsTestServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_fds_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

DeadPort::DeadPort() {
  fds_.push_back(listen_on_loopback(0, port_));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  // A backlog of 0 holds one connection; the kernel drops the SYNs of all others.
  for (int i = 0; i < 3; ++i) {
    fds_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(fds_.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
}

DeadPort::~DeadPort() {
  for (const int fd : fds_) ::close(fd);
}

std::uint16_t closed_port() {
  std::uint16_t port = 0;
  ::close(listen_on_loopback(1, port));
  return port;
}

std::string header_of(const std::string& head, const std::string& name) {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::size_t colon = head.find(':', at);
    if (colon == std::string::npos) break;
    if (colon - at != name.size() || ::strncasecmp(&head[at], name.c_str(), name.size()) != 0) {
      continue;
    }
    const std::size_t begin = head.find_first_not_of(' ', colon + 1);
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return {};
}

std::string upgrade_reply(const std::string& request) {
  const std::string text =
      header_of(request, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_bytes = 0;
  EVP_Digest(text.data(), text.size(), digest, &digest_bytes, EVP_sha1(), nullptr);
  unsigned char encoded[64];
  EVP_EncodeBlock(encoded, digest, static_cast<int>(digest_bytes));
  return std::string(
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
             "remaining-req: group=websocket; min=300; sec=4\r\nSec-WebSocket-Accept: ") +
         reinterpret_cast<const char*>(encoded) + "\r\n\r\n";
}

std::string server_frame(unsigned opcode, const std::string& payload) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  const std::size_t size = payload.size();
  if (size < 126) {
    frame += static_cast<char>(size);
  } else {
    const int length_bytes = size < 65536 ? 2 : 8;
    frame += static_cast<char>(length_bytes == 2 ? 126 : 127);
    for (int i = length_bytes - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i) & 0xFF);
  }
  return frame + payload;
}

}  // namespace upfeed::test
