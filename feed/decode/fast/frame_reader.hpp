#pragma once

// One frame, guessed and verified from left to right. The order of the reads is that of the tables
// in fields.hpp; the steps are functions of the compiler's making, one per key.
//
//   {"type":"trade"   ,"code":"KRW-BTC"   ,"timestamp":1788335180423   ...   }
//   kPrefix           kKey   text         kKey         number                end
//
// Each step reads where the kernel's cursor stands and moves it on, or declines; within a value,
// functions take the place they read at and return the place behind, or nullptr to decline.
//
// Invariant before each step: at < end. A step reads at most a key and kValueReach bytes beyond at,
// so it never leaves the padding; what it believed of bytes behind the end comes to light at the
// next step, or at the closing brace, which must be the frame's last byte.
//
// Keys that the reference does not require may be missing; then the key after them is expected.
//
// Included by the kernels only, each within the instruction set it compiles for, after everything
// that is included here.
// A Kernel has:
//   scan<kEnd>(at, Spelled&) -> false: not as usual. kEnd should stand behind the number, which is
//                               for the caller to check.
//   whole<kEnd>(at, uint64&) -> the same for a number of 18 digits at most.
//   text<kCapacity>(at, char*) -> bytes of the text up to its closing quote, zero-padded to
//                              kCapacity; kNoText: too long, or not plain printable ASCII.
//   Places                     NoCommas or Commas (commas.hpp)
//   kReadsMany                 whether it has
//   Four                       read(ends, sizes, out) -> bits of those left out, of the numbers
//                              of these four sizes in front of these ends; the others times 1e8
//   units<kSimple>(at, places, cursor, BookUnit*, count&, read_alone) -> place behind count units
//                              of an order book whose bracket is at, or at where it reads none. It
//                              may leave numbers to read_alone<field>(at, end, unit), which is
//                              false for what is none.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "decode/decode.hpp"
#include "decode/fast/commas.hpp"
#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"
#include "decode/fast/spelled.hpp"
#include "decode/fields.hpp"
#include "decode/value.hpp"

namespace upfeed::detail {

inline constexpr std::size_t kNoText = SIZE_MAX;
/// Most bytes beyond its start that reading one value may touch.
inline constexpr std::size_t kValueReach = 38;

template <class Kernel>
class FrameReader {
 public:
  UPFEED_ALWAYS_INLINE FrameReader(const char* begin, const char* end, const FastContext& context)
      : begin_(begin), end_(end), context_(context) {}

  /// at  behind the frame's prefix.
  template <class Event, bool kSimple>
  UPFEED_ALWAYS_INLINE bool read(const char* at, const FrameMeta& meta, std::byte* slot,
                                 Decoded& decoded) const noexcept {
    Places places;
    if (!places.find(begin_, end_)) return false;
    Event& event = *new (slot) Event;
    event.kind = Event::kKind;
    event.size_bytes = sizeof(Event);
    stamp(event, meta);
    if constexpr (std::is_same_v<Event, CandleEvent>) {
      at = read_candle_unit(at, event.unit);
      if (at == nullptr) return false;
    }
    event.present = kFields<Event>[0].bit();
    Way<Event> way{places, places.cursor(at), {}};
    if (way.cursor.at() != at) return false;
    if (!read_fields<Event, kSimple>(way, event, FieldsFrom1<Event>())) return false;
    if (way.cursor.at() + 1 != end_ || *way.cursor.at() != '}') return false;
    if ((event.present & kRequiredMask<Event>) != kRequiredMask<Event>) return false;
    if constexpr (kLaterCount<Event> != 0) {
      using Indices = std::make_index_sequence<kLaterCount<Event>>;
      if (!read_later<Event>(way.later, event, Indices())) return false;
    }
    if (!event.market.valid() && !intern(context_.markets, event)) return false;
    decoded.errc = DecodeErrc::ok;
    decoded.frame_class = FrameClass::event;
    decoded.has_kind = true;
    decoded.kind = Event::kKind;
    decoded.market = event.market;
    decoded.size_bytes = event.size_bytes;
    return true;
  }

 private:
  using At = const char*;
  using Places = typename Kernel::Places;
  using Cursor = typename Places::Cursor;
  template <class Event>
  using FieldsFrom1 = std::make_index_sequence<kFields<Event>.size() - 1>;

