#pragma once

// Eight numbers at a time with AVX-512, each in a lane of 16 bytes that ends with its last
// character, the even ones in one register and the odd ones in another:
//
//   |.......1.16539E8|..........0.0205| ...   |.......1.16538E8|..........8.1E-4| ...
//   |........16539...|                                         what stands at the end is
//   |.........116539 |                                         cut off, points closed
//          x 10^11           x 10^4    ...           x 10^11           x 10^3      exactly
//
// Where the parts of a number lie follows from bitmaps of 16 bits a lane, all eight of them in one
// register of words. No branch depends on how a number is spelled. What this does not suit (more
// than 16 characters, a value beyond int64, a sign, or no number at all) is left out, for others to
// read.
//
// Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "decode/fast/fixed_text.hpp"
#include "decode/fast/vector512.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

/// Element by element of a register of 64 bytes.
template <class Element, class ByIndex>
constexpr std::array<Element, 64 / sizeof(Element)> in_order(ByIndex by_index) {
  std::array<Element, 64 / sizeof(Element)> elements{};
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<Element>(by_index(i));
  return elements;
}

struct EightNumbersTables {
  using Bytes = std::array<std::uint8_t, 64>;
  using Words = std::array<std::uint16_t, 8>;
  static constexpr std::size_t kPowerCount = 16;
  using Powers = std::array<std::uint64_t, kPowerCount>;

  using Bytes16 = std::array<std::uint8_t, 16>;
  static constexpr Bytes16 in_lanes(std::size_t even, std::size_t odd) {
    Bytes16 bytes{};
    for (std::size_t i = 0; i < 16; ++i) {
      bytes[i] = static_cast<std::uint8_t>(16 * (i / 2) + (i % 2 == 0 ? even : odd));
    }
    return bytes;
  }

  /// The words of numbers 0 to 7: the even ones, then the odd ones.
  static constexpr std::size_t word_of(std::size_t number) { return number / 2 + 4 * (number % 2); }

  alignas(64) Bytes zero = in_order<std::uint8_t>([](auto) { return '0'; });
  alignas(64) Bytes ten = in_order<std::uint8_t>([](auto) { return 10; });
  alignas(64) Bytes point = in_order<std::uint8_t>([](auto) { return '.' - '0'; });
  alignas(64) Bytes second_last = in_order<std::uint8_t>([](auto) { return 14; });
  // Weights of neighbours that become one.
  alignas(64) Bytes tens = in_order<std::uint8_t>([](auto i) { return i % 2 == 0 ? 10 : 1; });
  alignas(64) std::array<std::uint16_t, 32> hundreds = in_order<std::uint16_t>([](auto i) {
    return i % 2 == 0 ? 100 : 1;
  });
  alignas(64) std::array<std::uint16_t, 32> ten_thousands = in_order<std::uint16_t>([](auto i) {
    return i % 2 == 0 ? 10'000 : 1;
  });
  alignas(64) std::array<std::uint64_t, 8> hundred_millions = in_order<std::uint64_t>([](auto) {
    return 100'000'000;
  });
  alignas(64) Bytes place = in_order<std::uint8_t>([](auto i) { return i % 16; });
  alignas(64) Bytes place_before = in_order<std::uint8_t>([](auto i) { return i % 16 - 1; });
  /// By the last byte but one, less '0', of which six bits count: characters of the exponent.
  alignas(64) Bytes exponent_sizes = [] {
    Bytes sizes{};
    sizes[('E' - '0') & 63] = 2;
    sizes[('-' - '0') & 63] = 3;
    return sizes;
  }();
  // The places of the last two bytes of each lane of two registers; of the third last byte, and of
  // the first one behind the lane.
  alignas(16) Bytes16 tails = in_lanes(14, 15);
  alignas(16) Bytes16 heads = in_lanes(13, 16);
  /// Words of numbers to quadwords of numbers, in order.
  alignas(64) std::array<std::int16_t, 32> word_in_order = in_order<std::int16_t>([](auto i) {
    return word_of(i / 4);
  });
  alignas(16) std::array<std::uint8_t, 16> even_then_odd = [] {
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 16; ++i) {
      bytes[2 * word_of(i / 2) + i % 2] = static_cast<std::uint8_t>(i);
    }
    return bytes;
  }();
  alignas(64) Powers powers = [] {
    Powers table{1};
    for (std::size_t i = 1; i < table.size(); ++i) table[i] = table[i - 1] * 10;
    return table;
  }();
  /// The largest mantissas that the powers leave within int64.
  alignas(64) Powers mantissas_max = [] {
    Powers table{INT64_MAX};
    for (std::size_t i = 1; i < table.size(); ++i) table[i] = table[i - 1] / 10;
    return table;
  }();
  // In words:
  static constexpr Words all(std::uint16_t word) {
    return {word, word, word, word, word, word, word, word};
  }
  alignas(16) Words one = all(1);
  alignas(16) Words two = all(2);
  alignas(16) Words three = all(3);
  alignas(16) Words fifteen = all(15);
  alignas(16) Words minus_one = all(0xFFFF);
  alignas(16) Words sixteen = all(16);
  alignas(16) Words power_max = all(kPowerCount - 1);
  alignas(16) Words low_byte = all(0xFF);
  alignas(16) Words exponent = all('E' - '0');
  alignas(16) Words minus = all(('-' - '0') & 0xFF);
  alignas(16) Words last = all(0x8000);
  // Of the last character but one, and of it and the one in front:
  alignas(16) Words second_last_place = all(0x4000);
  alignas(16) Words two_places = all(0x6000);
};
inline constexpr EightNumbersTables kEightNumbers;

