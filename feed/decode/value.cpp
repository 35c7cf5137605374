#include "decode/value.hpp"

#include <algorithm>
#include <cstring>

#include "upfeed/assert.hpp"

namespace upfeed::detail {
namespace {

/// WideQuantity's own limit.
constexpr Int128 kWideLimit = Int128{1} << 126U;
constexpr Int128 kInt64Limit = INT64_MAX;

DecodeErrc split(std::string_view token, NumberParts& parts) noexcept {
  switch (split_number(token, parts)) {
    case NumberStatus::ok:
      return DecodeErrc::ok;
    case NumberStatus::not_a_number:
      return DecodeErrc::bad_number;
    case NumberStatus::out_of_range:
      break;
  }
  return DecodeErrc::number_range;
}

DecodeErrc parse_fixed(std::string_view token, Int128 limit, bool negative_allowed,
                       Int128& raw) noexcept {
  NumberParts parts;
  const DecodeErrc errc = split(token, parts);
  if (errc != DecodeErrc::ok) return errc;
  if (parts.negative && !negative_allowed) return DecodeErrc::bad_number;
  return to_fixed(parts, limit, raw) ? DecodeErrc::ok : DecodeErrc::number_range;
}

DecodeErrc parse_price(std::string_view token, bool negative_allowed, Price& out) noexcept {
  Int128 raw = 0;
  const DecodeErrc errc = parse_fixed(token, kInt64Limit, negative_allowed, raw);
  if (errc == DecodeErrc::ok) out = Price::from_raw(static_cast<std::int64_t>(raw));
  return errc;
}

DecodeErrc parse_wide(std::string_view token, bool negative_allowed, WideQuantity& out) noexcept {
  Int128 raw = 0;
  const DecodeErrc errc = parse_fixed(token, kWideLimit, negative_allowed, raw);
  if (errc == DecodeErrc::ok) out = WideQuantity::from_raw(raw);
  return errc;
}

/// A whole number from 0 to limit, in whatever form it is spelled ("1.7E3" is 1700).
DecodeErrc parse_whole(std::string_view token, std::uint64_t limit, std::uint64_t& out) noexcept {
  NumberParts parts;
  const DecodeErrc errc = split(token, parts);
  if (errc != DecodeErrc::ok) return errc;
  if (parts.negative || parts.exponent < 0) return DecodeErrc::bad_number;
  Uint128 value = parts.digits;
  for (int i = 0; i < parts.exponent && value <= limit; ++i) value *= 10;
  if (value > limit) return DecodeErrc::number_range;
  out = static_cast<std::uint64_t>(value);
  return DecodeErrc::ok;
}

template <class Enum, std::size_t kCount>
DecodeErrc parse_enum(std::string_view text, const std::array<std::string_view, kCount>& texts,
                      Enum& out) noexcept {
  for (std::size_t i = 1; i < kCount; ++i) {  // 0 is `absent`
    if (text == texts[i]) {
      out = static_cast<Enum>(i);
      return DecodeErrc::ok;
    }
  }
  return DecodeErrc::bad_text;
}

}  // namespace

DecodeErrc parse_value(std::string_view token, Price& out) noexcept {
  return parse_price(token, true, out);
}

DecodeErrc parse_value(std::string_view token, WideQuantity& out) noexcept {
  return parse_wide(token, true, out);
}

DecodeErrc parse_level_value(std::string_view token, Price& out) noexcept {
  return parse_price(token, false, out);
}

DecodeErrc parse_level_value(std::string_view token, WideQuantity& out) noexcept {
  return parse_wide(token, false, out);
}

DecodeErrc parse_value(std::string_view token, Decimal& out) noexcept {
  NumberParts parts;
  const DecodeErrc errc = split(token, parts);
  if (errc != DecodeErrc::ok) return errc;
  // At most 38 digits: below 2^127.
  const auto magnitude = static_cast<Int128>(parts.digits);
  const auto value = Decimal::from_parts(parts.negative ? -magnitude : magnitude, parts.exponent);
  if (!value) return DecodeErrc::number_range;
  out = *value;
  return DecodeErrc::ok;
}

DecodeErrc parse_value(std::string_view token, ExchangeTime& out) noexcept {
  std::uint64_t wire = 0;
  const DecodeErrc errc = parse_whole(token, INT64_MAX, wire);
  if (errc == DecodeErrc::ok) out = ExchangeTime(static_cast<std::int64_t>(wire));
  return errc;
}

DecodeErrc parse_value(std::string_view token, std::uint64_t& out) noexcept {
  return parse_whole(token, UINT64_MAX, out);
}

DecodeErrc parse_value(std::string_view text, Side& out) noexcept {
  return parse_enum(text, kSideTexts, out);
}

DecodeErrc parse_value(std::string_view text, Change& out) noexcept {
  return parse_enum(text, kChangeTexts, out);
}

DecodeErrc parse_value(std::string_view text, StreamType& out) noexcept {
  return parse_enum(text, kStreamTypeTexts, out);
}

DecodeErrc parse_type(std::string_view text, EventKind& kind, CandleUnit& unit) noexcept {
  constexpr auto kCandle = static_cast<std::size_t>(EventKind::candle);
  for (std::size_t i = 0; i < kTypeTexts.size(); ++i) {
    if (i != kCandle && text == kTypeTexts[i]) {
      kind = static_cast<EventKind>(i);
      return DecodeErrc::ok;
    }
  }
  if (!text.starts_with(kTypeTexts[kCandle])) return DecodeErrc::unknown_type;
  text.remove_prefix(kTypeTexts[kCandle].size());
  const auto* found = std::find(kCandleUnitTexts.begin(), kCandleUnitTexts.end(), text);
  if (found == kCandleUnitTexts.end()) return DecodeErrc::unknown_type;
  kind = EventKind::candle;
  unit = static_cast<CandleUnit>(found - kCandleUnitTexts.begin());
  return DecodeErrc::ok;
}

void finish_units(OrderbookEvent& event, std::size_t unit_count,
                  std::span<const WideUnitSizes> wide, bool needs_wide, bool any_zero) noexcept {
  UPFEED_ASSERT(unit_count <= kBookDepthMax);
  event.unit_count = static_cast<std::uint8_t>(unit_count);
  const auto units = event.units();
  const auto leading = [&](Price BookUnit::*price) {
    if (!any_zero) return event.unit_count;
    const auto end = std::find_if(units.begin(), units.end(),
                                  [&](const BookUnit& unit) { return unit.*price == Price(); });
    return static_cast<std::uint8_t>(end - units.begin());
  };
  event.ask_count = leading(&BookUnit::ask_price);
  event.bid_count = leading(&BookUnit::bid_price);
  if (needs_wide) {
    event.flags = static_cast<std::uint16_t>(event.flags | kWideSizes);
    std::memcpy(static_cast<void*>(event.wide_array()), wide.data(),
                unit_count * sizeof(WideUnitSizes));
  }
  event.size_bytes =
      static_cast<std::uint32_t>(OrderbookEvent::record_bytes(unit_count, needs_wide));
}

}  // namespace upfeed::detail