  /// Prices and volumes are read four at a time, once all keys were seen, by kernels that can. Not
  /// those that mostly have a sign, nor what four do not go into.
  template <class Event, std::size_t kIndex>
  static constexpr bool kGoesLater = [] {
    constexpr const auto& kEntry = kFields<Event>[kIndex];
    return (std::holds_alternative<Price Event::*>(kEntry.slot) ||
            std::holds_alternative<WideQuantity Event::*>(kEntry.slot)) &&
           !kEntry.name.starts_with("signed_");
  }();
  /// How many of the fields before it go later.
  template <class Event, std::size_t kIndex>
  static constexpr std::size_t kLaterBefore = [
  ]<std::size_t... kBefore>(std::index_sequence<kBefore...>) {
    return (std::size_t{kGoesLater<Event, kBefore>} + ... + 0U);
  }
  (std::make_index_sequence<kIndex>());
  template <class Event>
  static constexpr std::size_t kLaterCount =
      Kernel::kReadsMany ? kLaterBefore<Event, kFields<Event>.size()> / 4 * 4 : 0;

  /// Where the numbers are that are read later.
  template <std::size_t kCount>
  struct Later {
    std::array<At, kCount> ends;
    // Words, four in one: to read together what was written apart would stall.
    std::array<std::uint64_t, kCount / 4> sizes{};

    UPFEED_ALWAYS_INLINE void set(std::size_t i, At at, At end) {
      ends[i] = end;
      sizes[i / 4] |= std::uint64_t{static_cast<std::uint16_t>(end - at)} << (16 * (i % 4));
    }
    [[nodiscard]] At begin(std::size_t i) const {
      return ends[i] - static_cast<std::uint16_t>(sizes[i / 4] >> (16 * (i % 4)));
    }
    /// A zero, as the member of a key that is not there has it.
    UPFEED_ALWAYS_INLINE void leave_out(std::size_t i) {
      static constexpr std::array<char, 16> kZero{'0', '0', '0', '0', '0', '0', '0', '0',
                                                  '0', '0', '0', '0', '0', '0', '0', '0'};
      set(i, kZero.data() + 15, kZero.data() + 16);
    }
  };
  template <class Event>
  struct Way {
    const Places& places;
    Cursor cursor;
    Later<kLaterCount<Event>> later;
  };

  template <class Event, bool kSimple, std::size_t... kIndex>
  UPFEED_ALWAYS_INLINE bool read_fields(Way<Event>& way, Event& event,
                                        std::index_sequence<kIndex...>) const {
    return (read_field<Event, kSimple, kIndex + 1>(way, event) && ...);
  }

  template <class Event, bool kSimple, std::size_t kIndex>
  UPFEED_ALWAYS_INLINE bool read_field(Way<Event>& way, Event& event) const {
    constexpr std::size_t kLater = kLaterBefore<Event, kIndex>;
    constexpr bool kIsLater = kGoesLater<Event, kIndex> && kLater < kLaterCount<Event>;
    Cursor& cursor = way.cursor;
    constexpr const auto& kEntry = kFields<Event>[kIndex];
    constexpr auto kKeyText = kKey<Event, kSimple, kIndex>;
    static_assert(kKeyText.size() + kValueReach <= kDecodePadding + 1);
    if (cursor.at() >= end_) return false;
    if (!starts_with<kKeyText>(cursor.at())) {
      if constexpr (kIsLater) way.later.leave_out(kLater);
      return !kEntry.required();
    }
    const At at = cursor.at() + kKeyText.size();
    event.present |= kEntry.bit();
    if constexpr (kEntry.nullable()) {
      if (*at == 'n') {
        if constexpr (kIsLater) way.later.leave_out(kLater);
        event.null |= kEntry.bit();
        return cursor.go_on(take<"null">(at));
      }
    }
    constexpr auto kMember = std::get<kEntry.slot.index()>(kEntry.slot);
    constexpr char kEnd = kIndex + 1 == kFields<Event>.size() ? '}' : ',';
    using Member = std::remove_const_t<decltype(kMember)>;
    if constexpr (kIsLater) {
      way.later.set(kLater, at, cursor.go_on());
      return true;
    } else if constexpr (std::is_same_v<Member, CodeSlot>) {
      return cursor.go_on(read_code(at, event));
    } else if constexpr (std::is_same_v<Member, UnitsSlot>) {
      return read_units<kSimple>(at, way.places, cursor, event);
    } else {
      return cursor.go_on(read_value<kEnd>(at, event.*kMember));
    }
  }

