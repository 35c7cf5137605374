#pragma once

// Single values whose end is known, with AVX-512: bitmaps of one register each. What this does not
// suit is left to value_reader.hpp.
//
// Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "decode/fast/fixed_text.hpp"
#include "decode/fast/spelled.hpp"
#include "decode/fast/vector512.hpp"
#include "upfeed/event_header.hpp"
#include "upfeed/market.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

template <class Element>
using HalfTable = std::array<Element, 32 / sizeof(Element)>;
template <class Element>
constexpr HalfTable<Element> in_turn(Element even, Element odd) {
  HalfTable<Element> elements{};
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = i % 2 == 0 ? even : odd;
  return elements;
}
constexpr HalfTable<std::uint8_t> all_bytes(std::uint8_t byte) {
  return in_turn(byte, byte);
}

struct SizedTables {
  alignas(32) HalfTable<std::uint8_t> zero = all_bytes('0');
  alignas(32) HalfTable<std::uint8_t> ten = all_bytes(10);
  alignas(32) HalfTable<std::uint8_t> point = all_bytes('.' - '0');
  alignas(32) HalfTable<std::uint8_t> space = all_bytes(' ');
  alignas(32) HalfTable<std::uint8_t> quote = all_bytes('"');
  alignas(32) HalfTable<std::uint8_t> backslash = all_bytes('\\');
  // Weights of neighbours that become one.
  alignas(32) HalfTable<std::uint8_t> tens = in_turn<std::uint8_t>(10, 1);
  alignas(32) HalfTable<std::uint16_t> hundreds = in_turn<std::uint16_t>(100, 1);
  alignas(32) HalfTable<std::uint16_t> ten_thousands = in_turn<std::uint16_t>(10'000, 1);
  alignas(32) HalfTable<std::uint64_t> hundred_millions = in_turn<std::uint64_t>(100'000'000,
                                                                                 100'000'000);
};
inline constexpr SizedTables kSizedTables;

/// Isa  as in vector256.hpp. All functions: false for what this does not suit. Numbers are read
/// with up to 32 bytes in front of their end, which are not believed.
template <class Isa>
class SizedValues {
 public:
  static constexpr std::uint64_t kSixteenDigits = 10'000'000'000'000'000;

  /// A whole number of 1 to 18 digits.
  UPFEED_ALWAYS_INLINE static bool whole(const char* at, const char* end, std::uint64_t& out) {
    const auto size = static_cast<std::size_t>(end - at);
    if (size - 1 >= 18 || (size > 1 && *at == '0')) return false;
    // The last 16 digits in the upper lane, those in front of them in the lower one.
    const auto high = static_cast<unsigned>(size > 16 ? size - 16 : 0);
    const std::uint32_t valid =
        ~std::uint32_t{0} << (32 - (size - high)) | (0xFFFFU << (16 - high) & 0xFFFFU);
    const SizedTables& tables = constants();
    const __m256i text = _mm256_set_m128i(load16(end - 16), load16(at + high - 16));
    const __m256i values = _mm256_maskz_sub_epi8(valid, text, load32(tables.zero.data()));
    if (_mm256_cmpge_epu8_mask(values, load32(tables.ten.data())) != 0) return false;
    const __m256i sixteens = to_sixteens(values);
    out = low(sixteens) * kSixteenDigits + high_of(sixteens);
    return true;
  }

