// Client frames (RFC 6455 5.2, 5.3): header, mask key, masked payload, into a caller's buffer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/ws_parser.hpp"

namespace upfeed::net {

/// Four bytes from a cryptographic generator (random_bytes), fresh for every frame (RFC 6455 5.3).
using WsMask = std::array<std::uint8_t, 4>;

/// Largest header of a client frame: 2 + 8 of length + 4 of mask.
inline constexpr std::size_t kWsHeaderBytesMax = 14;

/// Size in bytes of the masked frame for a payload of that size.
[[nodiscard]] constexpr std::size_t ws_frame_bytes(std::size_t payload_bytes) noexcept {
  const std::size_t length_bytes = payload_bytes < 126 ? 0 : payload_bytes < 65536 ? 2 : 8;
  return 2 + length_bytes + 4 + payload_bytes;
}

/// Writes one unfragmented masked frame.
/// returns  bytes written; 0 if it does not fit `out`, or is a control frame beyond 125 bytes.
[[nodiscard]] std::size_t write_ws_frame(std::span<char> out, WsOpcode opcode,
                                         std::span<const char> payload, WsMask mask) noexcept;

/// Writes a close frame with a code; the reason is UTF-8 of at most 123 bytes. Returns as above.
[[nodiscard]] std::size_t write_ws_close(std::span<char> out, std::uint16_t code,
                                         std::string_view reason, WsMask mask) noexcept;

}  // namespace upfeed::net