  template <class Event, std::size_t... kNumber>
  UPFEED_ALWAYS_INLINE bool read_later(const Later<kLaterCount<Event>>& later, Event& event,
                                       std::index_sequence<kNumber...>) const {
    const typename Kernel::Four four;
    std::array<std::int64_t, sizeof...(kNumber)> magnitudes;
    std::uint64_t left_out = 0;
    for (std::size_t i = 0; i < magnitudes.size(); i += 4) {
      const std::uint64_t bits =
          four.read(later.ends.data() + i, later.sizes[i / 4], magnitudes.data() + i);
      left_out |= bits << i;
    }
    (set_magnitude(event, kLaterMember<Event, kNumber>, magnitudes[kNumber]), ...);
    if (left_out == 0) return true;
    return ((((left_out >> kNumber) & 1) == 0 ||
             read_value<','>(later.begin(kNumber), event.*kLaterMember<Event, kNumber>) ==
                 later.ends[kNumber]) &&
            ...);
  }
  template <class Event, std::size_t kNumber, std::size_t kIndex = 0>
  static constexpr auto later_member() {
    if constexpr (kGoesLater<Event, kIndex> && kLaterBefore<Event, kIndex> == kNumber) {
      return std::get<kFields<Event>[kIndex].slot.index()>(kFields<Event>[kIndex].slot);
    } else {
      return later_member<Event, kNumber, kIndex + 1>();
    }
  }
  template <class Event, std::size_t kNumber>
  static constexpr auto kLaterMember = later_member<Event, kNumber>();
  template <class Event>
  UPFEED_ALWAYS_INLINE static void set_magnitude(Event& event, Price Event::*member,
                                                 std::int64_t magnitude) {
    event.*member = Price::from_raw(magnitude);
  }
  template <class Event>
  UPFEED_ALWAYS_INLINE static void set_magnitude(Event& event, WideQuantity Event::*member,
                                                 std::int64_t magnitude) {
    event.*member = WideQuantity::from_raw(magnitude);
  }

  template <FixedText kText>
  UPFEED_ALWAYS_INLINE static At take(At at) {
    return starts_with<kText>(at) ? at + kText.size() : nullptr;
  }

