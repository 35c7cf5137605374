#pragma once

// The units of an order book with AVX-512, two at a time. Between two commas (commas.hpp) stand a
// key, whose size is known, and a number; 16 characters left and right of a comma are the end of a
// number and the key of the next one:
//
//   [{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.0205,"bid_size":8.1E-4},{"ask_...
//   ^                      ^                     ^                 ^                  ^
//
//   |[{"ask_price":1.16539E8|,"bid_price":...|           lanes 0 and 1 of a load
//
// A number that EightNumbers does not suit is read alone.
//
// Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decode/fast/commas.hpp"
#include "decode/fast/eight_numbers.hpp"
#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"
#include "decode/fast/sized_values.hpp"
#include "decode/fast/value_reader.hpp"
#include "decode/fields.hpp"
#include "decode/value.hpp"

namespace upfeed::detail {

/// Kernel  for what is read alone. Isa  as in vector256.hpp.
template <class Kernel, class Isa>
class UnitPairs {
 public:
  using Places = Commas<Isa>;

  /// opener  the comma in front of the units' key, which was compared; of the commas in and behind
  /// the units only the places are known. unit_count  2 to kBookDepthMax.
  template <bool kSimple>
  UPFEED_ALWAYS_INLINE static bool read(const Places& places, std::size_t opener,
                                        std::size_t unit_count, const FastContext& context,
                                        OrderbookEvent& event) {
    constexpr auto kFirstKey = join<1 + kUnitKey<UnitField::ask_price, kSimple>.size()>(
        std::string_view("["), kKeyText<UnitField::ask_price, kSimple>);
    if (!starts_with<kFirstKey>(places[opener] + kOpenerSize<kSimple>)) return false;
    const Frame frame{places.begin(), places.words() + opener};
    Units units{event.unit_array(), context.wide.data(), unit_count};
    const Numbers numbers;
    __mmask8 zeros = 0;
    if (!read_all<kSimple>(numbers, frame, units, zeros)) return false;
    constexpr unsigned kPrices = 0x33;
    if (units.wide) Values::widen(units);
    finish_units(event, unit_count, context.wide, units.wide, (zeros & kPrices) != 0);
    return true;
  }

 private:
  using At = const char*;
  using Values = ValueReader<Kernel>;
  using Numbers = EightNumbers<Isa>;
  using Bytes = std::array<std::uint8_t, 64>;
  using Words = std::array<std::int16_t, 8>;

  template <UnitField kField, bool kSimple>
  static constexpr std::string_view kKeyText{kUnitKey<kField, kSimple>.chars.data(),
                                             kUnitKey<kField, kSimple>.size()};
  static constexpr auto kUnits = static_cast<std::size_t>(OrderbookEvent::Field::orderbook_units);
  template <bool kSimple>
  static constexpr std::size_t kOpenerSize = kKey<OrderbookEvent, kSimple, kUnits>.size();
  /// In front of the first number of a unit, up to the brace of the one before: },{"ask_price":
  template <bool kSimple>
  static constexpr auto kNextUnit = join<2 + kUnitKey<UnitField::ask_price, kSimple>.size()>(
      std::string_view("},"), kKeyText<UnitField::ask_price, kSimple>);

  /// What stands right of two ends of numbers, in lanes 1 and 3.
  struct Keys {
    alignas(64) Bytes text{};
    alignas(64) Bytes mask{};  ///< the bits that count

