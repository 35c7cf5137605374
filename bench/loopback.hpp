#pragma once

// A TLS WebSocket server on the loopback that does nothing by itself: whoever measures sends with
// it, so that what is timed is the receiving end alone.
//
//   accept()    beside the client's dial, on a thread of its own
//   seal()      frames to TLS records, before the clock runs
//   send()      what was sealed, in that order: when it returns, the kernel has queued the bytes
//
// On the loopback a sent ACK runs the whole way into the peer's socket before send() returns, and
// the kernel sends one within a receive that empties the socket: 2.5 us that no network has, the
// same for every client. delay_acks() keeps them out of what is timed.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "tls_test_server.hpp"

namespace upfeed::bench {

/// The server's end of one connection.
class Peer {
 public:
  /// Takes over the descriptor; handshake and upgrade. throws std::runtime_error.
  Peer(int fd, const test::ServerContext& context);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// A binary message of its own TLS record (up to 16 KiB with its header).
  [[nodiscard]] std::string seal(std::string_view payload);
  /// Several sealed ones in one string are one segment.
  void send(const std::string& sealed) { peer_.send_raw(sealed); }

  /// Has the client's kernel wait with its ACKs; undone by a pause of 40 ms, so again before every
  /// round. The client is in this process.
  void delay_acks() const;

 private:
  int fd_;
  int client_fd_;
  test::ServerPeer peer_;
};

class LoopbackServer {
 public:
  LoopbackServer();
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  static constexpr const char* kHost = "127.0.0.1";
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& ca_file() const { return certificates_.ca_file(); }

  /// Waits for a client.
  [[nodiscard]] std::unique_ptr<Peer> accept();

  /// What connect() makes, and the end of the server that it has connected to.
  template <class Connect>
  [[nodiscard]] auto join(Connect&& connect) {
    std::unique_ptr<Peer> peer;
    std::thread acceptor([&] { peer = accept(); });
    auto client = connect();
    acceptor.join();
    return std::pair(std::move(client), std::move(peer));
  }

 private:
  test::TestCertificates certificates_;
  test::ServerContext context_;
  std::uint16_t port_ = 0;
  int listener_;
};

}  // namespace upfeed::bench
