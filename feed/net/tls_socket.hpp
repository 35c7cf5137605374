// A TCP socket and a TLS session over it, ours from the first byte to the last.
//
//   kernel --recvmsg--> rx: ciphertext --own BIO--> OpenSSL --SSL_read--> caller's buffer
//                       [consumed | begin .. end)   one record at a time
//   kernel <---send---- tx: ciphertext <--own BIO-- OpenSSL <--SSL_write-- caller
//
// Bytes wait in three places: in the kernel, in `rx`, and inside OpenSSL (the rest of a record
// that did not fit the caller's buffer). Only the first shows in poll(). Hence the rule of read():
// it calls recvmsg only when the other two are empty, so
//     result need_more  =>  rx is empty and SSL_pending is 0  =>  poll(fd) tells the truth
// (level-triggered; with POLLOUT while wants_write(), since then OpenSSL may owe an answer first).
// That makes a hand-over between threads trivial: whatever came with the handshake or behind the
// HTTP reply is in here and comes out of the next read().
//
// The BIO itself makes no system call: receives happen in one place, with the kernel's time stamp;
// sends happen in flush(), one for all records that one step produced (an answer to a KeyUpdate
// included).
//
// Deliberately not here: WebSocket, HTTP, reconnecting, waiting on the hot path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/net_error.hpp"
#include "net/tls_context.hpp"
#include "net/unique_fd.hpp"
#include "net/wait.hpp"

struct ssl_st;
struct bio_st;

namespace upfeed::net {

enum class ReadStatus : std::uint8_t {
  ready,      ///< bytes > 0 of plaintext.
  need_more,  ///< Nothing to deliver until the socket becomes readable.
  closed,     ///< close_notify: the peer ended the stream, nothing is missing. Final.
  error,      ///< See error_code(). Final.
};

struct ReadResult {
  ReadStatus status = ReadStatus::need_more;
  /// The stamp also covers other records: it is that of the last segment the kernel joined, thus
  /// an upper bound of this record's arrival. Several frames in one record share it as well, which
  /// only the caller can see.
  bool kernel_time_shared = false;
  std::size_t bytes = 0;
  /// Wall clock of the kernel's receive, ns since 1970 UTC; 0: the kernel gave none.
  std::int64_t kernel_unix_ns = 0;
};

/// Not thread-safe; may be handed from one thread to another. Never raises SIGPIPE.
class TlsSocket {
 public:
  /// Takes over a connected TCP socket, makes it non-blocking, asks for time stamps and no delay.
  /// host     what the certificate must be for; a name is also sent as SNI, an address is not.
  /// errors   null and `error` filled: out_of_resources, io_error, bad_request.
  [[nodiscard]] static std::unique_ptr<TlsSocket> create(UniqueFd fd, TlsContext context,
                                                         const std::string& host, NetError& error);
  ~TlsSocket();
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;

  // Hot path. Never blocks, never allocates outside OpenSSL.

  /// Delivers at most one TLS record into `out` (not empty). At most one recvmsg per call, none
  /// while something received earlier can still be delivered.
  [[nodiscard]] ReadResult read(std::span<char> out) noexcept;

  /// Sends all of `data`, or keeps what the kernel does not take; false: nothing was taken, because
  /// the outgoing buffer has no room or the connection is broken (then read() says so).
  [[nodiscard]] bool write(std::span<const char> data) noexcept;

  /// Passes kept bytes to the kernel. Call when wants_write() and the socket is writable.
  void flush() noexcept;
  [[nodiscard]] bool wants_write() const noexcept { return tx_begin_ != tx_end_; }

  /// True: read() has something to chew on without the socket becoming readable.
  [[nodiscard]] bool has_buffered() const noexcept;

  /// For poll(). The socket stays owned by this object. -1 after close_now().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// Why read() said error (or closed: closed_by_peer); ok while the connection lives.
  [[nodiscard]] NetErrc error_code() const noexcept { return error_code_; }
  [[nodiscard]] int error_errno() const noexcept { return error_errno_; }

  /// recvmsg calls that brought bytes, and the ciphertext bytes they brought.
  [[nodiscard]] std::uint64_t receive_calls() const noexcept { return receive_calls_; }
  [[nodiscard]] std::uint64_t receive_bytes() const noexcept { return receive_bytes_; }

  // Cold path. Blocking steps, each within its limits; read_some and write_all are what an HTTP
  // exchange before the hand-over needs.

  [[nodiscard]] NetError handshake(Limits limits);
  /// bytes > 0 on ok. closed_by_peer after close_notify, tls_truncated after a bare FIN;
  /// `on_timeout` names the deadline's cause.
  [[nodiscard]] NetError read_some(std::span<char> out, std::size_t& bytes, Limits limits,
                                   NetErrc on_timeout);
  [[nodiscard]] NetError write_all(std::span<const char> data, Limits limits, NetErrc on_timeout);

  /// Ends the connection without waiting for anybody. `notify`: close_notify is offered to the
  /// kernel first. What lies unread is drained (bounded) so that the kernel sends FIN, not RST.
  void close_now(bool notify) noexcept;

  /// End of the server certificate's validity, seconds since 1970 UTC; 0 before the handshake.
  [[nodiscard]] std::int64_t certificate_not_after_unix_s() const noexcept;
  /// "TLSv1.3" and the like.
  [[nodiscard]] const char* tls_version() const noexcept;

 private:
  struct SslFree {
    void operator()(ssl_st* ssl) const noexcept;
  };
  friend struct TlsSocketBio;  // the callbacks of the BIO

  TlsSocket(UniqueFd fd, TlsContext context);
  bool set_up_session(const std::string& host);
  bool receive() noexcept;
  ReadResult read_record(std::span<char> out, bool continued) noexcept;
  ReadResult fail(NetErrc code, int sys_errno) noexcept;
  NetError wait_for_progress(int ssl_error, Limits limits, NetErrc on_timeout);
  NetError last_error(const char* during) const;

  UniqueFd fd_;
  NetErrc error_code_ = NetErrc::ok;
  bool end_of_stream_ = false;
  bool send_failed_ = false;
  int error_errno_ = 0;
  int send_errno_ = 0;

  std::unique_ptr<char[]> rx_;  // ciphertext not yet given to OpenSSL: [rx_begin_, rx_end_)
  std::size_t rx_begin_ = 0;
  std::size_t rx_end_ = 0;
  std::int64_t rx_unix_ns_ = 0;
  std::uint64_t rx_records_ = 0;  // application records delivered out of the last receive

  std::unique_ptr<char[]> tx_;  // ciphertext the kernel has not taken: [tx_begin_, tx_end_)
  std::size_t tx_begin_ = 0;
  std::size_t tx_end_ = 0;

  std::uint64_t receive_calls_ = 0;
  std::uint64_t receive_bytes_ = 0;

  TlsContext context_;
  std::unique_ptr<ssl_st, SslFree> ssl_;  // last member: its BIO points at the buffers above
};

}  // namespace upfeed::net
