#pragma once

// One frame with AVX-512, all of it at once: where its commas are tells where its keys and values
// are, if it has the keys of its table, all of them. These are compared first, then every value is
// read between its key and the next one, prices and volumes eight at a time:
//
//   {"type":"trade","code":"KRW-BTC","timestamp":1788335180423, ... ,"stream_type":"REALTIME"}
//                  ,"code":         ,"timestamp":              ...  ,"stream_type":           }
//
// Invariant once the keys are compared: they, the values between them and the closing brace are the
// whole frame, so values of which every byte is looked at leave no byte unseen. No key has a comma
// but in front, and none has a brace, so none reaches into the next one or beyond the end.
//
// An order book's units lie between two keys and have four commas each, but the last one three. Two
// units are read at a time, their keys and numbers together (frames without `level` are read, too).
//
// Any surprise declines the frame. Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "decode/decode.hpp"
#include "decode/fast/commas.hpp"
#include "decode/fast/eight_numbers.hpp"
#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"
#include "decode/fast/sized_values.hpp"
#include "decode/fast/unit_pairs.hpp"
#include "decode/fast/value_reader.hpp"
#include "decode/fields.hpp"
#include "decode/value.hpp"

namespace upfeed::detail {

/// Kernel  for what is read alone. Isa  as in vector256.hpp.
template <class Kernel, class Isa>
class WholeFrame {
 public:
  /// As FastDecode. at  behind the frame's prefix.
  template <class Event, bool kSimple>
  UPFEED_ALWAYS_INLINE static bool read(const char* begin, const char* at, const char* end,
                                        const FrameMeta& meta, std::byte* slot,
                                        const FastContext& context, Decoded& decoded) {
    Places places;
    if (end[-1] != '}' || !places.find(begin, end)) return false;
    Frame<Event> frame{places, end - 1, 0, kAll<Event>};
    if (!find_shape<Event, kSimple>(frame)) return false;
    Event& event = blank<Event>(slot);
    stamp(event, meta);
    event.present = frame.present;
    if constexpr (std::is_same_v<Event, CandleEvent>) {
      at = Values::read_candle_unit(at, event.unit);
    }
    if (at != places[0] || !has_keys<Event, kSimple>(frame)) return false;
    if (!read_fields<Event, kSimple>(frame, context, event, FieldsFrom1<Event>())) return false;
    if (!read_lanes<Event, kSimple>(frame, event, Lanes<Event>())) return false;
    if constexpr (kIsTrade<Event>) {
      if (!read_whole<kSimple>(frame, event)) return false;
    }
    if (!event.market.valid() && !Values::intern(context.markets, event)) return false;
    Values::report(event, decoded);
    return true;
  }

 private:
  using At = const char*;
  using Values = ValueReader<Kernel>;
  using Sized = SizedValues<Isa>;
  using Places = Commas<Isa>;
  using Bytes = std::array<std::uint8_t, 64>;

  template <class Event>
  static constexpr std::size_t kCount = kFields<Event>.size();
  template <class Event>
  using FieldsFrom1 = std::make_index_sequence<kCount<Event> - 1>;
  /// All keys.
  template <class Event>
  static constexpr std::uint64_t kAll = (std::uint64_t{1} << kCount<Event>)-1;

  template <class Event>
  struct Frame {
    const Places& places;
    At brace;                 ///< the closing one
    std::size_t unit_commas;  ///< those in and between an order book's units
    std::uint64_t present;
  };

  // Shape: which comma is whose.
  template <class Event>
  static constexpr bool kIsBook = std::is_same_v<Event, OrderbookEvent>;
  template <class Event>
  static constexpr bool kIsTrade = std::is_same_v<Event, TradeEvent>;
  static constexpr auto kUnits = static_cast<std::size_t>(OrderbookEvent::Field::orderbook_units);
  static constexpr auto kLevel = static_cast<std::size_t>(OrderbookEvent::Field::level);
  static_assert(kLevel + 1 == kCount<OrderbookEvent>);