    constexpr Keys(std::string_view first, std::string_view second) {
      set(1, first);
      set(3, second);
    }
    constexpr void set(std::size_t lane, std::string_view key) {
      for (std::size_t i = 0; i < key.size(); ++i) {
        text[16 * lane + i] = static_cast<std::uint8_t>(key[i]);
        mask[16 * lane + i] = 0xFF;
      }
    }
    /// Not 0: first or second are not as they should be.
    UPFEED_ALWAYS_INLINE __mmask8 differ(__m512i first, __m512i second) const {
      constexpr int kEitherDiffers = 0x7E;  // (a ^ c) | (b ^ c)
      return _mm512_test_epi64_mask(
          _mm512_ternarylogic_epi64(first, second, load64(text.data()), kEitherDiffers),
          load64(mask.data()));
    }
  };
  template <bool kSimple>
  static constexpr Keys kEvenKeys{kKeyText<UnitField::bid_price, kSimple>,
                                  kKeyText<UnitField::bid_size, kSimple>};
  template <bool kSimple>
  static constexpr Keys kOddKeys{
      kKeyText<UnitField::ask_size, kSimple>,
      std::string_view(kNextUnit<kSimple>.chars.data(), kNextUnit<kSimple>.size())};
  template <bool kSimple>
  static constexpr Keys kLastKeys{kKeyText<UnitField::ask_size, kSimple>, "}]"};

