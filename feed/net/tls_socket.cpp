#include "net/tls_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <system_error>

#include "upfeed/assert.hpp"

namespace upfeed::net {
namespace {

// A burst of the whole market (855 books of 2.8 KB on a 100 ms grid is about 220 KB per tick) comes
// in one receive.
constexpr std::size_t kReceiveBytes = std::size_t{256} << 10;

// Largest request: every code in every stream, about 120 KB.
constexpr std::size_t kSendBytes = std::size_t{256} << 10;

constexpr std::size_t kRecordBytesMax = 16384;
// Header, explicit nonce, padding and tag of any cipher suite of TLS 1.2 and 1.3 (RFC 5246 6.2.3:
// at most 2048, in truth below 100).
constexpr std::size_t kRecordOverheadBytes = 128;
// Kept free for what OpenSSL says of its own accord: answers to KeyUpdate, alerts.
constexpr std::size_t kSendReserveBytes = 4096;

int clamp_to_int(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

std::int64_t kernel_stamp_ns(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      return std::int64_t{stamp.tv_sec} * 1'000'000'000 + stamp.tv_nsec;
    }
  }
  return 0;
}

bool is_address_literal(const std::string& host) {
  in6_addr ignored;
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

// The error queue belongs to the thread, and SSL_get_error believes it: what other code left there
// would turn a plain "no data yet" into a failure. Looking costs a tenth of clearing.
void drop_foreign_errors() {
  if (ERR_peek_error() != 0) [[unlikely]]
    ERR_clear_error();
}

}  // namespace

// OpenSSL's view of the two buffers. No system call in here: receive() and flush() make them.
struct TlsSocketBio {
  static int read(BIO* bio, char* out, int size) {
    auto& socket = *static_cast<TlsSocket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t available = socket.rx_end_ - socket.rx_begin_;
    if (available == 0) {
      if (socket.end_of_stream_) return 0;
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t count = std::min(available, static_cast<std::size_t>(size));
    std::memcpy(out, socket.rx_.get() + socket.rx_begin_, count);
    socket.rx_begin_ += count;
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* data, int size) {
    auto& socket = *static_cast<TlsSocket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t count = std::min(kSendBytes - socket.tx_end_, static_cast<std::size_t>(size));
    if (count == 0) {
      BIO_set_retry_write(bio);
      return -1;
    }
    std::memcpy(socket.tx_.get() + socket.tx_end_, data, count);
    socket.tx_end_ += count;
    return static_cast<int>(count);
  }

  static long control(BIO* bio, int command, long, void*) {
    const auto& socket = *static_cast<const TlsSocket*>(BIO_get_data(bio));
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return socket.end_of_stream_ ? 1 : 0;
      default:
        return 0;
    }
  }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "upfeed socket");
      if (m == nullptr) return m;
      BIO_meth_set_read(m, &TlsSocketBio::read);
      BIO_meth_set_write(m, &TlsSocketBio::write);
      BIO_meth_set_ctrl(m, &TlsSocketBio::control);
      return m;
    }();
    return made;
  }
};

void TlsSocket::SslFree::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

TlsSocket::TlsSocket(UniqueFd fd, TlsContext context)
    : fd_(std::move(fd)),
      rx_(std::make_unique_for_overwrite<char[]>(kReceiveBytes)),
      tx_(std::make_unique_for_overwrite<char[]>(kSendBytes)),
      context_(std::move(context)) {
  // On the thread of the dial: no burst is to meet a page that was never touched.
  std::memset(rx_.get(), 0, kReceiveBytes);
}

TlsSocket::~TlsSocket() {
  close_now(false);
}

std::unique_ptr<TlsSocket> TlsSocket::create(UniqueFd fd, TlsContext context,
                                             const std::string& host, NetError& error) {
  error = {};
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
    error.code = NetErrc::io_error;
    error.sys_errno = errno;
    return nullptr;
  }
  // Both are wishes: without them the connection is slower or has no kernel times, not wrong.
  const int on = 1;
  static_cast<void>(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));

  std::unique_ptr<TlsSocket> socket(new TlsSocket(std::move(fd), std::move(context)));
  if (!socket->set_up_session(host)) {
    error.code = NetErrc::out_of_resources;
    error.detail = "no TLS session for host " + host;
    ERR_clear_error();
    return nullptr;
  }
  return socket;
}