  /// false: another number of keys than usual, or of units.
  template <class Event, bool kSimple>
  UPFEED_ALWAYS_INLINE static bool find_shape(Frame<Event>& frame) {
    const std::size_t commas = frame.places.count();
    if constexpr (kIsBook<Event>) {
      // Four each unit, the last one three.
      constexpr std::size_t kOthers = kCount<Event> - 1;
      const std::size_t unit_count = (commas + 2 - kOthers) / 4;
      if (commas < kOthers || unit_count < 2 || unit_count > kBookDepthMax) return false;
      frame.unit_commas = 4 * unit_count - 1;
      if (commas == kOthers - 1 + frame.unit_commas) frame.present &= ~kFields<Event>[kLevel].bit();
      return commas - frame.unit_commas - (kOthers - 1) <= 1;
    }
    return commas == kCount<Event> - 1;
  }
  template <class Event>
  static constexpr bool kBehindUnits(std::size_t index) {
    return kIsBook<Event> && index > kUnits;
  }
  template <class Event, std::size_t kIndex>
  UPFEED_ALWAYS_INLINE static At key_of(const Frame<Event>& frame) {
    return frame.places[kIndex - 1 + (kBehindUnits<Event>(kIndex) ? frame.unit_commas : 0)];
  }
  template <class Event, bool kSimple, std::size_t kIndex>
  UPFEED_ALWAYS_INLINE static At value_of(const Frame<Event>& frame) {
    return key_of<Event, kIndex>(frame) + kKey<Event, kSimple, kIndex>.size();
  }
  template <class Event, std::size_t kIndex>
  UPFEED_ALWAYS_INLINE static At end_of(const Frame<Event>& frame) {
    if constexpr (kIndex + 1 == kCount<Event>) {
      return frame.brace;
    } else {
      if (kIsBook<Event> && kIndex + 1 == kLevel && (frame.present >> kLevel) == 0) {
        return frame.brace;
      }
      return key_of<Event, kIndex + 1>(frame);
    }
  }

  // Keys: several in a register.
  template <class Event, bool kSimple>
  static constexpr std::size_t kKeyLane = [] {
    std::size_t longest = 0;
    for (std::size_t i = 1; i < kCount<Event>; ++i) {
      longest = std::max(longest, 4 + kFields<Event>[i].key(kSimple).size());
    }
    return longest <= 16 ? 16 : 32;
  }();
  /// The keys that every frame has.
  template <class Event>
  static constexpr std::size_t kKeyCount = kIsBook<Event> ? kLevel : kCount<Event>;
  struct KeyLanes {
    alignas(64) Bytes text{};
    alignas(64) Bytes mask{};  ///< the bits that count
  };
  template <class Event, bool kSimple, std::size_t kFirst>
  static constexpr KeyLanes kKeyLanes = [] {
    KeyLanes lanes;
    constexpr std::size_t kLane = kKeyLane<Event, kSimple>;
    const auto set = [&lanes](std::size_t at, auto key) {
      for (std::size_t i = 0; i < key.size(); ++i) {
        lanes.text[at + i] = static_cast<std::uint8_t>(key.chars[i]);
        lanes.mask[at + i] = 0xFF;
      }
    };
    [&]<std::size_t... kLaneIndex>(std::index_sequence<kLaneIndex...>) {
      (set(kLane * kLaneIndex,
           kKey<Event, kSimple, std::min(kFirst + kLaneIndex, kKeyCount<Event> - 1)>),
       ...);
    }
    (std::make_index_sequence<64 / kLane>());
    return lanes;
  }();
  template <class Event, bool kSimple>
  UPFEED_ALWAYS_INLINE static bool has_keys(const Frame<Event>& frame) {
    constexpr std::size_t kEach = 64 / kKeyLane<Event, kSimple>;
    const __m512i wrong = [&frame]<std::size_t... kGroup>(std::index_sequence<kGroup...>)
        __attribute__((always_inline)) {
      __m512i differ = _mm512_setzero_si512();
      ((differ = _mm512_or_si512(differ, keys_differ<Event, kSimple, 1 + kEach * kGroup>(frame))),
       ...);
      return differ;
    }
    (std::make_index_sequence<(kKeyCount<Event> - 1 + kEach - 1) / kEach>());
    bool level = true;
    if constexpr (kIsBook<Event>) {
      level = (frame.present >> kLevel) == 0 ||
              starts_with<kKey<Event, kSimple, kLevel>>(key_of<Event, kLevel>(frame));
    }
    return _mm512_test_epi64_mask(wrong, wrong) == 0 && level;
  }
  /// All bits are zero where the keys from kFirst on are as they should be.
  template <class Event, bool kSimple, std::size_t kFirst>
  UPFEED_ALWAYS_INLINE static __m512i keys_differ(const Frame<Event>& frame) {
    constexpr const KeyLanes& kLanes = kKeyLanes<Event, kSimple, kFirst>;
    constexpr int kXorThenAnd = 0x28;  // (a ^ b) & c
    const __m512i found = load_keys<Event, kSimple, kFirst>(frame);
    return _mm512_ternarylogic_epi64(found, load64(kLanes.text.data()), load64(kLanes.mask.data()),
                                     kXorThenAnd);
  }
  template <class Event, bool kSimple, std::size_t kFirst>
  UPFEED_ALWAYS_INLINE static __m512i load_keys(const Frame<Event>& frame) {
    constexpr auto kAt = [](std::size_t i) { return std::min(kFirst + i, kKeyCount<Event> - 1); };
    const At first = key_of<Event, kAt(0)>(frame);
    const At second = key_of<Event, kAt(1)>(frame);
    if constexpr (kKeyLane<Event, kSimple> == 32) {
      return join32(first, second);
    } else {
      return join16(first, second, key_of<Event, kAt(2)>(frame), key_of<Event, kAt(3)>(frame));
    }
  }