  /// Three of them that begin with no zero, the first two of at most 16 digits, the third one of at
  /// most 18. sizes  in words 0 to 2, that of the third one in word 3, too.
  /// out  at 0, 2 and 4, of the third one the last 16 digits; the rest of it at 6.
  UPFEED_ALWAYS_INLINE static bool four_whole(const char* first_end, const char* second_end,
                                              const char* third_end, __m128i sizes,
                                              std::array<std::uint64_t, 8>& out) {
    const __m128i sixteen = _mm_set1_epi16(16);
    const __m128i beyond = _mm_subs_epu16(sizes, sixteen);
    constexpr int kFourth = 1 << 3;
    const __m128i in_front =
        _mm_sub_epi16(sixteen, _mm_blend_epi16(_mm_min_epu16(sizes, sixteen), beyond, kFourth));
    const auto valid =
        static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_sllv_epi16(_mm_set1_epi16(-1), in_front)));
    const __m512i values = _mm512_maskz_sub_epi8(
        valid, join16(first_end - 16, second_end - 16, third_end - 16, third_end - 32),
        _mm512_set1_epi8('0'));
    const __m512i fours = _mm512_madd_epi16(_mm512_maddubs_epi16(values, _mm512_set1_epi16(0x010A)),
                                            _mm512_set1_epi32(0x0001'0064));
    const __m512i eights =
        _mm512_madd_epi16(_mm512_packus_epi32(fours, fours), _mm512_set1_epi32(0x0001'2710));
    const __m512i sixteens = _mm512_add_epi64(
        _mm512_mul_epu32(eights, _mm512_set1_epi64(100'000'000)), _mm512_srli_epi64(eights, 32));
    _mm512_storeu_si512(out.data(), sixteens);
    // Up to 16 digits, of the third one two more.
    const auto lengths = static_cast<std::uint64_t>(
        _mm_cvtsi128_si64(_mm_subs_epu16(beyond, _mm_set_epi16(0, 0, 0, 0, 2, 2, 0, 0))));
    return lengths == 0 && (valid & 0x0000'8000'8000'8000) == 0x0000'8000'8000'8000 &&
           _mm512_cmpgt_epu8_mask(values, _mm512_set1_epi8(9)) == 0;
  }

  UPFEED_ALWAYS_INLINE static bool decimal(const char* at, const char* end, Decimal& out) {
    if (end - at == 1) {  // 0, mostly
      const auto digit = static_cast<unsigned char>(*at - '0');
      out = Decimal::from_normalised(digit, 0);
      return digit <= 9;
    }
    const bool negative = *at == '-';
    Parts parts;
    if (!split(at + negative, end, parts)) return false;
    const auto mantissa = static_cast<Int128>(parts.mantissa);
    out = Decimal::from_normalised(negative ? -mantissa : mantissa, parts.exponent);
    return true;
  }
  /// times 1e8.
  UPFEED_ALWAYS_INLINE static bool magnitude(const char* at, const char* end, Uint128& out) {
    Parts parts;
    if (!split(at, end, parts)) return false;
    const int power = kFixedDecimals + parts.exponent;
    constexpr unsigned kPowerMax = 16;  // keeps 64 bits within those of a WideQuantity
    if (static_cast<unsigned>(power) > kPowerMax) return false;
    const bool is_long = parts.mantissa > UINT64_MAX;
    out = is_long ? parts.mantissa
                  : Uint128{static_cast<std::uint64_t>(parts.mantissa)} * spelled_power(power);
    return !is_long || power == 0;
  }

  /// The text between two quotes, plain printable ASCII.
  template <std::size_t kCapacity>
  UPFEED_ALWAYS_INLINE static bool text(const char* at, const char* end,
                                        InlineText<kCapacity>& out) {
    // The characters and then their count, as InlineText lays them out.
    static_assert(sizeof(out) == kCapacity + 1 && (kCapacity == 15 || kCapacity == 23) &&
                  std::is_standard_layout_v<InlineText<kCapacity>> &&
                  std::is_trivially_copyable_v<InlineText<kCapacity>>);
    const auto size = static_cast<std::size_t>(end - at) - 2;
    if (size > kCapacity || *at != '"' || end[-1] != '"') return false;
    const std::uint32_t valid = _bzhi_u32(~std::uint32_t{0}, static_cast<unsigned>(size));
    const __m256i chars = _mm256_maskz_loadu_epi8(valid, at + 1);
    // As signed bytes, what is beyond ASCII is below the printable characters.
    const SizedTables& tables = constants();
    const __mmask32 odd =
        _kor_mask32(_mm256_mask_cmplt_epi8_mask(valid, chars, load32(tables.space.data())),
                    _mm256_cmpeq_epi8_mask(chars, load32(tables.quote.data())));
    const __mmask32 backslashes = _mm256_cmpeq_epi8_mask(chars, load32(tables.backslash.data()));
    if (_kortestz_mask32_u8(odd, backslashes) == 0) return false;
    auto* const bytes = reinterpret_cast<__m128i*>(&out);
    const auto count = static_cast<int>(size);
    const __m128i first = _mm256_castsi256_si128(chars);
    if constexpr (kCapacity == 15) {
      _mm_storeu_si128(bytes, _mm_insert_epi8(first, count, 15));
    } else {
      _mm_storeu_si128(bytes, first);
      _mm_storel_epi64(bytes + 1, _mm_insert_epi8(_mm256_extracti128_si256(chars, 1), count, 7));
    }
    return true;
  }

  /// The characters between two quotes, not looked at any further.
  UPFEED_ALWAYS_INLINE static bool code(const char* at, const char* end, MarketCode& out) {
    static_assert(sizeof(MarketCode) == 16 && MarketCode::kLengthMax == 16);
    const auto size = static_cast<std::size_t>(end - at) - 2;
    if (size - 1 >= MarketCode::kLengthMax || *at != '"' || end[-1] != '"') return false;
    out = std::bit_cast<MarketCode>(_mm_maskz_loadu_epi8(
        static_cast<__mmask16>(_bzhi_u32(0xFFFF, static_cast<unsigned>(size))), at + 1));
    return true;
  }

 private:
  /// mantissa x 10^exponent; the mantissa has no zero at its end, but for 0 x 10^0.
  struct Parts {
    Uint128 mantissa;
    int exponent;
  };
  /// A number without a sign of up to 32 characters, and E8, E-8 or E10 to E19 behind them.
  UPFEED_ALWAYS_INLINE static bool split(const char* at, const char* end, Parts& out) {
    int exponent = 0;
    if (end[-2] == 'E' || end[-3] == 'E') {
      const auto last = static_cast<unsigned char>(end[-1] - '0');
      if (last > 9) return false;
      if (end[-2] == 'E') {
        exponent = last;
      } else if (end[-2] == '-') {
        exponent = -last;
      } else if (end[-2] == '1') {
        exponent = 10 + last;
      } else {
        return false;
      }
      end -= end[-2] == 'E' ? 2 : 3;
    }
    if (!split_digits(at, end, out)) return false;
    if (out.mantissa != 0) out.exponent += exponent;
    return true;
  }
  UPFEED_ALWAYS_INLINE static bool split_digits(const char* at, const char* end, Parts& out) {
    const auto size = static_cast<std::size_t>(end - at);
    if (size - 1 >= 32) return false;
    const SizedTables& tables = constants();
    const std::uint32_t valid = ~std::uint32_t{0} << (32 - size);
    const __m256i values =
        _mm256_maskz_sub_epi8(valid, load32(end - 32), load32(tables.zero.data()));
    const std::uint32_t digits =
        _mm256_mask_cmplt_epu8_mask(valid, values, load32(tables.ten.data()));
    const std::uint32_t points = _mm256_cmpeq_epi8_mask(values, load32(tables.point.data()));
    const std::uint32_t significant = _mm256_mask_test_epi8_mask(digits, values, values);
    const std::uint32_t first = std::uint32_t{1} << (32 - size);
    constexpr std::uint32_t kLast = std::uint32_t{1} << 31;
    const std::uint32_t wrong = ((valid & ~digits) ^ points) |             // no digit, no point
                                (points & (points - 1)) |                  // several points
                                ((first | kLast) & ~digits) |              // first or last
                                (((first & ~significant) << 1) & digits);  // a zero in front
    if (wrong != 0) return false;
    // Up to the last digit that is not zero.
    const std::uint32_t kept =
        significant == 0 ? 0 : digits & ~std::uint32_t{0} >> _lzcnt_u32(significant);
    const auto count = _mm_popcnt_u32(kept);
    const auto fraction = _mm_popcnt_u32(digits & ~(points - 1));  // 0 where is no point
    const auto at_the_end = static_cast<std::uint32_t>(0xFFFF'FFFF'0000'0000 >> count);
    const __m256i sixteens =
        to_sixteens(_mm256_maskz_expand_epi8(at_the_end, _mm256_maskz_compress_epi8(kept, values)));
    out.mantissa = Uint128{low(sixteens)} * kSixteenDigits + high_of(sixteens);
    out.exponent = significant == 0 ? 0 : _mm_popcnt_u32(digits) - count - fraction;
    return true;
  }

  /// Hides from the compiler that these are constants: it would make them anew for every value.
  UPFEED_ALWAYS_INLINE static const SizedTables& constants() {
    const SizedTables* tables = &kSizedTables;
    __asm__("" : "+r"(tables));
    return *tables;
  }
  /// The number that the 16 digits of each half make.
  UPFEED_ALWAYS_INLINE static __m256i to_sixteens(__m256i digits) {
    const SizedTables& tables = constants();
    const __m256i fours = _mm256_madd_epi16(
        _mm256_maddubs_epi16(digits, load32(tables.tens.data())), load32(tables.hundreds.data()));
    const __m256i eights =
        _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), load32(tables.ten_thousands.data()));
    return _mm256_add_epi64(_mm256_mul_epu32(eights, load32(tables.hundred_millions.data())),
                            _mm256_srli_epi64(eights, 32));
  }
  UPFEED_ALWAYS_INLINE static std::uint64_t low(__m256i halves) {
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(halves)));
  }
  UPFEED_ALWAYS_INLINE static std::uint64_t high_of(__m256i halves) {
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_extracti128_si256(halves, 1)));
  }
};

}  // namespace upfeed::detail