/// Isa  as in vector256.hpp.
template <class Isa>
class EightNumbers {
 public:
  struct Result {
    __m512i magnitudes;  ///< of the numbers, in order
    __mmask8 wrong;      ///< a bit for each of their words that is left out,
    __mmask8 too_large;  ///< or one for each of them

    [[nodiscard]] UPFEED_ALWAYS_INLINE bool whole() const {
      return _kortestz_mask8_u8(wrong, too_large) != 0;
    }
    /// A bit for each number.
    [[nodiscard]] UPFEED_ALWAYS_INLINE unsigned left_out() const {
      constexpr std::uint32_t kEachSecond = 0x5555;
      const std::uint32_t words = _cvtmask8_u32(wrong);
      return _pdep_u32(words, kEachSecond & 0xFF) | _pdep_u32(words >> 4, kEachSecond << 1 & 0xFF) |
             _cvtmask8_u32(too_large);
    }
  };

  UPFEED_ALWAYS_INLINE EightNumbers() : tables_(&kEightNumbers) {
    // Hides from the compiler that these are constants: it would make them anew for every number.
    __asm__("" : "+r"(tables_));
  }

  /// What the characters of eight numbers are, before anything follows from it.
  struct Seen {
    __m512i even_values;  ///< the characters less '0', and 0 in front of numbers
    __m512i odd_values;
    // By words, one for each number:
    __m128i valid;
    __m128i digits;
    __m128i points;
    __m128i tails;  ///< the last two characters less '0'
    __m128i heads;  ///< the third last one and the first one, the same way
  };

  /// even, odd  the lanes. sizes  of the numbers in order; those that are not 1 to 16 are left out.
  UPFEED_ALWAYS_INLINE Seen look(__m512i even, __m512i odd, __m128i sizes) const {
    Seen seen;
    const __m128i size = _mm_shuffle_epi8(sizes, load(tables_->even_then_odd));
    seen.valid =
        _mm_sllv_epi16(load(tables_->minus_one), _mm_sub_epi16(load(tables_->sixteen), size));
    const std::uint64_t even_valid = low(seen.valid);
    const std::uint64_t odd_valid = high(seen.valid);
    const __m512i zero = load64(tables_->zero.data());
    const __m512i even_values = _mm512_maskz_sub_epi8(even_valid, even, zero);
    const __m512i odd_values = _mm512_maskz_sub_epi8(odd_valid, odd, zero);
    seen.even_values = even_values;
    seen.odd_values = odd_values;

    const __m512i point = load64(tables_->point.data());
    seen.points = words(_mm512_cmpeq_epi8_mask(even_values, point),
                        _mm512_cmpeq_epi8_mask(odd_values, point));
    const __m512i ten = load64(tables_->ten.data());
    seen.digits = words(_mm512_mask_cmplt_epu8_mask(even_valid, even_values, ten),
                        _mm512_mask_cmplt_epu8_mask(odd_valid, odd_values, ten));
    const __m128i heads = _mm_sub_epi16(load(tables_->heads), _mm_slli_epi16(size, 8));
    const __m512i places = _mm512_castsi256_si512(
        _mm256_inserti128_si256(_mm256_castsi128_si256(load(tables_->tails)), heads, 1));
    const __m256i ends =
        _mm512_castsi512_si256(_mm512_permutex2var_epi8(even_values, places, odd_values));
    seen.tails = _mm256_castsi256_si128(ends);
    seen.heads = _mm256_extracti128_si256(ends, 1);
    return seen;
  }