  // Values between two keys.
  template <class Event, bool kSimple, std::size_t... kIndex>
  UPFEED_ALWAYS_INLINE static bool read_fields(const Frame<Event>& frame,
                                               const FastContext& context, Event& event,
                                               std::index_sequence<kIndex...>) {
    return (read_field<Event, kSimple, kIndex + 1>(frame, context, event) && ...);
  }
  template <class Event, bool kSimple, std::size_t kIndex>
  UPFEED_ALWAYS_INLINE static bool read_field(const Frame<Event>& frame, const FastContext& context,
                                              Event& event) {
    constexpr const auto& kEntry = kFields<Event>[kIndex];
    constexpr auto kMember = std::get<kEntry.slot.index()>(kEntry.slot);
    using Member = std::remove_const_t<decltype(kMember)>;
    if constexpr (kLaneOf<Event, kIndex> != kNoLane) return true;
    if constexpr (kIsTrade<Event> && kIsWhole<Event, kIndex>) return true;
    if constexpr (kIsBook<Event> && kIndex == kLevel) {
      if ((frame.present & kEntry.bit()) == 0) return true;
    }
    const At at = value_of<Event, kSimple, kIndex>(frame);
    const At end = end_of<Event, kIndex>(frame);
    if constexpr (kEntry.nullable()) {
      if (*at == 'n') {
        event.null |= kEntry.bit();
        return Values::template take<"null">(at) == end;
      }
    }
    if constexpr (std::is_same_v<Member, CodeSlot>) {
      MarketCode code;
      return Sized::code(at, end, code) && Values::find_market(code, context, event);
    } else if constexpr (std::is_same_v<Member, UnitsSlot>) {
      return UnitPairs<Kernel, Isa>::template read<kSimple>(
          frame.places, kUnits - 1, frame.unit_commas / 4 + 1, context, event);
    } else {
      constexpr char kEnd = kIndex + 1 == kCount<Event> ? '}' : ',';
      return read_value<kEnd>(at, end, event.*kMember);
    }
  }
  template <char kEnd, class Value>
  UPFEED_ALWAYS_INLINE static bool read_value(At at, At end, Value& out) {
    if constexpr (std::is_same_v<Value, Decimal>) {
      if (Sized::decimal(at, end, out)) return true;
    } else if constexpr (std::is_same_v<Value, ExchangeTime>) {
      std::uint64_t wire = 0;
      if (Sized::whole(at, end, wire)) {
        out = ExchangeTime(static_cast<std::int64_t>(wire));
        return true;
      }
    } else if constexpr (std::is_same_v<Value, std::uint64_t>) {
      if (Sized::whole(at, end, out)) return true;
    } else if constexpr (requires { Sized::text(at, end, out); }) {
      return Sized::text(at, end, out);
    }
    return Values::template read_value<kEnd>(at, end, out) == end;
  }

