#pragma once

// One value of a frame, from the place where it should start to the member it belongs to. The
// functions return the place behind it, or nullptr to decline; end is the frame's, or nearer.
//
// Included by the kernels only, each within the instruction set it compiles for, after everything
// that is included here.
// A Kernel has:
//   scan<kEnd>(at, Spelled&) -> false: not as usual. kEnd should stand behind the number, which is
//                               for the caller to check.
//   whole<kEnd>(at, uint64&) -> the same for a number of 18 digits at most.
//   text<kCapacity>(at, char*) -> bytes of the text up to its closing quote, zero-padded to
//                              kCapacity; kNoText: too long, or not plain printable ASCII.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "decode/decode.hpp"
#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"
#include "decode/fast/spelled.hpp"
#include "decode/fields.hpp"
#include "decode/value.hpp"

namespace upfeed::detail {

inline constexpr std::size_t kNoText = SIZE_MAX;
/// Most bytes beyond its start that reading one value may touch.
inline constexpr std::size_t kValueReach = 38;

/// Where the units of an order book go.
struct Units {
  BookUnit* narrow;
  WideUnitSizes* exact;  ///< of the sizes that are beyond int64, until ValueReader::widen()
  std::size_t count = 0;
  bool wide = false;
};

template <class Kernel>
class ValueReader {
 public:
  using At = const char*;

  template <FixedText kText>
  UPFEED_ALWAYS_INLINE static At take(At at) {
    return starts_with<kText>(at) ? at + kText.size() : nullptr;
  }

  // Numbers. The sign is taken off first: kernels know digits only.
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At end, Price& out) {
    return read_fixed_point<kEnd>(at, end, out);
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At end, WideQuantity& out) {
    return read_fixed_point<kEnd>(at, end, out);
  }
  template <char kEnd, class Number>
  __attribute__((noinline)) static At read_fixed_point(At at, const char* end,
                                                       Number& out) noexcept {
    std::int64_t raw = 0;
    const At behind = read_signed<kEnd>(at, raw);
    if (behind == nullptr) return read_slowly(at, end, out);
    out = Number::from_raw(raw);
    return behind;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At end, Decimal& out) {
    return read_decimal<kEnd>(at, end, out);
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
  UPFEED_ALWAYS_INLINE static At read_value(At at, At end, ExchangeTime& out) {
    std::uint64_t wire = 0;
    const std::size_t size = Kernel().template whole<kEnd>(at, wire);
    if (size == 0) return read_slowly(at, end, out);
    out = ExchangeTime(static_cast<std::int64_t>(wire));
    return at + size;
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At end, std::uint64_t& out) {
    const std::size_t size = Kernel().template whole<kEnd>(at, out);
    return size != 0 ? at + size : read_slowly(at, end, out);
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
  // Texts and literals.
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At, bool& out) {
    out = *at == 't';
    return out ? take<"true">(at) : take<"false">(at);
  }
  template <char kEnd, std::size_t kCapacity>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At, InlineText<kCapacity>& out) {
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
  UPFEED_ALWAYS_INLINE static At read_value(At at, At, Side& out) {
    return read_word<kSideTexts>(at, out);
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At, Change& out) {
    return read_word<kChangeTexts>(at, out);
  }
  template <char kEnd>
  UPFEED_ALWAYS_INLINE static At read_value(At at, At, StreamType& out) {
    return read_word<kStreamTypeTexts>(at, out);
  }
  /// One of a few words of one length.
  template <const auto& kTexts, class Enum>
  UPFEED_ALWAYS_INLINE static At read_word(At at, Enum& out) {
    constexpr std::size_t kSize = kTexts[1].size();
    static_assert(kSize <= 8 && std::all_of(kTexts.begin() + 1, kTexts.end(),
                                            [](auto text) { return text.size() == kSize; }));
    constexpr bool kWithQuotes = kSize <= 6;
    constexpr const auto& kTable = kWordTable<kTexts, 1, kWithQuotes, kWithQuotes>;
    constexpr std::size_t kWordSize = kSize + (kWithQuotes ? 2 : 0);
    constexpr std::uint64_t kMask = ~std::uint64_t{0} >> (64 - 8 * kWordSize);
    std::uint8_t found = 0;
    if (!kTable.find(load_u64(at + !kWithQuotes) & kMask, found)) return nullptr;
    if (!kWithQuotes && (*at != '"' || at[kSize + 1] != '"')) return nullptr;
    out = static_cast<Enum>(found);
    return at + kSize + 2;
  }
  UPFEED_ALWAYS_INLINE static At read_candle_unit(At at, CandleUnit& unit) {
    constexpr const auto& kTable = kWordTable<kCandleUnitTexts, 0, false, true>;
    const unsigned size = at[2] == '"' ? 2 : at[3] == '"' ? 3 : 4;
    std::uint8_t found = 0;
    if (!kTable.find(load_u64(at) & ~std::uint64_t{0} >> (56 - 8 * size), found)) return nullptr;
    unit = static_cast<CandleUnit>(found);
    return at + size + 1;
  }

  UPFEED_ALWAYS_INLINE static At read_code(At at, const FastContext& context, EventHeader& event) {
    std::array<char, sizeof(MarketCode)> bytes;
    static_assert(sizeof(MarketCode) == MarketCode::kLengthMax);
    if (*at != '"') return nullptr;
    const std::size_t size = Kernel::template text<sizeof(MarketCode)>(at + 1, bytes.data());
    if (size == kNoText || size == 0) return nullptr;
    return find_market(std::bit_cast<MarketCode>(bytes), context, event) ? at + size + 2 : nullptr;
  }
  /// code  not checked: only what is a code can be found in the table.
  UPFEED_ALWAYS_INLINE static bool find_market(const MarketCode& code, const FastContext& context,
                                               EventHeader& event) {
    event.code = code;
    event.market = context.markets.find(code);
    return event.market.valid() || context.interns_markets;
  }
  /// Last of all, so that a frame that is declined leaves the table as it was.
  __attribute__((noinline, cold)) static bool intern(MarketTable& markets,
                                                     EventHeader& event) noexcept {
    const auto code = MarketCode::parse(event.code.view());
    if (!code) return false;
    event.market = markets.intern(*code);
    return event.market.valid();
  }

  UPFEED_ALWAYS_INLINE static void report(const EventHeader& event, Decoded& decoded) {
    decoded.errc = DecodeErrc::ok;
    decoded.frame_class = FrameClass::event;
    decoded.has_kind = true;
    decoded.kind = event.kind;
    decoded.market = event.market;
    decoded.size_bytes = event.size_bytes;
  }

  // Prices and sizes of an order book: no sign, and sizes that may be wide.
  template <class Number>
  static At read_level_slowly(At at, const char* end, Number& out) noexcept {
    const std::string_view token = number_token(at, end);
    return parse_level_value(token, out) == DecodeErrc::ok ? at + token.size() : nullptr;
  }

  UPFEED_ALWAYS_INLINE static At read_level_price(const Kernel& kernel, At at, Price& out) {
    Spelled number;
    std::int64_t magnitude = 0;
    if (!kernel.template scan<','>(at, number)) return nullptr;
    if (!to_magnitude(number, magnitude)) return nullptr;
    out = Price::from_raw(magnitude);
    return at + number.size;
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
};

}  // namespace upfeed::detail
