#include "sim/probe.hpp"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace upfeed::sim {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::seconds kHttpTimeout{10};

void require(bool ok, const char* step) {
  if (!ok) throw std::runtime_error(std::string("probe: ") + step);
}

}  // namespace

struct Probe::Impl {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* tls = nullptr;
  int socket = -1;
  bool is_closed = false;
  Ending ending = Ending::none;
  std::size_t bytes_received = 0;
  std::size_t record_bytes_max = 0;
  std::string host;
  std::string input;     // decrypted and not used up
  std::size_t used = 0;  // of input

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    SSL_free(tls);
    SSL_CTX_free(context);
    if (socket >= 0) ::close(socket);
  }

  void trust(const std::string& ca_pem) {
    BIO* const bio = BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()));
    X509* const ca = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    require(ca != nullptr, "CA");
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }

  void dial(std::uint16_t port) {
    // A peer that cut the connection must show as an error of the write, not as a signal.
    std::signal(SIGPIPE, SIG_IGN);
    socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
            "connect");
    tls = SSL_new(context);
    SSL_set_fd(tls, socket);
    SSL_set_tlsext_host_name(tls, host.c_str());
    require(SSL_set1_host(tls, host.c_str()) == 1, "host");
    require(SSL_connect(tls) == 1, "TLS handshake");
  }

  void write(std::string_view bytes) {
    require(SSL_write(tls, bytes.data(), static_cast<int>(bytes.size())) ==
                static_cast<int>(bytes.size()),
            "write");
  }

  /// Makes `size` unused bytes available; false on time-out or end.
  bool need(std::size_t size, Steady::time_point until) {
    while (input.size() - used < size) {
      if (is_closed) return false;
      if (SSL_pending(tls) == 0) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now());
        pollfd poll_me{socket, POLLIN, 0};
        if (::poll(&poll_me, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) <= 0) {
          return false;
        }
      }
      std::array<char, 32'768> chunk;
      ERR_clear_error();
      errno = 0;
      const int got = SSL_read(tls, chunk.data(), static_cast<int>(chunk.size()));
      if (got <= 0) {
        is_closed = true;
        ending = find_ending(SSL_get_error(tls, got));
        return false;
      }
      bytes_received += static_cast<std::size_t>(got);
      record_bytes_max = std::max(record_bytes_max, static_cast<std::size_t>(got));
      if (used == input.size()) {
        input.clear();
        used = 0;
      }
      input.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return true;
  }

  static Ending find_ending(int error) {
    if (error == SSL_ERROR_ZERO_RETURN) return Ending::close_notify;
    if (error == SSL_ERROR_SYSCALL) return errno == ECONNRESET ? Ending::reset : Ending::fin;
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
               ? Ending::fin
               : Ending::broken_tls;
  }

  std::string take(std::size_t size) {
    std::string bytes = input.substr(used, size);
    used += size;
    return bytes;
  }

  std::string read_head() {
    const auto until = Steady::now() + kHttpTimeout;
    std::size_t end = 0;
    while ((end = input.find("\r\n\r\n", used)) == std::string::npos) {
      require(need(input.size() - used + 1, until), "reply");
    }
    return take(end + 4 - used);
  }
};

Probe::Probe(std::uint16_t port, const std::string& ca_pem, const std::string& host)
    : impl_(std::make_unique<Impl>()) {
  impl_->host = host;
  impl_->trust(ca_pem);
  impl_->dial(port);
}

Probe::~Probe() = default;

std::string Probe::get(const std::string& target) {
  impl_->write("GET " + target + " HTTP/1.1\r\nHost: " + impl_->host + "\r\n\r\n");
  const std::string head = impl_->read_head();
  static constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t at = head.find(kLength);
  require(at != std::string::npos, "length");
  const std::size_t size = std::strtoul(head.c_str() + at + kLength.size(), nullptr, 10);
  require(impl_->need(size, Steady::now() + kHttpTimeout), "body");
  return head + impl_->take(size);
}

std::string Probe::upgrade(const std::string& target, const std::string& extra_headers) {
  impl_->write("GET " + target + " HTTP/1.1\r\nHost: " + impl_->host +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
               extra_headers + "\r\n");
  return impl_->read_head();
}

void Probe::send(std::string_view payload, std::uint8_t opcode) {
  static constexpr std::array<char, 4> kMask{'\x1f', '\x2e', '\x3d', '\x4c'};
  std::string frame;
  frame.push_back(static_cast<char>(0x80U | opcode));
  const std::size_t size = payload.size();
  if (size < 126) {
    frame.push_back(static_cast<char>(0x80U | size));
  } else {
    const int bytes = size < 65'536 ? 2 : 8;
    frame.push_back(static_cast<char>(0x80U | (bytes == 2 ? 126U : 127U)));
    for (int i = bytes - 1; i >= 0; --i) frame.push_back(static_cast<char>(size >> (8 * i)));
  }
  frame.append(kMask.data(), kMask.size());
  for (std::size_t i = 0; i < size; ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  }
  impl_->write(frame);
}

std::optional<ProbeFrame> Probe::read(std::chrono::milliseconds timeout) {
  const auto until = Steady::now() + timeout;
  ProbeFrame frame;
  frame.fragments = 0;
  for (bool is_last = false; !is_last;) {
    if (!impl_->need(2, until)) return std::nullopt;
    const auto byte = [&](std::size_t index) {
      return static_cast<std::uint8_t>(impl_->input[impl_->used + index]);
    };
    const std::uint8_t first = byte(0);
    const std::uint8_t length = byte(1);
    require((length & 0x80U) == 0, "a server must not mask");
    const std::size_t extra = length < 126 ? 0 : length == 126 ? 2 : 8;
    if (!impl_->need(2 + extra, until)) return std::nullopt;
    std::size_t size = extra == 0 ? length : 0;
    for (std::size_t i = 0; i < extra; ++i) size = size << 8 | byte(2 + i);
    if (!impl_->need(2 + extra + size, until)) return std::nullopt;
    impl_->used += 2 + extra;
    is_last = (first & 0x80U) != 0;
    if ((first & 0x0fU) != 0) frame.opcode = first & 0x0fU;
    frame.is_compressed = frame.is_compressed || (first & 0x40U) != 0;
    frame.payload += impl_->take(size);
    ++frame.fragments;
  }
  return frame;
}

bool Probe::is_closed() const {
  return impl_->is_closed;
}

Ending Probe::ending() const {
  return impl_->ending;
}

std::size_t Probe::bytes_received() const {
  return impl_->bytes_received;
}

std::size_t Probe::record_bytes_max() const {
  return impl_->record_bytes_max;
}

std::size_t Probe::segments_received() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  require(::getsockopt(impl_->socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0, "TCP_INFO");
  return info.tcpi_segs_in;
}

}  // namespace upfeed::sim