  // Lanes: prices and volumes are read eight at a time; where lanes are left, so are times.
  static constexpr std::size_t kNoLane = SIZE_MAX;
  template <class Event, std::size_t kIndex, class Member>
  static constexpr bool kHolds =
      std::holds_alternative<Member Event::*>(kFields<Event>[kIndex].slot);
  template <class Event, std::size_t kIndex>
  static constexpr bool kIsWhole =
      kHolds<Event, kIndex, ExchangeTime> || kHolds<Event, kIndex, std::uint64_t>;
  /// Not those that mostly have a sign.
  template <class Event, std::size_t kIndex>
  static constexpr bool kIsFixed = (kHolds<Event, kIndex, Price> ||
                                    kHolds<Event, kIndex, WideQuantity>)&&!kFields<Event>[kIndex]
                                       .name.starts_with("signed_");
  template <class Event>
  struct LanePlan {
    std::array<std::size_t, kCount<Event>> lane_of{};
    std::array<std::size_t, kCount<Event>> index_of{};
    std::size_t count = 0;

    constexpr void add(std::size_t index) {
      lane_of[index] = count;
      index_of[count++] = index;
    }
  };
  template <class Event>
  static constexpr auto kLanePlan = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    LanePlan<Event> plan;
    plan.lane_of.fill(kNoLane);
    ((kIsFixed<Event, kIndex> ? plan.add(kIndex) : void()), ...);
    ((kHolds<Event, kIndex, ExchangeTime> && plan.count % 8 != 0 ? plan.add(kIndex) : void()), ...);
    return plan;
  }
  (std::make_index_sequence<kCount<Event>>());
  template <class Event, std::size_t kIndex>
  static constexpr std::size_t kLaneOf = kLanePlan<Event>.lane_of[kIndex];
  template <class Event>
  using Lanes = std::make_index_sequence<(kLanePlan<Event>.count + 7) / 8>;

  template <class Event, bool kSimple, std::size_t... kGroup>
  UPFEED_ALWAYS_INLINE static bool read_lanes(const Frame<Event>& frame, Event& event,
                                              std::index_sequence<kGroup...>) {
    if constexpr (sizeof...(kGroup) == 0) return true;
    const EightNumbers<Isa> eight_numbers;
    return (read_eight<Event, kSimple, kGroup>(eight_numbers, frame, event) && ...);
  }
  /// The field of a lane; unused lanes read that of the first one again.
  template <class Event, std::size_t kLane>
  static constexpr std::size_t kFieldOf =
      kLanePlan<Event>.index_of[kLane < kLanePlan<Event>.count ? kLane : kLane / 8 * 8];

