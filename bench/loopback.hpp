#pragma once

// A TLS WebSocket server on the loopback that does nothing by itself: whoever measures sends with
// it, so that what is timed is the receiving end alone.
//
//   accept()    beside the client's dial, on a thread of its own
//   seal()      frames to TLS records, before the clock runs
//   send()      what was sealed, in that order: when it returns, the kernel has queued the bytes
//
// Segments are as short as those of an Ethernet, so that an order book is two of them, as it is on
// the way from the exchange.
//
// On the loopback an ACK runs the whole way into the peer's socket before the call that sends it
// returns: 2.5 us that no network has. Whether the kernel sends it when a frame arrives or when
// somebody reads it hangs on the state of the receive window, so it would be in the figures of one
// client and not in another's. acks_on_arrival() keeps it out of what is timed, the same for all.

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
  /// Several sealed ones in one string are sent at once.
  void send(const std::string& sealed) { peer_.send_raw(sealed); }

  /// Has the client's kernel wait with its ACKs (TCP_QUICKACK 0); undone by a pause of 40 ms. The
  /// client is in this process.
  void put_off_acks() const;
  /// Has the client's kernel send its ACKs, late as they are, when frames arrive (within send())
  /// and not when they are read: no quick ACKs, and a window that does not close by what is unread.
  /// Again before every round.
  void acks_on_arrival() const;

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