  // Numbers. The sign is taken off first: kernels know digits only.
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, Price& out) const {
    return read_price<kEnd>(at, end_, out);
  }
  template <char kEnd>
  __attribute__((noinline)) static At read_price(At at, const char* end, Price& out) noexcept {
    std::int64_t raw = 0;
    const At behind = read_signed<kEnd>(at, raw);
    if (behind == nullptr) return read_slowly(at, end, out);
    out = Price::from_raw(raw);
    return behind;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, WideQuantity& out) const {
    return read_wide<kEnd>(at, end_, out);
  }
  template <char kEnd>
  __attribute__((noinline)) static At read_wide(At at, const char* end,
                                                WideQuantity& out) noexcept {
    std::int64_t raw = 0;
    const At behind = read_signed<kEnd>(at, raw);
    if (behind == nullptr) return read_slowly(at, end, out);
    out = WideQuantity::from_raw(raw);
    return behind;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, Decimal& out) const {
    return read_decimal<kEnd>(at, end_, out);
  }
  template <char kEnd>
  __attribute__((noinline)) static At read_decimal(At at, const char* end, Decimal& out) noexcept {
    const bool negative = *at == '-';
    Spelled number;
    if (!Kernel().template scan<kEnd>(at + negative, number)) return read_slowly(at, end, out);
    out = to_decimal(number, negative);
    return at + negative + number.size;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, ExchangeTime& out) const {
    std::uint64_t wire = 0;
    const std::size_t size = Kernel().template whole<kEnd>(at, wire);
    if (size == 0) return read_slowly(at, end_, out);
    out = ExchangeTime(static_cast<std::int64_t>(wire));
    return at + size;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, std::uint64_t& out) const {
    const std::size_t size = Kernel().template whole<kEnd>(at, out);
    return size != 0 ? at + size : read_slowly(at, end_, out);
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_signed(At at, std::int64_t& raw) {
    const bool negative = *at == '-';
    Spelled number;
    std::int64_t magnitude = 0;
    const Kernel kernel;
    if (!kernel.template scan<kEnd>(at + negative, number)) return nullptr;
    if (!to_magnitude(number, magnitude)) return nullptr;
    raw = negative ? -magnitude : magnitude;
    return at + negative + number.size;
  }

  /// A number that is spelled unusually, or no number.
  [[nodiscard]] static std::string_view number_token(At at, const char* end) noexcept {
    const char* behind = at;
    while (behind < end && ((*behind >= '0' && *behind <= '9') || *behind == '-' ||
                            *behind == '+' || *behind == '.' || *behind == 'e' || *behind == 'E')) {
      ++behind;
    }
    return {at, static_cast<std::size_t>(behind - at)};
  }
  template <class Number>
  __attribute__((noinline, cold)) static At read_slowly(At at, const char* end,
                                                        Number& out) noexcept {
    const std::string_view token = number_token(at, end);
    return parse_value(token, out) == DecodeErrc::ok ? at + token.size() : nullptr;
  }
  template <class Number>
  static At read_level_slowly(At at, const char* end, Number& out) noexcept {
    const std::string_view token = number_token(at, end);
    return parse_level_value(token, out) == DecodeErrc::ok ? at + token.size() : nullptr;
  }

  // Texts and literals.
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, bool& out) const {
    out = *at == 't';
    return out ? take<"true">(at) : take<"false">(at);
  }
  template <char kEnd, std::size_t kCapacity>
  UPFEED_ALWAYS_INLINE At read_value(At at, InlineText<kCapacity>& out) const {
    // The characters and then their count, as InlineText lays them out; written in place, since to
    // read back what was just written in pieces would stall.
    static_assert(sizeof(out) == kCapacity + 1 &&
                  std::is_standard_layout_v<InlineText<kCapacity>> &&
                  std::is_trivially_copyable_v<InlineText<kCapacity>>);
    char* const bytes = reinterpret_cast<char*>(&out);
    if (*at != '"') return nullptr;
    const std::size_t size = Kernel::template text<kCapacity + 1>(at + 1, bytes);
    if (size > kCapacity) return nullptr;
    bytes[kCapacity] = static_cast<char>(size);
    return at + size + 2;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, Side& out) const {
    return read_word<kSideTexts>(at, out);
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, Change& out) const {
    return read_word<kChangeTexts>(at, out);
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE At read_value(At at, StreamType& out) const {
    return read_word<kStreamTypeTexts>(at, out);
  }
  template <const auto& kTexts, std::size_t kIndex>
  static constexpr std::uint64_t kTextWord = word_of(kTexts[kIndex]);
  /// One of a few words of one length, found without a branch: which one it is, is news.
  template <const auto& kTexts, class Enum>
  UPFEED_ALWAYS_INLINE static At read_word(At at, Enum& out) {
    constexpr std::size_t kSize = kTexts[1].size();
    static_assert(kSize <= 8 && std::all_of(kTexts.begin() + 1, kTexts.end(),
                                            [](auto text) { return text.size() == kSize; }));
    constexpr std::uint64_t kMask = ~std::uint64_t{0} >> (64 - 8 * kSize);
    const std::uint64_t word = load_u64(at + 1) & kMask;
    const unsigned found = [word]<std::size_t... kIndex>(std::index_sequence<kIndex...>)
        __attribute__((always_inline)) {
      return ((word == kTextWord<kTexts, kIndex + 1> ? static_cast<unsigned>(kIndex + 1) : 0U) |
              ...);
    }
    (std::make_index_sequence<kTexts.size() - 1>());
    if (found == 0 || *at != '"' || at[kSize + 1] != '"') return nullptr;
    out = static_cast<Enum>(found);
    return at + kSize + 2;
  }
  UPFEED_ALWAYS_INLINE static At read_candle_unit(At at, CandleUnit& unit) {
    const std::uint64_t word = load_u64(at);
    std::size_t size = 0;
    const auto is = [&]<std::size_t kIndex>(std::integral_constant<std::size_t, kIndex>) {
      constexpr std::string_view kText = kCandleUnitTexts[kIndex];
      constexpr std::uint64_t kMask = ~std::uint64_t{0} >> (64 - 8 * kText.size());
      constexpr std::uint64_t kWord = word_of(kText);
      if ((word & kMask) != kWord) return;
      size = kText.size();
      unit = static_cast<CandleUnit>(kIndex);
    };
    [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
      (is(std::integral_constant<std::size_t, kIndex>()), ...);
    }
    (std::make_index_sequence<kCandleUnitTexts.size()>());
    return size != 0 && at[size] == '"' ? at + size + 1 : nullptr;
  }

  UPFEED_ALWAYS_INLINE At read_code(At at, EventHeader& event) const {
    std::array<char, sizeof(MarketCode)> bytes;
    static_assert(sizeof(MarketCode) == MarketCode::kLengthMax);
    if (*at != '"') return nullptr;
    const std::size_t size = Kernel::template text<sizeof(MarketCode)>(at + 1, bytes.data());
    if (size == kNoText || size == 0) return nullptr;
    // Not checked any further: only what is a code can be found in the table.
    event.code = std::bit_cast<MarketCode>(bytes);
    event.market = context_.markets.find(event.code);
    return event.market.valid() || context_.interns_markets ? at + size + 2 : nullptr;
  }
  /// Last of all, so that a frame that is declined leaves the table as it was.
  __attribute__((noinline, cold)) static bool intern(MarketTable& markets,
                                                     EventHeader& event) noexcept {
    const auto code = MarketCode::parse(event.code.view());
    if (!code) return false;
    event.market = markets.intern(*code);
    return event.market.valid();
  }

  // The units of an order book. Between two of them the place is at the comma, so that a comma
  // without a unit behind it is seen.
  template <bool kSimple>
  UPFEED_ALWAYS_INLINE bool read_units(At at, const Places& places, Cursor& cursor,
                                       OrderbookEvent& event) const {
    Units units{event.unit_array(), context_.wide.data()};
    while (true) {
      if constexpr (Kernel::kReadsMany) {
        at = read_many_units<kSimple>(at, places, cursor, units);
      } else {
        at = read_usual_units<kSimple>(at, end_, cursor, units);
      }
      if (*at == ']' && units.count > 0) break;
      if (units.count == kBookDepthMax) return false;
      at = read_unit_slowly<kSimple>(at, end_, units);
      if (at == nullptr) return false;
    }
    if (units.wide) widen(units);
    finish_units(event, units.count, context_.wide, units.wide);
    cursor.skip(4 * units.count - 1);  // three in each unit, one between two
    return cursor.go_on(at + 1);
  }
  /// Where units go.
  struct Units {
    BookUnit* narrow;
    WideUnitSizes* exact;  ///< of the sizes that are beyond int64, until widen()
    std::size_t count = 0;
    bool wide = false;
  };

  template <bool kSimple>
  __attribute__((noinline)) static At read_many_units(At at, const Places& places,
                                                      const Cursor& cursor, Units& units) noexcept {
    const auto read_alone = [&units]<UnitField kField>(At number, At behind, std::size_t index) {
      return read_alone_at<kField>(number, behind, units, index);
    };
    return Kernel::template units<kSimple>(at, places, cursor, units.narrow, units.count,
                                           read_alone);
  }
  template <UnitField kField>
  __attribute__((noinline)) static bool read_alone_at(At at, At end, Units& units,
                                                      std::size_t index) noexcept {
    const Kernel kernel;
    BookUnit& unit = units.narrow[index];
    WideUnitSizes& exact = units.exact[index];
    if constexpr (kField == UnitField::ask_price) {
      return read_level_price(kernel, at, unit.ask_price) == end;
    } else if constexpr (kField == UnitField::bid_price) {
      return read_level_price(kernel, at, unit.bid_price) == end;
    } else if constexpr (kField == UnitField::ask_size) {
      return read_level_size<','>(kernel, at, unit.ask_size, exact.ask_size, units.wide) == end;
    } else {
      return read_level_size<'}'>(kernel, at, unit.bid_size, exact.bid_size, units.wide) == end;
    }
  }

  /// Reads units up to the first one that is not as usual. Calls nothing, so that all constants of
  /// the kernel stay in registers.
  template <bool kSimple>
  __attribute__((noinline)) static At read_usual_units(At at, const char* const end, Cursor cursor,
                                                       Units& units) noexcept {
    const Kernel kernel;
    Units read = units;
    cursor.skip(4 * read.count);
    char opener = read.count == 0 ? '[' : ',';
    while (*at == opener && read.count < kBookDepthMax) {
      BookUnit& unit = read.narrow[read.count];
      WideUnitSizes& exact = read.exact[read.count];
      if (!cursor.go_on(read_unit_price<UnitField::ask_price, kSimple>(kernel, at + 1, end,
                                                                       unit.ask_price)) ||
          !cursor.go_on(read_unit_price<UnitField::bid_price, kSimple>(kernel, cursor.at(), end,
                                                                       unit.bid_price)) ||
          !cursor.go_on(read_unit_size<UnitField::ask_size, kSimple>(
              kernel, cursor.at(), end, unit.ask_size, exact.ask_size, read.wide))) {
        break;
      }
      const At behind = read_unit_size<UnitField::bid_size, kSimple>(
          kernel, cursor.at(), end, unit.bid_size, exact.bid_size, read.wide);
      if (behind == nullptr || *behind != '}') break;
      ++read.count;
      opener = ',';
      at = behind + 1;
      if (!cursor.go_on(at)) break;  // behind the last unit
      at = cursor.at();
    }
    units = read;
    return at;
  }
  template <UnitField kField, bool kSimple>
  UPFEED_ALWAYS_INLINE static At read_unit_key(At at, const char* end) {
    constexpr auto kText = kUnitKey<kField, kSimple>;
    static_assert(kText.size() + kValueReach <= kDecodePadding + 1);
    return at < end ? take<kText>(at) : nullptr;
  }
  template <UnitField kField, bool kSimple>
  UPFEED_ALWAYS_INLINE static At read_unit_price(const Kernel& kernel, At at, const char* end,
                                                 Price& out) {
    at = read_unit_key<kField, kSimple>(at, end);
    return at != nullptr ? read_level_price(kernel, at, out) : nullptr;
  }
  UPFEED_ALWAYS_INLINE static At read_level_price(const Kernel& kernel, At at, Price& out) {
    Spelled number;
    std::int64_t magnitude = 0;
    if (!kernel.template scan<','>(at, number)) return nullptr;
    if (!to_magnitude(number, magnitude)) return nullptr;
    out = Price::from_raw(magnitude);
    return at + number.size;
  }
  template <UnitField kField, bool kSimple>
  UPFEED_ALWAYS_INLINE static At read_unit_size(const Kernel& kernel, At at, const char* end,
                                                Quantity& out, WideQuantity& exact, bool& wide) {
    at = read_unit_key<kField, kSimple>(at, end);
    constexpr char kEnd = kField == UnitField::bid_size ? '}' : ',';
    return at != nullptr ? read_level_size<kEnd>(kernel, at, out, exact, wide) : nullptr;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_level_size(const Kernel& kernel, At at, Quantity& out,
                                                 WideQuantity& exact, bool& wide) {
    Spelled number;
    std::int64_t magnitude = 0;
    if (!kernel.template scan<kEnd>(at, number)) return nullptr;
    if (to_magnitude(number, magnitude)) {
      out = Quantity::from_raw(magnitude);
    } else {
      Uint128 beyond = 0;
      if (!to_magnitude(number, beyond)) return nullptr;
      exact = WideQuantity::from_raw(static_cast<Int128>(beyond));
      out = Quantity::narrow(exact);
      wide |= out.in_wide_form();
    }
    return at + number.size;
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
        !(at = read_level_slowly(at, end, unit.ask_price)) ||
        !(at = read_unit_key<bid_price, kSimple>(at, end)) ||
        !(at = read_level_slowly(at, end, unit.bid_price)) ||
        !(at = read_unit_key<ask_size, kSimple>(at, end)) ||
        !(at = read_level_slowly(at, end, exact.ask_size)) ||
        !(at = read_unit_key<bid_size, kSimple>(at, end)) ||
        !(at = read_level_slowly(at, end, exact.bid_size)) || *at != '}') {
      return nullptr;
    }
    unit.ask_size = Quantity::narrow(exact.ask_size);
    unit.bid_size = Quantity::narrow(exact.bid_size);
    units.wide |= unit.ask_size.in_wide_form() || unit.bid_size.in_wide_form();
    ++units.count;
    return at + 1;
  }
  /// One wide size makes all of the frame wide.
  __attribute__((noinline, cold)) static void widen(const Units& units) noexcept {
    const auto set = [](const Quantity& size, WideQuantity& exact) {
      if (!size.in_wide_form()) exact = WideQuantity::from_raw(size.raw());
    };
    for (std::size_t i = 0; i < units.count; ++i) {
      set(units.narrow[i].ask_size, units.exact[i].ask_size);
      set(units.narrow[i].bid_size, units.exact[i].bid_size);
    }
  }

  const char* begin_;
  const char* end_;
  const FastContext& context_;
};

}  // namespace upfeed::detail