  /// Which of the words of a frame's places the values of eight lanes end at, how long the keys in
  /// front of them are, and how many decimals their members have.
  struct LaneWords {
    alignas(16) std::array<std::int16_t, 8> key_sizes{};
    alignas(16) std::array<std::int16_t, 8> decimals{};
    alignas(64) std::array<std::int16_t, 32> places{};
  };
  template <class Event, bool kSimple, std::size_t kGroup>
  static constexpr LaneWords kLaneWords = [] {
    LaneWords words;
    const auto set = [&words]<std::size_t kLane>(std::integral_constant<std::size_t, kLane>) {
      constexpr std::size_t kIndex = kFieldOf<Event, 8 * kGroup + kLane>;
      static_assert(kIndex < 33 && kIndex + 1 < kCount<Event>);
      words.key_sizes[kLane] = static_cast<std::int16_t>(kKey<Event, kSimple, kIndex>.size());
      words.decimals[kLane] = kIsFixed<Event, kIndex> ? kFixedDecimals : 0;
      words.places[kLane] = static_cast<std::int16_t>(kIndex - 1);
    };
    [&]<std::size_t... kLane>(std::index_sequence<kLane...>) {
      (set(std::integral_constant<std::size_t, kLane>()), ...);
    }
    (std::make_index_sequence<8>());
    return words;
  }();
  template <class Event, bool kSimple, std::size_t kGroup>
  UPFEED_ALWAYS_INLINE static bool read_eight(const EightNumbers<Isa>& eight_numbers,
                                              const Frame<Event>& frame, Event& event) {
    constexpr const LaneWords& kWords = kLaneWords<Event, kSimple, kGroup>;
    const __m128i sizes = sizes_of(frame, kWords);
    const auto end = [&frame]<std::size_t kLane>() __attribute__((always_inline)) {
      return end_of<Event, kFieldOf<Event, 8 * kGroup + kLane>>(frame) - 16;
    };
    const auto seen =
        eight_numbers.look(join16(end.template operator()<0>(), end.template operator()<2>(),
                                  end.template operator()<4>(), end.template operator()<6>()),
                           join16(end.template operator()<1>(), end.template operator()<3>(),
                                  end.template operator()<5>(), end.template operator()<7>()),
                           sizes);
    const auto numbers = eight_numbers.value(
        seen, _mm_load_si128(reinterpret_cast<const __m128i*>(kWords.decimals.data())));
    alignas(64) std::array<std::int64_t, 8> magnitudes;
    _mm512_store_si512(magnitudes.data(), numbers.magnitudes);
    return [&]<std::size_t... kLane>(std::index_sequence<kLane...>) __attribute__((always_inline)) {
      (set_lane<Event, 8 * kGroup + kLane>(event, magnitudes[kLane]), ...);
      if (numbers.whole()) return true;
      const unsigned left_out = numbers.left_out();
      return ((((left_out >> kLane) & 1) == 0 ||
               read_left_out<Event, kSimple, 8 * kGroup + kLane>(frame, event)) &&
              ...);
    }
    (std::make_index_sequence<8>());
  }
  template <class Event>
  UPFEED_ALWAYS_INLINE static __m128i sizes_of(const Frame<Event>& frame, const LaneWords& lanes) {
    const std::uint16_t* const words = frame.places.words();
    const __m512i differences =
        _mm512_sub_epi16(_mm512_loadu_si512(words + 1), _mm512_loadu_si512(words));
    return _mm_sub_epi16(
        _mm512_castsi512_si128(_mm512_permutexvar_epi16(load64(lanes.places.data()), differences)),
        _mm_load_si128(reinterpret_cast<const __m128i*>(lanes.key_sizes.data())));
  }

