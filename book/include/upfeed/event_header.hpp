#pragma once

// What all events share: their kinds, the header in front of every record, short texts in place.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "upfeed/market.hpp"
#include "upfeed/time.hpp"

namespace upfeed {

/// Kinds that arrive as frames come first, in the order of the numbers that the event hash uses.
// clang-format off
enum class EventKind : std::uint8_t {
  ticker, trade, orderbook, candle,                               // public connections
  my_order, my_asset, announcement, indicator, indicator_signal,  // private and info connections
  status, loss, gap                                               // made here
};
// clang-format on
inline constexpr std::size_t kEventKindCount = 12;
/// The kinds that can be subscribed: the first values of EventKind.
inline constexpr std::size_t kStreamCount = 9;
/// Of those the ones that every market has, on public connections: the first ones again.
inline constexpr std::size_t kMarketStreamCount = 4;
[[nodiscard]] constexpr bool is_market_stream(EventKind kind) noexcept {
  return static_cast<std::size_t>(kind) < kMarketStreamCount;
}
[[nodiscard]] constexpr bool is_stream(EventKind kind) noexcept {
  return static_cast<std::size_t>(kind) < kStreamCount;
}

/// SNAPSHOT or REALTIME as the frame says; absent where it says nothing.
enum class StreamType : std::uint8_t { absent, snapshot, realtime };
/// The side of the order that took liquidity: bid means a buyer took.
enum class Side : std::uint8_t { absent, ask, bid };
/// Against the previous closing price.
enum class Change : std::uint8_t { absent, rise, even, fall };
enum class CandleUnit : std::uint8_t { s1, m1, m3, m5, m10, m15, m30, m60, m240 };
inline constexpr std::size_t kCandleUnitCount = 9;

/// Names: of what the wire names, as on the wire ("1s", "240m", "SNAPSHOT", "ASK", "RISE", and
/// empty for absent), of the rest the enumerator's own. Empty for a value outside the enumeration.
[[nodiscard]] std::string_view to_string(CandleUnit unit) noexcept;
[[nodiscard]] std::string_view to_string(EventKind kind) noexcept;
[[nodiscard]] std::string_view to_string(StreamType type) noexcept;
[[nodiscard]] std::string_view to_string(Side side) noexcept;
[[nodiscard]] std::string_view to_string(Change change) noexcept;

/// Short text stored in place (dates, times, states). Longer text does not fit: the decoder refuses
/// the frame rather than cut it.
template <std::size_t kCapacity>
class InlineText {
 public:
  [[nodiscard]] static constexpr std::size_t capacity() { return kCapacity; }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// false, and unchanged, when text is longer than the capacity.
  bool assign(std::string_view text) noexcept {
    if (text.size() > kCapacity) return false;
    text_ = {};
    std::memcpy(text_.data(), text.data(), text.size());
    size_ = static_cast<std::uint8_t>(text.size());
    return true;
  }
  friend bool operator==(const InlineText&, const InlineText&) = default;

 private:
  static_assert(kCapacity < 256);
  std::array<char, kCapacity> text_{};
  std::uint8_t size_ = 0;
};

/// Bits of EventHeader::flags.
enum EventFlags : std::uint16_t {
  /// Several frames came with one segment: kernel_time is that of the last one, an upper bound.
  kKernelTimeShared = 1U << 0,
  /// An order book whose wide sizes follow its units.
  kWideSizes = 1U << 1,
  /// The order book of this event failed its integrity check; see Book::fault().
  kBookFault = 1U << 2,
  /// Not from the exchange just now but from memory, for a subscriber that came late.
  kFromMemory = 1U << 3,
  /// A trade that an outage hid, fetched afterwards by REST; best_* and stream_type are absent.
  kBackfilled = 1U << 4,
  /// Of a private or info stream: a value that its member cannot hold was left out; has() of its
  /// field is false.
  kIncomplete = 1U << 5,
};

/// The common part of every event.
struct EventHeader {
  std::uint32_t size_bytes = 0;  ///< of the whole record
  EventKind kind = EventKind::status;
  StreamType stream_type = StreamType::absent;
  std::uint16_t flags = 0;           ///< EventFlags
  MarketId market;                   ///< invalid where the event is of no market
  std::uint32_t connection = 0;      ///< which connection of the Feed, from 0
  std::uint32_t epoch = 0;           ///< that connection's life, counted from 1
  std::uint32_t lost_before = 0;     ///< records lost on this connection since its previous record
  std::uint64_t frame_sequence = 0;  ///< number of the frame on its connection, from 1, never reset
  MonoTime received_mono;            ///< user space had the bytes
  MonoTime decoded_mono;             ///< the record was complete; 0 unless stage stamps are on
  KernelTime kernel_time;            ///< the kernel had the bytes
  MarketCode code;                   ///< the market in text; empty where there is none
  std::uint64_t present = 0;         ///< one bit per Field of the kind: the key was there
  std::uint64_t null = 0;            ///< one bit per Field of the kind: it was null
};

namespace detail {
template <class Event>
struct FieldAccess {
  [[nodiscard]] static bool has(const Event& event, typename Event::Field field) noexcept {
    return (event.present >> static_cast<unsigned>(field) & 1U) != 0;
  }
  [[nodiscard]] static bool null(const Event& event, typename Event::Field field) noexcept {
    return (event.null >> static_cast<unsigned>(field) & 1U) != 0;
  }
};
}  // namespace detail

}  // namespace upfeed
