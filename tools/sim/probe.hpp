#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// A small blocking client (OpenSSL, own framing) for the simulator's own tests and measurements.
/// It shares no code with the library or with Beast, and is no example of a good client.
namespace upfeed::sim {

/// One WebSocket message or control frame.
struct ProbeFrame {
  std::uint8_t opcode = 0;  ///< 1 text, 2 binary, 8 close, 9 ping, 10 pong
  bool is_compressed = false;
  std::string payload;
  std::size_t fragments = 1;
};

/// How the peer ended the connection.
enum class Ending : std::uint8_t { none, close_notify, fin, reset, broken_tls };

class Probe {
 public:
  /// Connects to 127.0.0.1:`port` and checks the certificate for `host` against `ca_pem`.
  /// errors   throws std::runtime_error.
  Probe(std::uint16_t port, const std::string& ca_pem, const std::string& host = "localhost");
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// GET over this connection; the head and body of the reply as text.
  [[nodiscard]] std::string get(const std::string& target);
  /// Upgrades on `target`; the head of the reply. `extra_headers` end with \r\n each.
  std::string upgrade(const std::string& target = "/websocket/v1",
                      const std::string& extra_headers = "");
  /// Sends one masked frame, a text by default.
  void send(std::string_view payload, std::uint8_t opcode = 1);
  /// The next frame; empty when the peer ended the connection (see is_closed) or time is up.
  [[nodiscard]] std::optional<ProbeFrame> read(std::chrono::milliseconds timeout);
  /// The peer ended the TCP connection.
  [[nodiscard]] bool is_closed() const;
  [[nodiscard]] Ending ending() const;
  /// Decrypted bytes so far, the largest TLS record among them, and TCP segments with data.
  [[nodiscard]] std::size_t bytes_received() const;
  [[nodiscard]] std::size_t record_bytes_max() const;
  [[nodiscard]] std::size_t segments_received() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::sim