  /// The times and the id of a trade; the id, which may have more than 16 digits, in two lanes.
  template <bool kSimple>
  UPFEED_ALWAYS_INLINE static bool read_whole(const Frame<TradeEvent>& frame, TradeEvent& event) {
    using F = TradeEvent::Field;
    constexpr auto kTime = static_cast<std::size_t>(F::timestamp);
    constexpr auto kTradeTime = static_cast<std::size_t>(F::trade_timestamp);
    constexpr auto kId = static_cast<std::size_t>(F::sequential_id);
    constexpr auto kKeySize = []<std::size_t kIndex>() {
      return static_cast<std::int16_t>(kKey<TradeEvent, kSimple, kIndex>.size());
    };
    static constexpr LaneWords kWords{
        {kKeySize.template operator()<kTime>(), kKeySize.template operator()<kTradeTime>(),
         kKeySize.template operator()<kId>(), kKeySize.template operator()<kId>()},
        {},
        {kTime - 1, kTradeTime - 1, kId - 1, kId - 1}};
    const At time = value_of<TradeEvent, kSimple, kTime>(frame);
    const At trade_time = value_of<TradeEvent, kSimple, kTradeTime>(frame);
    const At id = value_of<TradeEvent, kSimple, kId>(frame);
    std::array<std::uint64_t, 8> values;
    if (*time != '0' && *trade_time != '0' && *id != '0' &&
        Sized::four_whole(end_of<TradeEvent, kTime>(frame), end_of<TradeEvent, kTradeTime>(frame),
                          end_of<TradeEvent, kId>(frame), sizes_of(frame, kWords), values)) {
      event.timestamp = ExchangeTime(static_cast<std::int64_t>(values[0]));
      event.trade_timestamp = ExchangeTime(static_cast<std::int64_t>(values[2]));
      event.sequential_id = values[4] + values[6] * Sized::kSixteenDigits;
      return true;
    }
    return read_value<','>(time, end_of<TradeEvent, kTime>(frame), event.timestamp) &&
           read_value<','>(trade_time, end_of<TradeEvent, kTradeTime>(frame),
                           event.trade_timestamp) &&
           read_value<','>(id, end_of<TradeEvent, kId>(frame), event.sequential_id);
  }

  template <class Event, std::size_t kLane>
  static constexpr bool kUsed = kLane < kLanePlan<Event>.count;
  template <class Event, std::size_t kLane>
  static constexpr auto kMemberOf = std::get<kFields<Event>[kFieldOf<Event, kLane>].slot.index()>(
      kFields<Event>[kFieldOf<Event, kLane>].slot);

  template <class Event, std::size_t kLane>
  UPFEED_ALWAYS_INLINE static void set_lane(Event& event, std::int64_t magnitude) {
    if constexpr (kUsed<Event, kLane>) {
      auto& member = event.*kMemberOf<Event, kLane>;
      if constexpr (requires { member.raw(); }) {
        member = std::remove_reference_t<decltype(member)>::from_raw(magnitude);
      } else {
        member = ExchangeTime(magnitude);
      }
    }
  }
  template <class Event, bool kSimple, std::size_t kLane>
  UPFEED_ALWAYS_INLINE static bool read_left_out(const Frame<Event>& frame, Event& event) {
    if constexpr (kUsed<Event, kLane>) {
      constexpr std::size_t kIndex = kFieldOf<Event, kLane>;
      constexpr const auto& kEntry = kFields<Event>[kIndex];
      auto& member = event.*kMemberOf<Event, kLane>;
      const At at = value_of<Event, kSimple, kIndex>(frame);
      const At end = end_of<Event, kIndex>(frame);
      if (kEntry.nullable() && *at == 'n') {
        event.null |= kEntry.bit();
        member = {};
        return Values::template take<"null">(at) == end;
      }
      Uint128 magnitude = 0;
      if (kIsFixed<Event, kIndex> && Sized::magnitude(at, end, magnitude) &&
          magnitude <= INT64_MAX) {
        set_lane<Event, kLane>(event, static_cast<std::int64_t>(magnitude));
        return true;
      }
      return Values::template read_value<','>(at, end, member) == end;
    }
    return true;
  }

  /// An event of its kind with nothing in it.
  template <class Event>
  UPFEED_ALWAYS_INLINE static Event& blank(std::byte* slot) {
    alignas(64) static constexpr Event kBlank = [] {
      Event event;
      event.kind = Event::kKind;
      event.size_bytes = sizeof(Event);
      return event;
    }();
    const auto copy = [slot](std::size_t offset) __attribute__((always_inline)) {
      _mm512_storeu_si512(slot + offset,
                          _mm512_loadu_si512(reinterpret_cast<const std::byte*>(&kBlank) + offset));
    };
    static_assert(std::is_trivially_copyable_v<Event> && sizeof(Event) >= 64);
    for (std::size_t offset = 0; offset + 64 <= sizeof(Event); offset += 64) copy(offset);
    copy(sizeof(Event) - 64);
    return *std::launder(reinterpret_cast<Event*>(slot));
  }
};

}  // namespace upfeed::detail