  /// From comma to comma, less these: the sizes of the numbers of two units. The first unit has the
  /// bracket and its key in front, the last one a bracket behind.
  template <bool kSimple, bool kFirst, bool kLast>
  alignas(16) static constexpr Words kKeySizes = [] {
    const std::array<std::size_t, 4> sizes{1 + kKeyText<UnitField::ask_price, kSimple>.size(),
                                           kKeyText<UnitField::bid_price, kSimple>.size(),
                                           kKeyText<UnitField::ask_size, kSimple>.size(),
                                           kKeyText<UnitField::bid_size, kSimple>.size() + 1};
    Words words{};
    for (std::size_t i = 0; i < 8; ++i) words[i] = static_cast<std::int16_t>(sizes[i % 4]);
    if (kFirst) words[0] = static_cast<std::int16_t>(words[0] + kOpenerSize<kSimple>);
    if (kLast) words[7] = static_cast<std::int16_t>(words[7] + 1);
    return words;
  }();
  UPFEED_ALWAYS_INLINE static __m128i load(const Words& words) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()));
  }

  struct Frame {
    const char* begin;
    const std::uint16_t* commas;  ///< from the one in front of the units' key on

    [[nodiscard]] UPFEED_ALWAYS_INLINE At comma(std::size_t i) const { return begin + commas[i]; }
    [[nodiscard]] UPFEED_ALWAYS_INLINE Frame at(std::size_t unit) const {
      return {begin, commas + 4 * unit};
    }
  };

  struct Pair {
    typename Numbers::Seen seen;
    __m128i sizes;
    std::size_t unit;
    At end;  ///< of the last number
  };

  /// The characters of two units are looked at before the values of the two in front of them are
  /// computed, so that neither waits for the other.
  template <bool kSimple>
  UPFEED_ALWAYS_INLINE static bool read_all(const Numbers& numbers, const Frame& frame,
                                            Units& units, __mmask8& zeros) {
    Pair pair;
    if (!(units.count > 2 ? see<kSimple, true, false>(numbers, frame, 0, pair)
                          : see<kSimple, true, true>(numbers, frame, 0, pair))) {
      return false;
    }
    for (std::size_t unit = 2; unit < units.count; unit += 2) {
      Pair next;
      // The last two, be one of them read before or not.
      if (!(unit + 2 < units.count
                ? see<kSimple, false, false>(numbers, frame, unit, next)
                : see<kSimple, false, true>(numbers, frame, units.count - 2, next))) {
        return false;
      }
      if (!value(numbers, frame, pair, units, zeros)) return false;
      pair = next;
    }
    return value(numbers, frame, pair, units, zeros);
  }

  /// kFirst, kLast  there is no unit in front of these two, or behind them.
  template <bool kSimple, bool kFirst, bool kLast>
  UPFEED_ALWAYS_INLINE static bool see(const Numbers& numbers, const Frame& frame, std::size_t unit,
                                       Pair& pair) {
    const Frame here = frame.at(unit);
    const At end = here.comma(8) - (kLast ? 2 : 1);
    const __m512i even_first = join32(here.comma(1) - 16, here.comma(3) - 16);
    const __m512i even_second = join32(here.comma(5) - 16, here.comma(7) - 16);
    const __m512i odd_first = join32(here.comma(2) - 16, here.comma(4) - 17);
    const __m512i odd_second = join32(here.comma(6) - 16, end - 16);
    const __mmask8 wrong = kEvenKeys<kSimple>.differ(even_first, even_second);
    if constexpr (kLast) {
      if (_kortestz_mask8_u8(kOddKeys<kSimple>.differ(odd_first, odd_first),
                             kLastKeys<kSimple>.differ(odd_second, odd_second)) == 0) {
        return false;
      }
    }
    const __mmask8 odd_wrong = kLast ? wrong : kOddKeys<kSimple>.differ(odd_first, odd_second);
    if (_kortestz_mask8_u8(wrong, odd_wrong) == 0) return false;

    constexpr int kNumbers = 0x88;  // lanes 0 and 2 of both
    pair.sizes = _mm_sub_epi16(_mm_sub_epi16(load_words(here.commas + 1), load_words(here.commas)),
                               load(kKeySizes<kSimple, kFirst, kLast>));
    pair.unit = unit;
    pair.end = end;
    pair.seen = numbers.look(_mm512_shuffle_i64x2(even_first, even_second, kNumbers),
                             _mm512_shuffle_i64x2(odd_first, odd_second, kNumbers), pair.sizes);
    return true;
  }
  /// zeros  adds a bit for each value, by its place, that may be 0.
  UPFEED_ALWAYS_INLINE static bool value(const Numbers& numbers, const Frame& frame,
                                         const Pair& pair, Units& units, __mmask8& zeros) {
    const auto result = numbers.value(pair.seen, _mm_set1_epi16(kFixedDecimals));
    _mm512_storeu_si512(units.narrow + pair.unit, result.magnitudes);
    zeros = _kor_mask8(zeros, _mm512_testn_epi64_mask(result.magnitudes, result.magnitudes));
    if (result.whole()) return true;
    zeros = 0xFF;
    return read_left_out(frame.at(pair.unit), pair.sizes, result.left_out(), pair.end, units,
                         pair.unit);
  }

  /// left_out  a bit for each number. last_end  of the last one.
  __attribute__((noinline)) static bool read_left_out(Frame here, __m128i number_sizes,
                                                      unsigned left_out, At last_end, Units& units,
                                                      std::size_t unit) noexcept {
    Words sizes;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sizes.data()), number_sizes);
    for (; left_out != 0; left_out &= left_out - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(left_out));
      const At end = i == 7 ? last_end : here.comma(i + 1) - (i == 3);
      if (sizes[i] <= 0) return false;
      if (!read_alone(end - sizes[i], end, units, unit + i / 4, i % 4)) return false;
    }
    return true;
  }
  UPFEED_ALWAYS_INLINE static bool read_alone(At at, At end, Units& units, std::size_t index,
                                              std::size_t field) {
    BookUnit& unit = units.narrow[index];
    WideUnitSizes& exact = units.exact[index];
    Uint128 magnitude = 0;
    if (field <= static_cast<std::size_t>(UnitField::bid_price)) {
      Price& price = field == 0 ? unit.ask_price : unit.bid_price;
      if (!SizedValues<Isa>::magnitude(at, end, magnitude) || magnitude > INT64_MAX) {
        return Values::read_level_slowly(at, end, price) == end;
      }
      price = Price::from_raw(static_cast<std::int64_t>(magnitude));
      return true;
    }
    const bool is_ask = field == static_cast<std::size_t>(UnitField::ask_size);
    Quantity& size = is_ask ? unit.ask_size : unit.bid_size;
    WideQuantity& wide = is_ask ? exact.ask_size : exact.bid_size;
    if (SizedValues<Isa>::magnitude(at, end, magnitude)) {
      wide = WideQuantity::from_raw(static_cast<Int128>(magnitude));
    } else if (Values::read_level_slowly(at, end, wide) != end) {
      return false;
    }
    size = Quantity::narrow(wide);
    units.wide |= size.in_wide_form();
    return true;
  }
  UPFEED_ALWAYS_INLINE static __m128i load_words(const std::uint16_t* words) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
  }
};

}  // namespace upfeed::detail
