#pragma once

// One frame, guessed and verified from left to right. The order of the reads is that of the tables
// in fields.hpp; the steps are functions of the compiler's making, one per key.
//
//   {"type":"trade"   ,"code":"KRW-BTC"   ,"timestamp":1788335180423   ...   }
//   kPrefix           kKey   text         kKey         number                end
//
// Each step reads where the one before it ended, or declines; within a value, functions take the
// place they read at and return the place behind, or nullptr to decline.
//
// Invariant before each step: at < end. A step reads at most a key and kValueReach bytes beyond at,
// so it never leaves the padding; what it believed of bytes behind the end comes to light at the
// next step, or at the closing brace, which must be the frame's last byte.
//
// Keys that the reference does not require may be missing; then the key after them is expected.
//
// Included by the kernels only, like value_reader.hpp, which says what a Kernel has.

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include "decode/decode.hpp"
#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"
#include "decode/fast/value_reader.hpp"
#include "decode/fields.hpp"
#include "decode/value.hpp"

namespace upfeed::detail {

template <class Kernel>
class FrameReader {
 public:
  /// As FastDecode. at  behind the frame's prefix.
  template <class Event, bool kSimple>
  UPFEED_ALWAYS_INLINE static bool read(const char*, const char* at, const char* end,
                                        const FrameMeta& meta, std::byte* slot,
                                        const FastContext& context, Decoded& decoded) {
    return FrameReader(end, context).template read_event<Event, kSimple>(at, meta, slot, decoded);
  }

 private:
  UPFEED_ALWAYS_INLINE FrameReader(const char* end, const FastContext& context)
      : end_(end), context_(context) {}

  template <class Event, bool kSimple>
  UPFEED_ALWAYS_INLINE bool read_event(const char* at, const FrameMeta& meta, std::byte* slot,
                                       Decoded& decoded) const {
    Event& event = *new (slot) Event;
    event.kind = Event::kKind;
    event.size_bytes = sizeof(Event);
    stamp(event, meta);
    if constexpr (std::is_same_v<Event, CandleEvent>) {
      at = Values::read_candle_unit(at, event.unit);
      if (at == nullptr) return false;
    }
    event.present = kFields<Event>[0].bit();
    if (!read_fields<Event, kSimple>(at, event, FieldsFrom1<Event>())) return false;
    if (at + 1 != end_ || *at != '}') return false;
    if ((event.present & kRequiredMask<Event>) != kRequiredMask<Event>) return false;
    if (!event.market.valid() && !Values::intern(context_.markets, event)) return false;
    Values::report(event, decoded);
    return true;
  }

  using At = const char*;
  using Values = ValueReader<Kernel>;
  template <class Event>
  using FieldsFrom1 = std::make_index_sequence<kFields<Event>.size() - 1>;

  template <class Event, bool kSimple, std::size_t... kIndex>
  UPFEED_ALWAYS_INLINE bool read_fields(At& at, Event& event,
                                        std::index_sequence<kIndex...>) const {
    return (read_field<Event, kSimple, kIndex + 1>(at, event) && ...);
  }

  /// Moves at behind the field.
  template <class Event, bool kSimple, std::size_t kIndex>
  UPFEED_ALWAYS_INLINE bool read_field(At& at, Event& event) const {
    constexpr const auto& kEntry = kFields<Event>[kIndex];
    constexpr auto kKeyText = kKey<Event, kSimple, kIndex>;
    static_assert(kKeyText.size() + kValueReach <= kDecodePadding + 1);
    if (at >= end_) return false;
    if (!starts_with<kKeyText>(at)) return !kEntry.required();
    at += kKeyText.size();
    event.present |= kEntry.bit();
    if constexpr (kEntry.nullable()) {
      if (*at == 'n') {
        event.null |= kEntry.bit();
        at = Values::template take<"null">(at);
        return at != nullptr;
      }
    }
    constexpr auto kMember = std::get<kEntry.slot.index()>(kEntry.slot);
    constexpr char kEnd = kIndex + 1 == kFields<Event>.size() ? '}' : ',';
    using Member = std::remove_const_t<decltype(kMember)>;
    if constexpr (std::is_same_v<Member, CodeSlot>) {
      at = Values::read_code(at, context_, event);
    } else if constexpr (std::is_same_v<Member, UnitsSlot>) {
      at = read_units<kSimple>(at, event);
    } else {
      at = Values::template read_value<kEnd>(at, end_, event.*kMember);
    }
    return at != nullptr;
  }

