#include "net/ws_frame_writer.hpp"

#include <cstring>

namespace upfeed::net {
namespace {

constexpr std::size_t kControlBytesMax = 125;

bool is_control(WsOpcode opcode) {
  return (static_cast<unsigned>(opcode) & 0x8) != 0;
}

std::size_t write_header(char* out, WsOpcode opcode, std::size_t payload_bytes, WsMask mask) {
  std::size_t at = 0;
  const auto put = [&](std::size_t byte) { out[at++] = static_cast<char>(byte & 0xFF); };
  put(0x80u | static_cast<unsigned>(opcode));
  if (payload_bytes < 126) {
    put(0x80u | payload_bytes);
  } else {
    const int length_bytes = payload_bytes < 65536 ? 2 : 8;
    put(0x80u | (length_bytes == 2 ? 126u : 127u));
    for (int i = length_bytes - 1; i >= 0; --i) put(std::uint64_t{payload_bytes} >> (8 * i));
  }
  for (const std::uint8_t byte : mask) put(byte);
  return at;
}

void mask_into(char* out, std::span<const char> payload, WsMask mask) {
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out[i] = static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ mask[i % 4]);
  }
}

}  // namespace

std::size_t write_ws_frame(std::span<char> out, WsOpcode opcode, std::span<const char> payload,
                           WsMask mask) noexcept {
  if (out.size() < payload.size() || out.size() < ws_frame_bytes(payload.size())) return 0;
  if (is_control(opcode) && payload.size() > kControlBytesMax) return 0;
  const std::size_t header_bytes = write_header(out.data(), opcode, payload.size(), mask);
  mask_into(out.data() + header_bytes, payload, mask);
  return header_bytes + payload.size();
}

std::size_t write_ws_close(std::span<char> out, std::uint16_t code, std::string_view reason,
                           WsMask mask) noexcept {
  if (reason.size() > kControlBytesMax - 2) return 0;
  std::array<char, kControlBytesMax> payload;
  payload[0] = static_cast<char>(code >> 8);
  payload[1] = static_cast<char>(code & 0xFF);
  if (!reason.empty()) std::memcpy(payload.data() + 2, reason.data(), reason.size());
  return write_ws_frame(out, WsOpcode::close, {payload.data(), 2 + reason.size()}, mask);
}

}  // namespace upfeed::net
