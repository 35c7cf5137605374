#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Bytes for the wire that no well-behaved server writes, and how written bytes are cut up. No I/O:
/// the pipe performs what is described here, below the WebSocket library.
namespace upfeed::sim {

/// One thing the pipe does after everything written before.
struct PipeStep {
  enum class Kind : std::uint8_t {
    data,   ///< `bytes` through TLS
    raw,    ///< `bytes` past TLS, between two records
    pause,  ///< nothing for `pause`
    fin,    ///< end our half of the TCP connection, without TLS close_notify; later bytes are lost
    reset,  ///< TCP RST
  };
  Kind kind = Kind::data;
  std::string bytes{};
  std::chrono::milliseconds pause{0};
};
using ByteScript = std::vector<PipeStep>;

/// How bytes leave; 0 everywhere: as they come.
struct PipeShape {
  std::size_t segment_bytes = 0;       ///< at most so many in one TCP write
  std::size_t record_bytes = 0;        ///< at most so many in one TLS record
  std::chrono::milliseconds delay{0};  ///< everything is late by this
  std::chrono::milliseconds batch{0};  ///< collected for so long, then written at once
};

/// Head of a server's frame; `first_byte` is FIN, RSV and opcode, the length takes its shortest
/// form.
[[nodiscard]] std::string frame_head(std::uint8_t first_byte, std::uint64_t size);

/// First bytes of frames.
inline constexpr std::uint8_t kFinalText = 0x81;
inline constexpr std::uint8_t kFinalBinary = 0x82;
inline constexpr std::uint8_t kFinalPing = 0x89;
inline constexpr std::uint8_t kFinalPong = 0x8a;
inline constexpr std::uint8_t kFinalClose = 0x88;

/// One binary message in fragments of `fragment_bytes`.
[[nodiscard]] std::string fragmented(std::string_view payload, std::size_t fragment_bytes);

/// A frame with a reserved opcode and a few bytes of noise.
[[nodiscard]] ByteScript garbage_frame();
/// Bytes that are no TLS record.
[[nodiscard]] ByteScript garbage_record();
/// One binary message of `size` bytes, blanks.
[[nodiscard]] ByteScript oversize_frame(std::size_t size);
/// A binary frame that claims `claimed` bytes and brings 16.
[[nodiscard]] ByteScript lying_length(std::uint64_t claimed);
/// A binary message of 1,000 bytes, one every `pause`.
[[nodiscard]] ByteScript slow_message(std::chrono::milliseconds pause);
/// The start of a message and `count` empty fragments, without an end.
[[nodiscard]] ByteScript empty_fragments(std::size_t count);
/// `count` pings with four bytes each.
[[nodiscard]] ByteScript ping_flood(std::size_t count);
/// Half of a binary message of 1,000 bytes, then FIN.
[[nodiscard]] ByteScript fin_mid_frame();

}  // namespace upfeed::sim
