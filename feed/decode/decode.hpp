#pragma once

// One WebSocket message -> one event in the ring slot. A fast decoder (fast/) guesses that the
// frame is written as usual; what it declines, and every other frame, the reference decoder reads,
// on simdjson's On-Demand parser. Both agree on every input, and only the reference refuses.
//
//   payload  {"type":"trade","code":"KRW-BTC",...}        | kDecodePadding bytes, never believed
//   the reference:
//      1st walk: up to the key `type` or `ty` -> kind, names to look for
//      2nd walk: every key and value          -> members of the event in the slot
//
// Invariant: an accepted frame was walked to its last byte, so it is one whole JSON document, and
// each member holds exactly the number or text that was written (no rounding, no clamping).
// Deliberately not here: checks of the book's content (Book::apply), sequence or loss accounting,
// clocks.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "upfeed/config.hpp"
#include "upfeed/events.hpp"

namespace upfeed {

/// Readable bytes a payload must have behind its end.
inline constexpr std::size_t kDecodePadding = 64;
/// Deepest nesting of arrays and objects in a frame; the frame's own object is 1, the bracket of
/// the list formats is not counted.
inline constexpr int kDecodeDepthMax = 16;

/// Why a frame was refused; also the index of a counter.
enum class DecodeErrc : std::uint8_t {
  ok,
  bad_json,          ///< not JSON, or cut short
  bad_utf8,          ///< invalid UTF-8, or an escaped half of a surrogate pair
  too_deep,          ///< nested beyond kDecodeDepthMax
  trailing_bytes,    ///< something behind the first document
  not_an_object,     ///< the document, or the element of its list, is no object
  list_not_single,   ///< a list of none or several
  missing_type,      ///< an object of none of the known shapes
  unknown_type,      ///< a stream, candle unit, status or method this decoder does not know
  missing_field,     ///< a key without which the event means nothing
  duplicate_key,     ///< a known key twice
  wrong_value_type,  ///< e.g. text where a number is due
  unexpected_null,
  bad_number,      ///< not in JSON's grammar; negative or fractional where that has no meaning
  number_range,    ///< exact, but the member cannot hold it
  bad_code,        ///< not a market code
  unknown_market,  ///< not in the table, or the table is full
  bad_text,        ///< unknown side, change or stream type, or text longer than its member
  depth_exceeded,  ///< more than kBookDepthMax units
  too_big          ///< longer than the decoder was made for
};
inline constexpr std::size_t kDecodeErrcCount = 20;
/// The enumerator's own name.
[[nodiscard]] std::string_view to_string(DecodeErrc errc) noexcept;

/// What a frame turned out to be.
enum class FrameClass : std::uint8_t {
  event,          ///< market data
  status_up,      ///< {"status":"UP"}, the answer to the text PING
  error,          ///< {"error":{...}}; the server closes the connection next
  subscriptions,  ///< the reply to LIST_SUBSCRIPTIONS
  unknown         ///< refused before it was known
};

/// What the receive path knows about a frame.
struct FrameMeta {
  std::uint32_t connection = 0;
  std::uint32_t epoch = 0;
  std::uint64_t frame_sequence = 0;
  MonoTime received_mono{};
  KernelTime kernel_time{};
  std::uint16_t flags = 0;  ///< EventFlags; the decoder adds kWideSizes
};

/// Text of an error frame; empty where the frame had none. The views are valid until the next
/// decode().
struct ServerError {
  std::string_view name;  ///< e.g. "NO_TICKET"; the digits where the exchange wrote a number
  std::string_view message;
};

struct Decoded {
  DecodeErrc errc = DecodeErrc::bad_json;
  FrameClass frame_class = FrameClass::unknown;
  /// kind was read. Set on refused frames too, as is market, so that a loss can be charged.
  bool has_kind = false;
  EventKind kind = EventKind::status;
  bool fast = false;  ///< a fast decoder accepted it; the reference was not asked
  MarketId market;
  std::uint32_t size_bytes = 0;         ///< of the record in the slot; 0 when there is none
  ServerError error;                    ///< when frame_class is error
  std::string_view subscriptions_json;  ///< the whole document, within the payload

  [[nodiscard]] bool ok() const { return errc == DecodeErrc::ok; }
  [[nodiscard]] bool is_event() const { return ok() && frame_class == FrameClass::event; }
};

/// What happens to a frame of a market that is not in the table.
enum class UnknownMarkets : std::uint8_t {
  refuse,  ///< unknown_market
  intern   ///< added to the table, which takes its mutex: for replay and tools
};

/// Whether fast decoders know frames of this kind; all others are the reference's.
[[nodiscard]] constexpr bool has_fast_path(EventKind kind) {
  return kind == EventKind::ticker || kind == EventKind::trade || kind == EventKind::orderbook ||
         kind == EventKind::candle;
}
/// Whether this processor can run it.
[[nodiscard]] bool decode_kernel_supported(DecodeKernel kernel) noexcept;

class Decoder {
 public:
  /// Allocates all it will ever need (about seven times frame_bytes_max).
  /// markets          must outlive the decoder.
  /// frame_bytes_max  longest payload accepted, 64 to 1 GiB; std::invalid_argument outside.
  /// kernel           std::invalid_argument for one that is not supported here.
  /// errors           std::bad_alloc.
  explicit Decoder(MarketTable& markets, UnknownMarkets policy = UnknownMarkets::refuse,
                   std::size_t frame_bytes_max = std::size_t{1} << 20,
                   DecodeKernel kernel = DecodeKernel::automatic);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  /// Turns one message into an event, or tells what else it is or why it is refused.
  /// payload  one whole message, UTF-8 JSON in any of the four formats, any key order;
  ///          kDecodePadding readable bytes follow it, their content is never believed.
  /// meta     copied into the event's header.
  /// slot     event_room_bytes(payload.size()) bytes or more, aligned to 8; holds an event only
  ///          when is_event().
  /// errors   DecodeErrc. Never throws or allocates (UnknownMarkets::intern may wait for a mutex).
  /// threads  one thread at a time.
  /// source   docs.upbit.com/kr/reference/websocket-guide and the page of each stream (2026-11).
  [[nodiscard]] Decoded decode(std::span<const char> payload, const FrameMeta& meta,
                               std::span<std::byte> slot) noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed
