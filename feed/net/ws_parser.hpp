// RFC 6455 frames out of a byte stream: client side, no I/O, no clock, no allocation after the
// constructor.
//
//   buffer   [ parsed | begin_ .. unfinished frame .. end_ | room >= kReadRoomBytes | 64 readable ]
//                                                          ^ prepare() points here
//   assembly [ fragment 1 | fragment 2 | ...               | 64 readable ]   fragmented only
//
// Invariants
//   begin_ <= end_ <= capacity, and after next() said need_more: capacity - end_ >= kReadRoomBytes.
//   A frame is moved at most once, and only if it was unfinished when the room ran out; a whole
//   frame is handed out where it was received.
//   The bytes behind a payload are readable but arbitrary: a decoder may load them, never believe
//   them.
//
// Deliberately not here: extensions (none is ever offered, so any RSV bit is a violation), UTF-8 of
// binary messages (the decoder's), answering pings, time limits (see mid_message()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace upfeed::net {

/// Every payload is followed by this many readable bytes of arbitrary content.
inline constexpr std::size_t kPayloadPaddingBytes = 64;

enum class WsOpcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

/// What the server did wrong; the comment names the section of RFC 6455.
enum class WsViolation : std::uint8_t {
  none,
  rsv_set,                     ///< 5.2: no extension was negotiated.
  reserved_opcode,             ///< 5.2: 0x3..0x7, 0xB..0xF.
  masked_server_frame,         ///< 5.1.
  control_too_long,            ///< 5.5: more than 125 bytes.
  control_fragmented,          ///< 5.5.
  continuation_without_start,  ///< 5.4.
  data_inside_fragmented,      ///< 5.4: a new message before the last fragment.
  length_not_minimal,          ///< 5.2.
  length_high_bit,             ///< 5.2: 64-bit length with the highest bit set.
  message_too_big,             ///< Beyond our limit; told from the header, nothing is stored.
  too_many_fragments,          ///< Beyond our limit.
  bad_utf8_text,               ///< 8.1.
  close_payload_one_byte,      ///< 5.5.1.
  bad_close_code,              ///< 7.4.
  bad_utf8_close_reason,       ///< 8.1.
};

/// Stable lower-case name, e.g. "rsv_set". Never null.
[[nodiscard]] const char* to_string(WsViolation violation) noexcept;

/// The code for our close frame: 1002 protocol error, 1007 bad text, 1009 too big.
[[nodiscard]] std::uint16_t close_code_for(WsViolation violation) noexcept;

enum class ParseStatus : std::uint8_t { ready, need_more, broken };

/// close_code of a close frame without a code (RFC 6455 7.1.5).
inline constexpr std::uint16_t kCloseNoCode = 1005;

struct WsMessage {
  WsOpcode opcode = WsOpcode::binary;  ///< Never continuation.
  std::uint16_t close_code = 0;        ///< For close; kCloseNoCode if the frame names none.
  std::span<const char> payload;       ///< For close: the reason.
};

struct WsLimits {
  std::size_t message_bytes_max = std::size_t{1} << 20;
  std::uint32_t fragments_max = 1024;  ///< Frames per message, empty ones included.
};

/// Feed it like this (payloads stay valid until the next call of next()):
///     auto room = parser.prepare();  n = read into room;  parser.commit(n);
///     while (parser.next(message) == ParseStatus::ready) use(message);
/// Not thread-safe.
class WsParser {
 public:
  /// prepare() offers at least this much once next() has said need_more: four TLS records.
  static constexpr std::size_t kReadRoomBytes = std::size_t{64} << 10;

  /// Allocates and touches all memory it will ever use: about twice message_bytes_max.
  /// throws  std::bad_alloc.
  explicit WsParser(WsLimits limits = {});

  /// Forgets everything but the memory: ready for the next connection. data_message_count() starts
  /// anew.
  void reset() noexcept;

  /// Where to put the next bytes of the stream. Call it after next() said need_more, or at first.
  [[nodiscard]] std::span<char> prepare() noexcept;
  /// `size_bytes` of the span from prepare() have been filled; at most its size.
  void commit(std::size_t size_bytes) noexcept;

  /// ready: `out` is filled; need_more: nothing whole is left; broken: see violation(), for good.
  /// After a close frame was handed out: need_more, whatever arrives is discarded.
  [[nodiscard]] ParseStatus next(WsMessage& out) noexcept;

  [[nodiscard]] WsViolation violation() const noexcept { return violation_; }
  [[nodiscard]] bool close_received() const noexcept { return closed_; }

  /// A message has begun and not ended: fragments are open, or part of a frame lies here. The
  /// session bounds how long that may last; while data_message_count() stands still it is the same
  /// message (control frames between fragments do not count, so they cannot prolong it).
  [[nodiscard]] bool mid_message() const noexcept { return fragment_count_ != 0 || begin_ != end_; }
  /// Text and binary messages handed out so far.
  [[nodiscard]] std::uint64_t data_message_count() const noexcept { return data_message_count_; }

 private:
  struct Frame;

  WsViolation check_first_bytes(const Frame& frame) const noexcept;
  bool read_length(Frame& frame) const noexcept;
  WsViolation check_length(const Frame& frame) const noexcept;
  ParseStatus finish_control(const Frame& frame, WsMessage& out) noexcept;
  ParseStatus finish_data(const Frame& frame, WsMessage& out, bool& delivered) noexcept;
  ParseStatus break_with(WsViolation violation) noexcept;
  ParseStatus wait_for_more() noexcept;

  WsLimits limits_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::unique_ptr<char[]> assembly_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t assembly_size_ = 0;
  std::uint32_t fragment_count_ = 0;  // 0: no fragmented message is open
  WsOpcode fragment_opcode_ = WsOpcode::binary;
  WsViolation violation_ = WsViolation::none;
  bool closed_ = false;
  std::uint64_t data_message_count_ = 0;
};

}  // namespace upfeed::net
