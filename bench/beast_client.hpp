#pragma once

// Boost.Beast's WebSocket over TLS as its examples have it: websocket::stream over ssl_stream over
// tcp_stream, with TCP_NODELAY and a reserved buffer. beast_client.cpp is the only file of this
// folder that includes it: it takes a minute and more than a gigabyte to compile.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace upfeed::bench {

class BeastClient {
 public:
  enum class Mode : std::uint8_t { blocking, asynchronous };
  /// The payload lives until it returns.
  using OnMessage = void (*)(void* context, std::span<const char> payload);

  /// Connects to the loopback, verifies the server, upgrades. throws what Beast throws.
  BeastClient(Mode mode, std::uint16_t port, const std::string& ca_file, OnMessage on_message,
              void* context);
  ~BeastClient();
  BeastClient(const BeastClient&) = delete;
  BeastClient& operator=(const BeastClient&) = delete;

  /// blocking: reads one message. asynchronous: runs what is ready (io_context::poll), maybe
  /// nothing.
  void step();

  /// Bytes that a JSON parser may read behind a payload.
  static constexpr std::size_t kPaddingBytes = 64;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::bench
