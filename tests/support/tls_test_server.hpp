// A scripted TLS server on loopback. Each accepted connection runs the script in a thread of its
// own; the script decides every byte, down to which records travel in one segment:
//
//   put("a"); put("b");   two TLS records, still in memory
//   flush();              one send() with both
//
// It is built on OpenSSL with memory BIOs and knows nothing of the code under test.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tls_test_certificates.hpp"

struct ssl_st;

namespace upfeed::test {

/// The server's end of one connection, as seen by a script. Used by the script's thread only.
class ServerPeer {
 public:
  ServerPeer(int fd, ssl_ctx_st* context);
  ~ServerPeer();
  ServerPeer(const ServerPeer&) = delete;
  ServerPeer& operator=(const ServerPeer&) = delete;

  /// False: the client refused, or went away.
  bool handshake();
  /// Plaintext until the empty line of an HTTP request; empty: the connection ended before.
  std::string read_request();
  /// Plaintext that arrives within the time, at least one byte unless the time is over.
  std::string read_for(std::chrono::milliseconds time_max);
  /// True: the client has closed the connection within the time.
  bool wait_closed(std::chrono::milliseconds time_max);

  void put(const std::string& plaintext);  ///< One record (up to 16 KiB), into memory.
  void flush();                            ///< Everything in memory, in one send().
  void flush_bytewise();                   ///< Everything in memory, one segment per byte.
  std::string take();                      ///< Everything in memory, not sent.
  void send_raw(const std::string& bytes);

  void key_update();    ///< TLS 1.3: new key, and asks for the client's; into memory.
  void new_ticket();    ///< TLS 1.3: one more session ticket; into memory.
  void close_notify();  ///< Into memory.
  void end_stream();    ///< FIN, without close_notify.
  void reset();         ///< RST.

  std::string server_name() const;  ///< SNI of the client; empty: none.
  std::size_t application_bytes() const { return application_bytes_; }

 private:
  bool receive(std::chrono::milliseconds time_max);

  int fd_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  std::size_t application_bytes_ = 0;
  bool ended_ = false;
};

class TlsTestServer {
 public:
  using Script = std::function<void(ServerPeer&)>;

  TlsTestServer(ServerContext context, Script script);
  /// Cuts all connections and waits for their scripts.
  ~TlsTestServer();
  TlsTestServer(const TlsTestServer&) = delete;
  TlsTestServer& operator=(const TlsTestServer&) = delete;

  std::uint16_t port() const { return port_; }
  int connection_count() const { return connection_count_; }

 private:
  void accept_loop();

  ServerContext context_;
  Script script_;
  std::uint16_t port_ = 0;
  int listener_;  // sets port_
  std::atomic<int> connection_count_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<int> open_fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// A loopback port that never answers a SYN: its listener's queue is full.
class DeadPort {
 public:
  DeadPort();
  ~DeadPort();
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  std::vector<int> fds_;
  std::uint16_t port_ = 0;
};

/// A loopback port that nobody listens on.
std::uint16_t closed_port();

/// The value of a header in an HTTP head, empty if absent. Case of the name does not matter.
std::string header_of(const std::string& head, const std::string& name);
/// 101 reply to that request with the right Sec-WebSocket-Accept.
std::string upgrade_reply(const std::string& request);
/// An unmasked, final server frame.
std::string server_frame(unsigned opcode, const std::string& payload);

}  // namespace upfeed::test
