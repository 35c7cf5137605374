#pragma once

// Single values whose end is known, with AVX-512: bitmaps of one register each. What this does not
// suit is left to value_reader.hpp.
//
// Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "decode/fast/fixed_text.hpp"
#include "decode/fast/vector256.hpp"
#include "upfeed/event_header.hpp"
#include "upfeed/market.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

/// Bytes in front of a value that are read, and ignored.
inline constexpr std::size_t kReachBack = 32;

/// Isa  as in vector256.hpp. All functions: false for what this does not suit.
template <class Isa>
class SizedValues {
 public:
  /// A whole number of 1 to 18 digits.
  UPFEED_ALWAYS_INLINE static bool whole(const char* at, const char* end, std::uint64_t& out) {
    const auto size = static_cast<std::size_t>(end - at);
    if (size - 1 >= 18 || (size > 1 && *at == '0')) return false;
    // The last 16 digits in the upper lane, those in front of them in the lower one.
    const auto high = static_cast<unsigned>(size > 16 ? size - 16 : 0);
    const std::uint32_t valid =
        ~std::uint32_t{0} << (32 - (size - high)) | (0xFFFFU << (16 - high) & 0xFFFFU);
    const __m256i text = _mm256_set_m128i(load16(end - 16), load16(at + high - 16));
    const __m256i values = _mm256_maskz_sub_epi8(valid, text, _mm256_set1_epi8('0'));
    if (_mm256_cmpgt_epu8_mask(values, _mm256_set1_epi8(9)) != 0) return false;
    const __m256i sixteens = to_sixteens(values);
    out = low(sixteens) * kSixteenDigits + high_of(sixteens);
    return true;
  }

  /// A number of up to 32 characters without an exponent; also with a sign.
  UPFEED_ALWAYS_INLINE static bool decimal(const char* at, const char* end, Decimal& out) {
    const bool negative = *at == '-';
    const auto size = static_cast<std::size_t>(end - at) - negative;
    if (size - 1 >= 32) return false;
    const std::uint32_t valid = ~std::uint32_t{0} << (32 - size);
    const __m256i text = load32(end - 32);
    const __m256i values = _mm256_maskz_sub_epi8(valid, text, _mm256_set1_epi8('0'));
    const std::uint32_t digits = _mm256_mask_cmplt_epu8_mask(valid, values, _mm256_set1_epi8(10));
    const std::uint32_t points = _mm256_cmpeq_epi8_mask(values, _mm256_set1_epi8('.' - '0'));
    const std::uint32_t significant = _mm256_mask_test_epi8_mask(digits, values, values);
    const std::uint32_t first = std::uint32_t{1} << (32 - size);
    constexpr std::uint32_t kLast = std::uint32_t{1} << 31;
    const std::uint32_t wrong = ((valid & ~digits) ^ points) |  // neither digit nor point
                                (points & (points - 1)) |       // several points
                                ((first | kLast) & ~digits) |   // a point in front or behind
                                (((first & ~significant) << 1) & digits);  // a zero in front
    if (wrong != 0) return false;
    // Up to the last digit that is not zero.
    const std::uint32_t kept =
        significant == 0 ? 0 : digits & ~std::uint32_t{0} >> _lzcnt_u32(significant);
    const auto count = static_cast<unsigned>(_mm_popcnt_u32(kept));
    const auto dropped = _mm_popcnt_u32(digits) - static_cast<int>(count);
    const auto fraction = _mm_popcnt_u32(digits & ~(points - 1));  // none where is no point
    const auto at_the_end = static_cast<std::uint32_t>(0xFFFF'FFFF'0000'0000 >> count);
    const __m256i mantissa =
        _mm256_maskz_expand_epi8(at_the_end, _mm256_maskz_compress_epi8(kept, values));
    const __m256i sixteens = to_sixteens(mantissa);
    const auto magnitude =
        static_cast<Int128>(Uint128{low(sixteens)} * kSixteenDigits + high_of(sixteens));
    out = Decimal::from_normalised(negative ? -magnitude : magnitude,
                                   significant == 0 ? 0 : dropped - fraction);
    return true;
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
    if ((_mm256_mask_cmplt_epi8_mask(valid, chars, _mm256_set1_epi8(0x20)) |
         _mm256_cmpeq_epi8_mask(chars, _mm256_set1_epi8('"')) |
         _mm256_cmpeq_epi8_mask(chars, _mm256_set1_epi8('\\'))) != 0) {
      return false;
    }
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
  static constexpr std::uint64_t kSixteenDigits = 10'000'000'000'000'000;

  /// The number that the 16 digits of each half make.
  UPFEED_ALWAYS_INLINE static __m256i to_sixteens(__m256i digits) {
    const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010A)),
                                            _mm256_set1_epi32(0x0001'0064));
    const __m256i eights =
        _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), _mm256_set1_epi32(0x0001'2710));
    return _mm256_add_epi64(_mm256_mul_epu32(eights, _mm256_set1_epi64x(100'000'000)),
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