  /// decimals  by which the magnitude of each is moved, in order.
  UPFEED_ALWAYS_INLINE Result value(const Seen& seen, __m128i decimals) const {
    const __m128i points = seen.points;
    const __m128i below_point = _mm_add_epi16(points, load(tables_->minus_one));  // all: is none
    const __m128i upto_point = _mm_or_si128(points, _mm_subs_epu16(points, load(tables_->one)));
    const __m512i mantissas =
        convert(seen.even_values, low(upto_point), seen.odd_values, high(upto_point));
    const __m128i second_last = _mm_and_si128(seen.tails, load(tables_->low_byte));
    const __m128i has_exponent = _mm_cmpeq_epi16(second_last, load(tables_->exponent));
    const __m128i has_minus = _mm_cmpeq_epi16(second_last, load(tables_->minus));
    const __m128i digit = _mm_srli_epi16(seen.tails, 8);
    const __m128i exponent =
        _mm_sub_epi16(_mm_and_si128(digit, has_exponent), _mm_and_si128(digit, has_minus));
    const __m128i exponent_size = _mm_or_si128(_mm_and_si128(has_exponent, load(tables_->two)),
                                               _mm_and_si128(has_minus, load(tables_->three)));
    const __m128i fraction = _mm_subs_epu16(_mm_sub_epi16(load(tables_->fifteen), exponent_size),
                                            _mm_popcnt_epi16(below_point));
    const __m128i power = _mm_sub_epi16(
        _mm_add_epi16(exponent, _mm_shuffle_epi8(decimals, load(tables_->even_then_odd))),
        fraction);
    const __m128i wrong = _mm_or_si128(_mm_subs_epu16(power, load(tables_->power_max)),
                                       wrong_grammar(seen, below_point, has_exponent, has_minus));
    const __m512i power_index = _mm512_maskz_permutexvar_epi16(
        0x1111'1111, load64(tables_->word_in_order.data()), _mm512_castsi128_si512(power));
    const __mmask8 too_large =
        _mm512_cmpgt_epu64_mask(mantissas, entries(tables_->mantissas_max, power_index));
    return {_mm512_mullo_epi64(mantissas, entries(tables_->powers, power_index)),
            _mm_test_epi16_mask(wrong, wrong), too_large};
  }

 private:
  template <int kTruth>
  UPFEED_ALWAYS_INLINE static __m128i logic(__m128i a, __m128i b, __m128i c) {
    return _mm_ternarylogic_epi64(a, b, c, kTruth);
  }

  /// Not 0 in the word of each number that is not in JSON's grammar, or has an exponent that is not
  /// E and a digit or E, minus and a digit.
  UPFEED_ALWAYS_INLINE __m128i wrong_grammar(const Seen& seen, __m128i below_point,
                                             __m128i has_exponent, __m128i has_minus) const {
    // Truth tables of a, b, c.
    constexpr int kEitherXor = 0x56;  // (a | b) ^ c
    constexpr int kEitherNot = 0x54;  // (a | b) & ~c
    constexpr int kBothXor = 0x6A;    // (a & b) ^ c
    constexpr int kOrBoth = 0xF8;     // a | (b & c)
    constexpr int kOrFirst = 0xF4;    // a | (b & ~c)
    constexpr int kAny = 0xFE;        // a | b | c
    const __m128i first = _mm_andnot_si128(_mm_slli_epi16(seen.valid, 1), seen.valid);
    const __m128i others = _mm_andnot_si128(seen.digits, seen.valid);
    const __m128i minus_due = _mm_and_si128(has_minus, load(tables_->second_last_place));
    const __m128i exponents_due =
        logic<kOrBoth>(_mm_and_si128(has_minus, load(tables_->two_places)), has_exponent,
                       load(tables_->second_last_place));
    const __m128i third_last = _mm_and_si128(seen.heads, load(tables_->low_byte));

    // Characters that have no place in a number.
    __m128i wrong = logic<kEitherXor>(seen.points, exponents_due, others);
    wrong = logic<kOrFirst>(wrong, has_minus, _mm_cmpeq_epi16(third_last, load(tables_->exponent)));
    wrong = logic<kOrBoth>(wrong, seen.points, below_point);  // several points
    // A digit first and last, and between two others, but for the minus.
    wrong = logic<kAny>(wrong, logic<kEitherNot>(first, load(tables_->last), seen.digits),
                        logic<kBothXor>(others, _mm_slli_epi16(others, 1), minus_due));
    // A zero in front is the only digit there.
    const __m128i first_is_zero =
        _mm_cmpeq_epi16(_mm_srli_epi16(seen.heads, 8), _mm_setzero_si128());
    return logic<kOrBoth>(wrong, first_is_zero,
                          _mm_and_si128(_mm_slli_epi16(first, 1), seen.digits));
  }

  /// The mantissas in order. values  the characters less '0'. upto_point  those in front of points,
  /// and these.
  UPFEED_ALWAYS_INLINE __m512i convert(__m512i even_values, std::uint64_t even_upto_point,
                                       __m512i odd_values, std::uint64_t odd_upto_point) const {
    const __m512i eights = _mm512_madd_epi16(
        _mm512_packus_epi32(fours(even_values, even_upto_point), fours(odd_values, odd_upto_point)),
        load64(tables_->ten_thousands.data()));
    return _mm512_add_epi64(_mm512_mul_epu32(eights, load64(tables_->hundred_millions.data())),
                            _mm512_srli_epi64(eights, 32));
  }
  /// The digits of four mantissas in groups of four.
  UPFEED_ALWAYS_INLINE __m512i fours(__m512i values, std::uint64_t upto_point) const {
    const __m512i closed =
        _mm512_mask_shuffle_epi8(values, upto_point, values, load64(tables_->place_before.data()));
    const __m512i exponent_size =
        _mm512_permutexvar_epi8(_mm512_shuffle_epi8(values, load64(tables_->second_last.data())),
                                load64(tables_->exponent_sizes.data()));
    const __m512i mantissa =
        _mm512_shuffle_epi8(closed, _mm512_sub_epi8(load64(tables_->place.data()), exponent_size));
    return _mm512_madd_epi16(_mm512_maddubs_epi16(mantissa, load64(tables_->tens.data())),
                             load64(tables_->hundreds.data()));
  }

  template <class Table>
  UPFEED_ALWAYS_INLINE static __m128i load(const Table& table) {
    static_assert(sizeof(table) == 16);
    return _mm_load_si128(reinterpret_cast<const __m128i*>(table.data()));
  }
  UPFEED_ALWAYS_INLINE static __m128i words(std::uint64_t even, std::uint64_t odd) {
    return _mm_insert_epi64(_mm_cvtsi64_si128(static_cast<std::int64_t>(even)),
                            static_cast<std::int64_t>(odd), 1);
  }
  UPFEED_ALWAYS_INLINE static std::uint64_t low(__m128i words) {
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(words));
  }
  UPFEED_ALWAYS_INLINE static std::uint64_t high(__m128i words) {
    return static_cast<std::uint64_t>(_mm_extract_epi64(words, 1));
  }
  UPFEED_ALWAYS_INLINE static __m512i entries(const EightNumbersTables::Powers& table,
                                              __m512i index) {
    return _mm512_permutex2var_epi64(load64(table.data()), index, load64(table.data() + 8));
  }

  const EightNumbersTables* tables_;
};

}  // namespace upfeed::detail
