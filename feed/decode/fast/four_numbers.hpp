#pragma once

// Four numbers at a time with AVX-512, each in a lane of 16 bytes that ends with its last
// character:
//
//   |.......1.16539E8|.......1.16538E8|..........0.0205|..........8.1E-4|
//   |........16539...|........16538...|                                    what stands at the end
//   is
//   |.........116539 |                                                     cut off, points closed
//          x 10^11          x 10^11           x 10^4           x 10^3      exactly, in 64 bits
//
// No branch depends on how a number is spelled. What this does not suit (more than 16 characters, a
// value beyond int64, a sign, or no number at all) is left out, for others to read.
//
// Included like frame_reader.hpp, within the instruction set of the file that includes it.

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "decode/fast/fixed_text.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

/// Hides from the compiler that this is a constant. Left to itself it makes some of them anew from
/// three instructions for every number.
template <class Vector>
UPFEED_ALWAYS_INLINE Vector kept(Vector constant) {
  __asm__("" : "+v"(constant));
  return constant;
}
UPFEED_ALWAYS_INLINE __m512i load64(const void* at) {
  return _mm512_load_si512(at);
}

/// Byte by byte of a register of four lanes.
template <class ByLane>
constexpr std::array<std::uint8_t, 64> in_each_lane(ByLane by_lane) {
  std::array<std::uint8_t, 64> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(by_lane(i / 16, i % 16));
  }
  return bytes;
}

struct FourNumbersTables {
  using Bytes = std::array<std::uint8_t, 64>;
  static constexpr std::size_t kPowerCount = 16;
  using Powers = std::array<std::uint64_t, kPowerCount>;

  alignas(64) Bytes from_end = in_each_lane([](auto, auto i) { return 15 - i; });
  alignas(64) Bytes place = in_each_lane([](auto, auto i) { return i; });
  alignas(64) Bytes place_before = in_each_lane([](auto, auto i) { return i - 1; });
  /// The low byte of the lane's word.
  alignas(64) Bytes word_of_lane = in_each_lane([](auto lane, auto) { return 2 * lane; });
  /// By the last byte but one, less '0', of which six bits count: characters of the exponent.
  alignas(64) Bytes exponent_sizes = [] {
    Bytes sizes{};
    sizes[('E' - '0') & 63] = 2;
    sizes[('-' - '0') & 63] = 3;
    return sizes;
  }();
  /// The last bytes of the lanes, in every second byte.
  alignas(64) Bytes last_of_lane = in_each_lane([](auto, auto i) {
    return i < 8 ? 16 * (i / 2) + 15 : 0;
  });
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
  // By where the E of the exponent is: nowhere, third last (E-8), second last (E8).
  alignas(16) std::array<std::int16_t, 8> digits_max{15, 12, 13};
  alignas(16) std::array<std::int16_t, 8> exponent_signs{0, -1, 1};
};
inline constexpr FourNumbersTables kFourNumbers;

/// Isa  as in vector256.hpp.
template <class Isa>
class FourNumbers {
 public:
  struct Result {
    __m256i magnitudes;   ///< times 1e8
    std::uint64_t wrong;  ///< bits within the lanes of those that are left out
    unsigned left_out;    ///< or a bit here

    [[nodiscard]] UPFEED_ALWAYS_INLINE bool whole() const { return (wrong | left_out) == 0; }
    [[nodiscard]] bool leaves_out(std::size_t number) const {
      return ((wrong >> (16 * number)) & 0xFFFF) != 0 || ((left_out >> number) & 1) != 0;
    }
  };

