#pragma once

// The kernel for processors with 256-bit vectors of bytes. One load of 32 bytes covers a number and
// what stands behind it; where its parts lie follows from bitmaps, without a branch on how it is
// spelled:
//
//   1.16539E8,"bid_price":...
//   0100000101................    not a digit: the point, E, the end
//   .........1................    the end: kEnd
//
//   |...............1|   |...........16539|    two windows of 16 bytes that end with the integer
//         lane 0               lane 1          and the fraction; both converted at once
//
// Included like frame_reader.hpp, within the instruction set of the file that includes it. Isa is a
// type of that file, so that what two files make of this never counts as one and
// the same.

#include <immintrin.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "decode/fast/fixed_text.hpp"
#include "decode/fast/spelled.hpp"
#include "decode/fast/value_reader.hpp"

namespace upfeed::detail {

// 16 bytes from kLastDigits.data() + n keep the digits of the last n of 16 characters, 32 from
// kFirstBytes.data() + 32 - n the first n of 32 bytes.
alignas(64) inline constexpr auto kLastDigits = [] {
  std::array<std::uint8_t, 32> mask{};
  for (std::size_t i = 16; i < mask.size(); ++i) mask[i] = 0x0F;
  return mask;
}();
alignas(64) inline constexpr auto kFirstBytes = [] {
  std::array<std::uint8_t, 64> mask{};
  for (std::size_t i = 0; i < 32; ++i) mask[i] = 0xFF;
  return mask;
}();

/// E8, E-8 or E10 to E19 and nothing else; size is not 0.
UPFEED_ALWAYS_INLINE bool scan_exponent(const char* at, unsigned size, int& exponent) {
  if (size == 3 && at[1] == '1') {
    const unsigned ones = static_cast<unsigned char>(at[2] - '0');
    exponent = 10 + static_cast<int>(ones);
    return (at[0] == 'E') & (ones <= 9);
  }
  const unsigned with_sign = at[1] == '-';
  const unsigned digit = static_cast<unsigned char>(at[1 + with_sign] - '0');
  exponent = with_sign != 0 ? -static_cast<int>(digit) : static_cast<int>(digit);
  return (at[0] == 'E') & (digit <= 9) & (size == 2 + with_sign);
}

UPFEED_ALWAYS_INLINE __m256i load32(const void* at) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}
UPFEED_ALWAYS_INLINE __m128i load16(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
UPFEED_ALWAYS_INLINE unsigned bits(__m256i bytes) {
  return static_cast<unsigned>(_mm256_movemask_epi8(bytes));
}
/// A constant from memory. Left to itself the compiler makes it anew from three instructions for
/// every number.
template <class T, T kValue>
UPFEED_ALWAYS_INLINE __m256i constant() {
  static constexpr auto kValues = [] {
    std::array<T, 32 / sizeof(T)> values{};
    values.fill(kValue);
    return values;
  }();
  __m256i loaded;
  __asm__("vmovdqu %1, %0" : "=x"(loaded) : "m"(kValues));
  return loaded;
}

template <class Isa>
class Vector256 {
 public:
  UPFEED_ALWAYS_INLINE Vector256()
      : comma_(constant<char, ','>()),
        brace_(constant<char, '}'>()),
        digits_to_top_(constant<char, 0x7F - '9'>()),
        below_digits_(constant<char, 0x7F - 10>()),
        tens_(constant<std::uint16_t, 0x010A>()),
        hundreds_(constant<std::uint32_t, 0x0001'0064>()),
        ten_thousands_(constant<std::uint32_t, 0x0001'2710>()),
        hundred_millions_(constant<std::uint64_t, 100'000'000>()) {}

  template <char kEnd>
  UPFEED_ALWAYS_INLINE bool scan(const char* at, Spelled& out) const {
    const __m256i text = load32(at);
    // The next number waits for this and nothing else.
    out.size = _tzcnt_u32(bits(_mm256_cmpeq_epi8(text, kEnd == ',' ? comma_ : brace_)));
    const unsigned others = not_digits(text);
    const unsigned integer = _tzcnt_u32(others);
    const unsigned point = at[integer] == '.';
    // The next one that is no digit, behind the point.
    const unsigned mantissa_end = _tzcnt_u32(others & (others - point));
    const unsigned fraction = mantissa_end - integer - point;
    const char* const tail = at + mantissa_end;
    // 1 to 16 digits, but one when it is 0; a fraction has 1 to 16 digits.
    const unsigned leading_zero = at[0] == '0';
    const unsigned counts = ((integer - 1) << (4 * leading_zero)) | (fraction - point);
    if (counts >= kSpelledDigitsMax) return false;
    if (mantissa_end != out.size && !scan_exponent(tail, out.size - mantissa_end, out.exponent)) {
      return false;
    }
    out.fraction_digits = fraction;
    convert(at + integer, integer, tail, fraction, out.integer, out.fraction);
    return true;
  }

  template <char kEnd>
  UPFEED_ALWAYS_INLINE std::size_t whole(const char* at, std::uint64_t& out) const {
    const __m256i text = load32(at);
    const unsigned size = _tzcnt_u32(not_digits(text));
    constexpr unsigned kWholeDigitsMax = 18;  // all of them fit int64
    if ((size - 1 >= kWholeDigitsMax) | (at[size] != kEnd) | ((size > 1) & (at[0] == '0'))) {
      return 0;
    }
    const unsigned high = size > 16 ? size - 16 : 0;
    std::uint64_t leading = 0;
    convert(at + high, high, at + size, size - high, leading, out);
    out += leading * 10'000'000'000'000'000U;
    return size;
  }

  template <std::size_t kCapacity>
  UPFEED_ALWAYS_INLINE static std::size_t text(const char* at, char* out) {
    const __m256i text = load32(at);
    const unsigned size = _tzcnt_u32(bits(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('"'))));
    // As signed bytes, what is beyond ASCII is below the printable characters.
    const unsigned plain =
        bits(_mm256_andnot_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('\\')),
                                 _mm256_cmpgt_epi8(text, _mm256_set1_epi8(0x1F))));
    if ((size > kCapacity) | (_bzhi_u32(~plain, size) != 0)) return kNoText;
    const __m256i first = _mm256_and_si256(text, load32(kFirstBytes.data() + 32 - size));
    static_assert(kCapacity == 16 || kCapacity == 24);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(first));
    if constexpr (kCapacity == 24) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 16), _mm256_extracti128_si256(first, 1));
    }
    return size;
  }

 private:
  UPFEED_ALWAYS_INLINE unsigned not_digits(__m256i text) const {
    // Moved up to the end of the signed bytes, digits are above all others.
    return ~bits(_mm256_cmpgt_epi8(_mm256_add_epi8(text, digits_to_top_), below_digits_));
  }

  /// The two numbers of up to 16 digits each that end in front of first_end and second_end.
  UPFEED_ALWAYS_INLINE void convert(const char* first_end, unsigned first_digits,
                                    const char* second_end, unsigned second_digits,
                                    std::uint64_t& first, std::uint64_t& second) const {
    const __m256i text = _mm256_set_m128i(load16(second_end - 16), load16(first_end - 16));
    const __m256i mask = _mm256_set_m128i(load16(kLastDigits.data() + second_digits),
                                          load16(kLastDigits.data() + first_digits));
    const __m256i digits = _mm256_and_si256(text, mask);
    const __m256i twos = _mm256_madd_epi16(_mm256_maddubs_epi16(digits, tens_), hundreds_);
    const __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(twos, twos), ten_thousands_);
    const __m256i values = _mm256_add_epi64(_mm256_mul_epu32(eights, hundred_millions_),
                                            _mm256_srli_epi64(eights, 32));
    first = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(values)));
    second = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_extracti128_si256(values, 1)));
  }

  __m256i comma_;
  __m256i brace_;
  __m256i digits_to_top_;
  __m256i below_digits_;
  __m256i tens_;
  __m256i hundreds_;
  __m256i ten_thousands_;
  __m256i hundred_millions_;
};

}  // namespace upfeed::detail