  // The units of an order book. Between two of them the place is at the comma, so that a comma
  // without a unit behind it is seen.
  template <bool kSimple>
  UPFEED_ALWAYS_INLINE At read_units(At at, OrderbookEvent& event) const {
    Units units{event.unit_array(), context_.wide.data()};
    while (true) {
      at = read_usual_units<kSimple>(at, end_, units);
      if (*at == ']' && units.count > 0) break;
      if (units.count == kBookDepthMax) return nullptr;
      at = read_unit_slowly<kSimple>(at, end_, units);
      if (at == nullptr) return nullptr;
    }
    if (units.wide) Values::widen(units);
    finish_units(event, units.count, context_.wide, units.wide);
    return at + 1;
  }

  /// Reads units up to the first one that is not as usual. Calls nothing, so that all constants of
  /// the kernel stay in registers.
  template <bool kSimple>
  __attribute__((noinline)) static At read_usual_units(At at, const char* const end,
                                                       Units& units) noexcept {
    const Kernel kernel;
    Units read = units;
    char opener = read.count == 0 ? '[' : ',';
    while (*at == opener && read.count < kBookDepthMax) {
      BookUnit& unit = read.narrow[read.count];
      WideUnitSizes& exact = read.exact[read.count];
      At behind = at + 1;
      using enum UnitField;
      if (!(behind = read_unit_price<ask_price, kSimple>(kernel, behind, end, unit.ask_price)) ||
          !(behind = read_unit_price<bid_price, kSimple>(kernel, behind, end, unit.bid_price)) ||
          !(behind = read_unit_size<ask_size, kSimple>(kernel, behind, end, unit.ask_size,
                                                       exact.ask_size, read.wide)) ||
          !(behind = read_unit_size<bid_size, kSimple>(kernel, behind, end, unit.bid_size,
                                                       exact.bid_size, read.wide)) ||
          *behind != '}') {
        break;
      }
      ++read.count;
      opener = ',';
      at = behind + 1;
    }
    units = read;
    return at;
  }
  template <UnitField kField, bool kSimple>
  UPFEED_ALWAYS_INLINE static At read_unit_key(At at, const char* end) {
    constexpr auto kText = kUnitKey<kField, kSimple>;
    static_assert(kText.size() + kValueReach <= kDecodePadding + 1);
    return at < end ? Values::template take<kText>(at) : nullptr;
  }
  template <UnitField kField, bool kSimple>
  UPFEED_ALWAYS_INLINE static At read_unit_price(const Kernel& kernel, At at, const char* end,
                                                 Price& out) {
    at = read_unit_key<kField, kSimple>(at, end);
    return at != nullptr ? Values::read_level_price(kernel, at, out) : nullptr;
  }
  template <UnitField kField, bool kSimple>
  UPFEED_ALWAYS_INLINE static At read_unit_size(const Kernel& kernel, At at, const char* end,
                                                Quantity& out, WideQuantity& exact, bool& wide) {
    at = read_unit_key<kField, kSimple>(at, end);
    constexpr char kEnd = kField == UnitField::bid_size ? '}' : ',';
    return at != nullptr ? Values::template read_level_size<kEnd>(kernel, at, out, exact, wide)
                         : nullptr;
  }

  /// One unit, whatever its numbers look like.
  template <bool kSimple>
  __attribute__((noinline, cold)) static At read_unit_slowly(At at, const char* end,
                                                             Units& units) noexcept {
    if (*at != (units.count == 0 ? '[' : ',')) return nullptr;
    ++at;
    BookUnit& unit = units.narrow[units.count];
    WideUnitSizes& exact = units.exact[units.count];
    using enum UnitField;
    if (!(at = read_unit_key<ask_price, kSimple>(at, end)) ||
        !(at = Values::read_level_slowly(at, end, unit.ask_price)) ||
        !(at = read_unit_key<bid_price, kSimple>(at, end)) ||
        !(at = Values::read_level_slowly(at, end, unit.bid_price)) ||
        !(at = read_unit_key<ask_size, kSimple>(at, end)) ||
        !(at = Values::read_level_slowly(at, end, exact.ask_size)) ||
        !(at = read_unit_key<bid_size, kSimple>(at, end)) ||
        !(at = Values::read_level_slowly(at, end, exact.bid_size)) || *at != '}') {
      return nullptr;
    }
    unit.ask_size = Quantity::narrow(exact.ask_size);
    unit.bid_size = Quantity::narrow(exact.bid_size);
    units.wide |= unit.ask_size.in_wide_form() || unit.bid_size.in_wide_form();
    ++units.count;
    return at + 1;
  }

  const char* end_;
  const FastContext& context_;
};

}  // namespace upfeed::detail