bool TlsSocket::set_up_session(const std::string& host) {
  ssl_.reset(SSL_new(context_.get()));
  SSL* ssl = ssl_.get();
  const BIO_METHOD* method = TlsSocketBio::method();
  if (ssl == nullptr || method == nullptr || host.empty()) return false;
  BIO* bio = BIO_new(method);
  if (bio == nullptr) return false;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_connect_state(ssl);
  // RFC 6066, section 3: an address is not permitted as server name.
  if (is_address_literal(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

bool TlsSocket::has_buffered() const noexcept {
  return rx_begin_ != rx_end_ || (ssl_ != nullptr && SSL_pending(ssl_.get()) > 0);
}

// One recvmsg into the empty rx. False: nothing came (yet, or ever: end_of_stream_, error_code_).
bool TlsSocket::receive() noexcept {
  UPFEED_ASSERT(rx_begin_ == rx_end_);
  iovec slice{rx_.get(), kReceiveBytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &slice;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
  if (count > 0) [[likely]] {
    rx_begin_ = 0;
    rx_end_ = static_cast<std::size_t>(count);
    rx_unix_ns_ = kernel_stamp_ns(message);
    rx_records_ = 0;
    ++receive_calls_;
    receive_bytes_ += rx_end_;
    return true;
  }
  if (count == 0) {
    end_of_stream_ = true;
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    static_cast<void>(fail(NetErrc::io_error, errno));
  }
  return false;
}

ReadResult TlsSocket::fail(NetErrc code, int sys_errno) noexcept {
  error_code_ = code;
  error_errno_ = sys_errno;
  return {.status = code == NetErrc::closed_by_peer ? ReadStatus::closed : ReadStatus::error};
}

ReadResult TlsSocket::read(std::span<char> out) noexcept {
  UPFEED_ASSERT(!out.empty());
  if (error_code_ != NetErrc::ok) [[unlikely]]
    return fail(error_code_, error_errno_);
  const bool continued = SSL_pending(ssl_.get()) > 0;
  bool may_receive = rx_begin_ == rx_end_ && !continued;
  // Empty hands: ask the kernel first. Spinning on SSL_read instead costs three times as much.
  if (may_receive) {
    may_receive = false;
    if (!receive() && !end_of_stream_) {
      if (error_code_ != NetErrc::ok) return fail(error_code_, error_errno_);
      // What cannot be sent will not be answered. Only said once nothing is left to deliver.
      if (send_failed_) return fail(NetErrc::io_error, send_errno_);
      return {};
    }
  } else {
    may_receive = !continued;
  }
  ReadResult result = read_record(out, continued);
  // rx held but the front of a record: the rest may be in the kernel already.
  if (result.status == ReadStatus::need_more && may_receive && receive()) {
    result = read_record(out, false);
  }
  if (wants_write()) [[unlikely]]
    flush();
  return result;
}

ReadResult TlsSocket::read_record(std::span<char> out, bool continued) noexcept {
  drop_foreign_errors();
  const int count = SSL_read(ssl_.get(), out.data(), clamp_to_int(out.size()));
  if (count > 0) [[likely]] {
    if (!continued) ++rx_records_;
    return {.status = ReadStatus::ready,
            .kernel_time_shared = rx_records_ > 1 || rx_begin_ != rx_end_,
            .bytes = static_cast<std::size_t>(count),
            .kernel_unix_ns = rx_unix_ns_};
  }
  const int ssl_error = SSL_get_error(ssl_.get(), count);
  switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
    // Only when the outgoing buffer is full of what the kernel does not take: the answer that
    // OpenSSL owes waits for room, and so does whatever is behind it.
    case SSL_ERROR_WANT_WRITE:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      return fail(NetErrc::closed_by_peer, 0);
    default:
      ERR_clear_error();
      return end_of_stream_ && rx_begin_ == rx_end_ ? fail(NetErrc::tls_truncated, 0)
                                                    : fail(NetErrc::tls_failed, 0);
  }
}

bool TlsSocket::write(std::span<const char> data) noexcept {
  if (error_code_ != NetErrc::ok || send_failed_ || data.empty()) return false;
  const std::size_t records = data.size() / kRecordBytesMax + 1;
  const std::size_t needed = data.size() + records * kRecordOverheadBytes + kSendReserveBytes;
  const std::size_t waiting = tx_end_ - tx_begin_;
  if (data.size() > kSendBytes || needed > kSendBytes - waiting) return false;
  if (needed > kSendBytes - tx_end_) {
    std::memmove(tx_.get(), tx_.get() + tx_begin_, waiting);
    tx_begin_ = 0;
    tx_end_ = waiting;
  }
  drop_foreign_errors();
  const int count = SSL_write(ssl_.get(), data.data(), clamp_to_int(data.size()));
  if (count != static_cast<int>(data.size())) {
    // With room for everything there is nothing to retry: the session is beyond use.
    ERR_clear_error();
    static_cast<void>(fail(NetErrc::tls_failed, 0));
    return false;
  }
  flush();
  return !send_failed_;
}

void TlsSocket::flush() noexcept {
  while (tx_begin_ != tx_end_ && !send_failed_) {
    const ssize_t count =
        ::send(fd_.get(), tx_.get() + tx_begin_, tx_end_ - tx_begin_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      tx_begin_ += static_cast<std::size_t>(count);
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return;
    } else {
      send_failed_ = true;
      send_errno_ = errno;
    }
  }
  tx_begin_ = tx_end_ = 0;
}

NetError TlsSocket::last_error(const char* during) const {
  NetError error;
  error.code = error_code_;
  error.sys_errno = error_errno_;
  error.detail = during;
  if (error_errno_ != 0) error.detail += ": " + std::generic_category().message(error_errno_);
  return error;
}

// After a step that OpenSSL could not finish: send what it left, and wait for what it wants.
NetError TlsSocket::wait_for_progress(int ssl_error, Limits limits, NetErrc on_timeout) {
  flush();
  if (send_failed_) static_cast<void>(fail(NetErrc::io_error, send_errno_));
  // Bytes left in rx: OpenSSL has an answer to send first.
  const bool wants_read = ssl_error == SSL_ERROR_WANT_READ && rx_begin_ == rx_end_;
  if (wants_read && error_code_ == NetErrc::ok && receive()) return {};
  if (error_code_ != NetErrc::ok) return last_error("receive or send");
  if (wants_read && end_of_stream_) return {};  // the next step of OpenSSL names it
  if (!wants_read && !wants_write()) return {};
  const short events =
      static_cast<short>((wants_read ? POLLIN : 0) | (wants_write() ? POLLOUT : 0));
  NetError error;
  switch (wait_for(fd_.get(), events, limits.deadline, limits.cancel)) {
    case WaitResult::ready:
      break;
    case WaitResult::timed_out:
      error.code = on_timeout;
      break;
    case WaitResult::cancelled:
      error.code = NetErrc::cancelled;
      break;
  }
  return error;
}

NetError TlsSocket::handshake(Limits limits) {
  ERR_clear_error();
  for (;;) {
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome == 1) {
      flush();
      return {};
    }
    const int ssl_error = SSL_get_error(ssl_.get(), outcome);
    if (ssl_error != SSL_ERROR_WANT_READ && ssl_error != SSL_ERROR_WANT_WRITE) {
      NetError error = classify_handshake_failure(ssl_.get());
      if (error.code == NetErrc::tls_failed && end_of_stream_) {
        error.code = NetErrc::closed_by_peer;
        error.detail = "connection closed during the TLS handshake";
      }
      flush();  // the alert that tells the server why
      error_code_ = error.code;
      return error;
    }
    NetError error = wait_for_progress(ssl_error, limits, NetErrc::tls_timeout);
    if (!error.ok()) return error;
  }
}

NetError TlsSocket::read_some(std::span<char> out, std::size_t& bytes, Limits limits,
                              NetErrc on_timeout) {
  for (;;) {
    const ReadResult result = read(out);
    bytes = result.bytes;
    if (result.status == ReadStatus::ready) return {};
    if (result.status != ReadStatus::need_more) return last_error("receive");
    NetError error = wait_for_progress(SSL_ERROR_WANT_READ, limits, on_timeout);
    if (!error.ok()) return error;
  }
}

NetError TlsSocket::write_all(std::span<const char> data, Limits limits, NetErrc on_timeout) {
  if (!write(data)) {
    if (error_code_ == NetErrc::ok && send_failed_) {
      static_cast<void>(fail(NetErrc::io_error, send_errno_));
    }
    if (error_code_ != NetErrc::ok) return last_error("send");
    NetError error;
    error.code = NetErrc::http_too_big;
    error.detail = "request larger than the outgoing buffer";
    return error;
  }
  while (wants_write()) {
    NetError error = wait_for_progress(SSL_ERROR_WANT_WRITE, limits, on_timeout);
    if (!error.ok()) return error;
  }
  return {};
}

void TlsSocket::close_now(bool notify) noexcept {
  if (!fd_.valid()) return;
  if (notify && error_code_ == NetErrc::ok && !send_failed_ && SSL_is_init_finished(ssl_.get())) {
    static_cast<void>(SSL_shutdown(ssl_.get()));
    flush();
  }
  static_cast<void>(::shutdown(fd_.get(), SHUT_WR));
  // A socket closed with unread bytes is reset by the kernel, and a reset destroys what the peer
  // has not read yet (our close frame). Bounded: a flooding peer gets its reset.
  for (int i = 0; i < 64; ++i) {
    if (::recv(fd_.get(), rx_.get(), kReceiveBytes, MSG_DONTWAIT) <= 0) break;
  }
  fd_.reset();
  rx_begin_ = rx_end_ = 0;
  tx_begin_ = tx_end_ = 0;
  if (error_code_ == NetErrc::ok) error_code_ = NetErrc::cancelled;
  ERR_clear_error();
}

std::int64_t TlsSocket::certificate_not_after_unix_s() const noexcept {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  std::tm broken_down{};
  if (certificate == nullptr ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &broken_down) != 1) {
    return 0;
  }
  return ::timegm(&broken_down);
}

const char* TlsSocket::tls_version() const noexcept {
  return SSL_get_version(ssl_.get());
}

}  // namespace upfeed::net
