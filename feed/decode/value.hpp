#pragma once

// Text of one JSON value -> member of an event. Shared by every decoder, so that what is accepted,
// and with which cause something is refused, is decided once.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "decode/decode.hpp"
#include "decode/fields.hpp"

namespace upfeed::detail {

/// The wire writes a T as JSON text; otherwise as a number (or, bool, as a literal).
template <class T>
inline constexpr bool kWrittenAsText = false;
template <std::size_t kCapacity>
inline constexpr bool kWrittenAsText<InlineText<kCapacity>> = true;
template <>
inline constexpr bool kWrittenAsText<Side> = true;
template <>
inline constexpr bool kWrittenAsText<Change> = true;
template <>
inline constexpr bool kWrittenAsText<StreamType> = true;
template <>
inline constexpr bool kWrittenAsText<TextPart> = true;

// From the token of a JSON number.
// errors  bad_number: not in JSON's grammar, or a negative or fractional time or id;
//         number_range: more decimals or digits than the member holds exactly.
[[nodiscard]] DecodeErrc parse_value(std::string_view token, Price& out) noexcept;
[[nodiscard]] DecodeErrc parse_value(std::string_view token, WideQuantity& out) noexcept;
[[nodiscard]] DecodeErrc parse_value(std::string_view token, Decimal& out) noexcept;
[[nodiscard]] DecodeErrc parse_value(std::string_view token, ExchangeTime& out) noexcept;
[[nodiscard]] DecodeErrc parse_value(std::string_view token, std::uint64_t& out) noexcept;

// From unescaped text. errors  bad_text.
[[nodiscard]] DecodeErrc parse_value(std::string_view text, Side& out) noexcept;
[[nodiscard]] DecodeErrc parse_value(std::string_view text, Change& out) noexcept;
[[nodiscard]] DecodeErrc parse_value(std::string_view text, StreamType& out) noexcept;
template <std::size_t kCapacity>
[[nodiscard]] DecodeErrc parse_value(std::string_view text, InlineText<kCapacity>& out) noexcept {
  return out.assign(text) ? DecodeErrc::ok : DecodeErrc::bad_text;
}

/// A word of an open vocabulary: never refused for being unknown, only for its length.
template <class Enum>
[[nodiscard]] DecodeErrc parse_word(std::string_view word, Enum& value,
                                    InlineText<23>& text) noexcept {
  Enum found = Enum::other;
  for (std::uint8_t i = 1; i < static_cast<std::uint8_t>(Enum::other); ++i) {  // 0 is `absent`
    if (word == to_string(static_cast<Enum>(i))) found = static_cast<Enum>(i);
  }
  if (found == Enum::other && !text.assign(word)) return DecodeErrc::bad_text;
  value = found;
  return DecodeErrc::ok;
}

/// Price or size of a book unit: as parse_value, but a negative one is bad_number.
[[nodiscard]] DecodeErrc parse_level_value(std::string_view token, Price& out) noexcept;
[[nodiscard]] DecodeErrc parse_level_value(std::string_view token, WideQuantity& out) noexcept;

/// `type` of a frame of any stream. unit  set for candles only. errors  unknown_type.
[[nodiscard]] DecodeErrc parse_type(std::string_view text, EventKind& kind,
                                    CandleUnit& unit) noexcept;

/// What an order book's record says about itself once its units are in place: the leading units
/// that are no padding, wide sizes and the record's length.
/// wide      exact sizes of all units; used only when one of them is beyond Quantity.
/// any_zero  false: no price is 0, so no unit is padding.
void finish_units(OrderbookEvent& event, std::size_t unit_count,
                  std::span<const WideUnitSizes> wide, bool needs_wide,
                  bool any_zero = true) noexcept;

/// Copies what the receive path knows into the event's header.
inline void stamp(EventHeader& event, const FrameMeta& meta) noexcept {
  event.flags = static_cast<std::uint16_t>(event.flags | meta.flags);
  event.connection = meta.connection;
  event.epoch = meta.epoch;
  event.frame_sequence = meta.frame_sequence;
  event.received_mono = meta.received_mono;
  event.kernel_time = meta.kernel_time;
}

}  // namespace upfeed::detail