  UPFEED_ALWAYS_INLINE FourNumbers()
      : zero_(kept(_mm512_set1_epi8('0'))),
        ten_(kept(_mm512_set1_epi8(10))),
        point_(kept(_mm512_set1_epi8('.' - '0'))),
        exponent_(kept(_mm512_set1_epi8('E' - '0'))),
        minus_(kept(_mm512_set1_epi8('-' - '0'))),
        second_last_(kept(_mm512_set1_epi8(14))),
        tens_(kept(_mm512_set1_epi16(0x010A))),
        hundreds_(kept(_mm512_set1_epi32(0x0001'0064))),
        from_end_(kept(load64(kFourNumbers.from_end.data()))),
        place_(kept(load64(kFourNumbers.place.data()))),
        place_before_(kept(load64(kFourNumbers.place_before.data()))),
        word_of_lane_(kept(load64(kFourNumbers.word_of_lane.data()))),
        exponent_sizes_(kept(load64(kFourNumbers.exponent_sizes.data()))),
        last_of_lane_(kept(load64(kFourNumbers.last_of_lane.data()))) {}

  /// text   the lanes. sizes  of the numbers, in the low four words; at least 0, others left out.
  UPFEED_ALWAYS_INLINE Result read(__m512i text, __m128i sizes) const {
    const __m512i size = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(sizes), word_of_lane_);
    const std::uint64_t valid = _mm512_cmplt_epu8_mask(from_end_, size);
    const __m512i values = _mm512_maskz_sub_epi8(valid, text, zero_);  // 0 in front of numbers
    const std::uint64_t digits = _mm512_mask_cmplt_epu8_mask(valid, values, ten_);
    const std::uint64_t points = _mm512_cmpeq_epi8_mask(values, point_);
    const std::uint64_t exponents = _mm512_cmpeq_epi8_mask(values, exponent_);
    const std::uint64_t minuses = _mm512_cmpeq_epi8_mask(values, minus_);
    const std::uint64_t no_zeros = _mm512_test_epi8_mask(values, values);

    // By words, one for each number.
    const __m128i one = _mm_set1_epi16(1);
    const __m128i point = _mm_cvtsi64_si128(static_cast<std::int64_t>(points));
    const __m128i below_point = _mm_sub_epi16(point, one);  // all bits where there is none
    const __m128i exponent_place =
        _mm_srli_epi16(_mm_cvtsi64_si128(static_cast<std::int64_t>(exponents)), 13);
    const __m128i exponent = _mm_sign_epi16(
        _mm_and_si128(_mm512_castsi512_si128(_mm512_permutexvar_epi8(last_of_lane_, values)),
                      _mm_set1_epi16(0xFF)),
        by_place(exponent_place, kFourNumbers.exponent_signs));
    const __m128i decimals = _mm_subs_epu16(by_place(exponent_place, kFourNumbers.digits_max),
                                            _mm_popcnt_epi16(below_point));
    const __m128i power =
        _mm_sub_epi16(_mm_add_epi16(exponent, _mm_set1_epi16(kFixedDecimals)), decimals);
    const __m512i power_index = _mm512_cvtepi16_epi64(power);

    const auto upto_point = static_cast<std::uint64_t>(
        _mm_cvtsi128_si64(_mm_or_si128(point, _mm_subs_epu16(point, one))));
    const __m256i mantissas = convert(values, upto_point);
    const __m128i not_here = _mm_or_si128(
        _mm_and_si128(point, below_point),  // several points
        _mm_or_si128(_mm_subs_epu16(sizes, _mm_set1_epi16(16)),
                     _mm_subs_epu16(power, _mm_set1_epi16(FourNumbersTables::kPowerCount - 1))));
    const __mmask8 too_large =
        _mm256_cmpgt_epu64_mask(mantissas, entries(kFourNumbers.mantissas_max, power_index));
    return {_mm256_mullo_epi64(mantissas, entries(kFourNumbers.powers, power_index)),
            wrong_grammar(valid, digits, points, exponents, minuses, no_zeros),
            _cvtmask8_u32(_kor_mask8(_mm_test_epi16_mask(not_here, not_here), too_large)) & 0xF};
  }

 private:
  // A mask of 64 bits has 16 for each lane. The first and the last of a lane:
  static constexpr std::uint64_t kFirst = 0x0001'0001'0001'0001;
  static constexpr std::uint64_t kLast = 0x8000'8000'8000'8000;

  /// A bit in the lane of each number that is not in JSON's grammar, or has an exponent that is not
  /// E and a digit or E, minus and a digit. Several points that are apart are for another to see.
  UPFEED_ALWAYS_INLINE static std::uint64_t wrong_grammar(std::uint64_t valid, std::uint64_t digits,
                                                          std::uint64_t points,
                                                          std::uint64_t exponents,
                                                          std::uint64_t minuses,
                                                          std::uint64_t no_zeros) {
    constexpr std::uint64_t kThirdLast = kLast >> 2;
    constexpr std::uint64_t kExponentPlaces = kLast >> 1 | kThirdLast;
    const std::uint64_t first = valid & ~((valid << 1) & ~kFirst);
    const std::uint64_t others = valid & ~digits;
    const std::uint64_t minus_due = (exponents & kThirdLast) << 1;
    return (others ^ (points | exponents | minuses)) | (minuses ^ minus_due) |
           (exponents & ~kExponentPlaces) |
           // A digit first and last, and between two others, but for the minus.
           ((first | kLast) & ~digits) | ((others & (others << 1)) ^ minus_due) |
           // A zero in front is the only digit there.
           (((first & ~no_zeros) << 1) & ~kFirst & digits);
  }

  /// values  the characters less '0'. upto_point  those in front of points, and these.
  UPFEED_ALWAYS_INLINE __m256i convert(__m512i values, std::uint64_t upto_point) const {
    const __m512i closed = _mm512_mask_shuffle_epi8(values, upto_point, values, place_before_);
    const __m512i exponent_size =
        _mm512_permutexvar_epi8(_mm512_shuffle_epi8(values, second_last_), exponent_sizes_);
    const __m512i mantissa = _mm512_shuffle_epi8(closed, _mm512_sub_epi8(place_, exponent_size));
    const __m512i fours = _mm512_madd_epi16(_mm512_maddubs_epi16(mantissa, tens_), hundreds_);
    const __m256i eights =
        _mm256_madd_epi16(_mm512_cvtepi32_epi16(fours), _mm256_set1_epi32(0x0001'2710));
    return _mm256_add_epi64(_mm256_mul_epu32(eights, _mm256_set1_epi64x(100'000'000)),
                            _mm256_srli_epi64(eights, 32));
  }

  UPFEED_ALWAYS_INLINE static __m128i by_place(__m128i place,
                                               const std::array<std::int16_t, 8>& table) {
    return _mm_permutexvar_epi16(place,
                                 _mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
  }
  UPFEED_ALWAYS_INLINE static __m256i entries(const FourNumbersTables::Powers& table,
                                              __m512i index) {
    return _mm512_castsi512_si256(
        _mm512_permutex2var_epi64(load64(table.data()), index, load64(table.data() + 8)));
  }

  __m512i zero_;
  __m512i ten_;
  __m512i point_;
  __m512i exponent_;
  __m512i minus_;
  __m512i second_last_;
  __m512i tens_;
  __m512i hundreds_;
  __m512i from_end_;
  __m512i place_;
  __m512i place_before_;
  __m512i word_of_lane_;
  __m512i exponent_sizes_;
  __m512i last_of_lane_;
};

}  // namespace upfeed::detail
