// The kernel for processors with AVX-512 (VBMI2 and BITALG, so from Ice Lake and Zen 4 on). Single
// values are read as with AVX2; the units of an order book have a way of their own, in which no
// number waits for the one before it:
//
//   [{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.0205,"bid_size":8.1E-4},{"ask_...
//   ^                      ^                     ^                 ^                  ^
//   1. the places of all commas of the frame, 64 characters at a time, into an array
//   2. one unit per register: between two commas stand a key, whose size is known, and a number
//
//      |.......1.16539E8|.......1.16538E8|..........0.0205|..........8.1E-4|   four lanes of 16
//      |.........1.16539|.........1.16538|..........0.0205|.............8.1|   exponents shifted
//      out
//      |..........116539|..........116538|...........00205|..............81|   points closed
//              x 10^11          x 10^11           x 10^4           x 10^3      exactly, in 64 bits
//
// A number that this does not suit (longer than 16 characters, too large, or no number at all) is
// read alone by scan(); a key or bracket that is not where it should be ends the units read here.

#include <immintrin.h>

#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"
#include "decode/fast/spelled.hpp"
#include "decode/fields.hpp"
#include "decode/value.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

// Everything below is compiled for AVX-512, everything above must not be.
// clang-format off
#ifdef __clang__
#pragma clang attribute push(__attribute__((target( \
    "avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl," \
    "avx512vbmi,avx512vbmi2,avx512bitalg"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl")
#pragma GCC target("avx512vbmi,avx512vbmi2,avx512bitalg")
#endif
// clang-format on

#include "decode/fast/frame_reader.hpp"
#include "decode/fast/vector256.hpp"

namespace upfeed::detail {
namespace {

// A mask of 64 bits has 16 for each lane. The first and the last of a lane:
constexpr std::uint64_t kFirst = 0x0001'0001'0001'0001;
constexpr std::uint64_t kLast = 0x8000'8000'8000'8000;

/// The places of a frame's commas, counted from the bracket that opens the units; the first entry
/// is the bracket itself.
class Commas {
 public:
  /// Of all units, and the one in front of `level`.
  static constexpr unsigned kCountMax = 4 * kBookDepthMax + 1;
  /// In 64 characters; the shortest unit has 30.
  static constexpr unsigned kBlockMax = 16;

  /// Reads up to 63 bytes beyond end, and believes none of them. false: not as in an order book.
  UPFEED_ALWAYS_INLINE bool find(const char* begin, const char* end) {
    const auto size = static_cast<std::size_t>(end - begin);
    if (size > UINT16_MAX) return false;
    places_[0] = 0;
    std::size_t offset = 0;
    for (; offset + 64 <= size; offset += 64) add(begin, offset, ~std::uint64_t{0});
    if (offset < size) add(begin, offset, (std::uint64_t{1} << (size - offset)) - 1);
    return !crowded_ && count_ <= kCountMax;
  }
  [[nodiscard]] unsigned count() const { return count_; }
  [[nodiscard]] std::uint16_t& operator[](std::size_t i) { return places_[i]; }

 private:
  UPFEED_ALWAYS_INLINE void add(const char* begin, std::size_t offset, std::uint64_t kept) {
    const __m512i text = _mm512_loadu_si512(begin + offset);
    const std::uint64_t commas = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(',')) & kept;
    const __m512i places = _mm512_maskz_compress_epi8(commas, byte_numbers());
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(places_.data() + 1 + count_),
                        _mm256_add_epi16(_mm256_cvtepu8_epi16(_mm512_castsi512_si128(places)),
                                         _mm256_set1_epi16(static_cast<std::int16_t>(offset))));
    const auto count = static_cast<unsigned>(_mm_popcnt_u64(commas));
    crowded_ |= count > kBlockMax;
    // Beyond the limit the rest of the frame is counted, but kept in one place.
    count_ = std::min(count_ + count, kCountMax + 1);
  }
  UPFEED_ALWAYS_INLINE static __m512i byte_numbers() {
    alignas(64) static constexpr auto kNumbers = [] {
      std::array<std::uint8_t, 64> numbers{};
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint8_t>(i);
      return numbers;
    }();
    return _mm512_load_si512(kNumbers.data());
  }

  alignas(64) std::array<std::uint16_t, 1 + kCountMax + 1 + kBlockMax> places_;
  unsigned count_ = 0;
  bool crowded_ = false;
};

/// 64 bytes as the constants of a register.
using Bytes = std::array<std::uint8_t, 64>;

/// What stands right of a comma, in lanes 1 and 3 of a register whose lanes 0 and 2 hold what
/// stands left of it: the key of the number that follows.
struct Keys {
  Bytes text{};
  std::uint64_t mask = 0;  ///< the bytes that count

  constexpr void set(std::size_t lane, std::string_view key) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      text[16 * lane + i] = static_cast<std::uint8_t>(key[i]);
      mask |= std::uint64_t{1} << (16 * lane + i);
    }
  }
};
template <UnitField kField, bool kSimple>
inline constexpr std::string_view kUnitKeyText{kUnitKey<kField, kSimple>.chars.data(),
                                               kUnitKey<kField, kSimple>.size()};
/// In front of the first number of a unit, up to the brace of the one before: },{"ask_price":
template <bool kSimple>
inline constexpr auto kNextUnit = [] {
  constexpr std::string_view key = kUnitKeyText<UnitField::ask_price, kSimple>;
  return join<2 + key.size()>(std::string_view("},"), key);
}();
template <bool kSimple>
inline constexpr Keys kKeysOfPrices = [] {
  Keys keys;
  keys.set(1, kUnitKeyText<UnitField::bid_price, kSimple>);
  keys.set(3, kUnitKeyText<UnitField::ask_size, kSimple>);
  return keys;
}();
template <bool kSimple>
inline constexpr Keys kKeysOfSizes = [] {
  Keys keys;
  keys.set(1, kUnitKeyText<UnitField::bid_size, kSimple>);
  keys.set(3, {kNextUnit<kSimple>.chars.data(), kNextUnit<kSimple>.size()});
  return keys;
}();
/// The brace alone, behind the last unit.
constexpr std::uint64_t kSizesMaskOfLast = (std::uint64_t{1} << 49) - 1;

/// From comma to comma, less this: the number's size.
template <bool kSimple>
alignas(16) inline constexpr std::array<std::int16_t, 8> kKeySizes{
    1 + kUnitKeyText<UnitField::ask_price, kSimple>.size(),
    kUnitKeyText<UnitField::bid_price, kSimple>.size(),
    kUnitKeyText<UnitField::ask_size, kSimple>.size(),
    1 + kUnitKeyText<UnitField::bid_size, kSimple>.size()};

/// Byte by byte of a lane, the same in all four.
template <class ByLane>
constexpr Bytes in_each_lane(ByLane by_lane) {
  Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(by_lane(i / 16, i % 16));
  }
  return bytes;
}
alignas(64) constexpr Bytes kFromEnd = in_each_lane([](auto, auto i) { return 15 - i; });
alignas(64) constexpr Bytes kPlace = in_each_lane([](auto, auto i) { return i; });
alignas(64) constexpr Bytes kPlaceBefore = in_each_lane([](auto, auto i) { return i - 1; });
/// The low byte of the lane's word.
alignas(64) constexpr Bytes kWordOfLane = in_each_lane([](auto lane, auto) { return 2 * lane; });
/// Of the byte before the last: by its low six bits, how many characters the exponent has.
alignas(64) constexpr Bytes kExponentSizes = [] {
  Bytes sizes{};
  sizes['E' & 63] = 2;
  sizes['-' & 63] = 3;
  return sizes;
}();
/// The last bytes of the lanes, as words.
alignas(64) constexpr Bytes kLastOfLane = [] {
  Bytes places{};
  for (std::size_t i = 0; i < 4; ++i) places[2 * i] = static_cast<std::uint8_t>(16 * i + 15);
  return places;
}();
constexpr unsigned kPowerCount = 16;
alignas(64) constexpr auto kPowers = [] {
  std::array<std::uint64_t, kPowerCount> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
/// The largest mantissas that the powers leave within int64.
alignas(64) constexpr auto kMantissasMax = [] {
  std::array<std::uint64_t, kPowerCount> largest{};
  for (std::size_t i = 0; i < largest.size(); ++i) largest[i] = INT64_MAX / kPowers[i];
  return largest;
}();

UPFEED_ALWAYS_INLINE __m512i load64(const void* at) {
  return _mm512_load_si512(at);
}
UPFEED_ALWAYS_INLINE __m256i entries(const std::array<std::uint64_t, kPowerCount>& table,
                                     __m512i index) {
  return _mm512_castsi512_si256(
      _mm512_permutex2var_epi64(load64(table.data()), index, load64(table.data() + 8)));
}

/// Four numbers, each in a lane of its own whose last byte is its last character.
class FourNumbers {
 public:
  /// sizes  the numbers' sizes in the low four words.
  UPFEED_ALWAYS_INLINE FourNumbers(__m512i text, __m128i sizes) {
    const __m512i size =
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(sizes), load64(kWordOfLane.data()));
    const std::uint64_t valid = _mm512_cmplt_epu8_mask(load64(kFromEnd.data()), size);
    const __m512i values = _mm512_sub_epi8(text, _mm512_set1_epi8('0'));
    const std::uint64_t digits = _mm512_mask_cmplt_epu8_mask(valid, values, _mm512_set1_epi8(10));
    const std::uint64_t points = _mm512_mask_cmpeq_epi8_mask(valid, text, _mm512_set1_epi8('.'));
    const std::uint64_t exponents = _mm512_mask_cmpeq_epi8_mask(valid, text, _mm512_set1_epi8('E'));
    const std::uint64_t minuses = _mm512_mask_cmpeq_epi8_mask(valid, text, _mm512_set1_epi8('-'));
    const std::uint64_t zeros = _mm512_mask_testn_epi8_mask(digits, values, values);
    wrong_ = wrong_grammar(valid, digits, points, exponents, minuses, zeros);

    // By words, one for each number.
    const __m128i one = _mm_set1_epi16(1);
    const __m128i point = _mm_cvtsi64_si128(static_cast<std::int64_t>(points));
    const __m128i below_point = _mm_sub_epi16(point, one);  // all bits where there is none
    const __m128i exponent_place =                          // 2: E8, 1: E-8
        _mm_srli_epi16(_mm_cvtsi64_si128(static_cast<std::int64_t>(exponents)), 13);
    const __m128i exponent_sign =
        _mm_sub_epi16(_mm_srli_epi16(exponent_place, 1), _mm_and_si128(exponent_place, one));
    const __m128i exponent_digit = _mm512_castsi512_si128(
        _mm512_maskz_permutexvar_epi8(0x55, load64(kLastOfLane.data()), values));
    const __m128i behind_mantissa = _mm_or_si128(
        exponent_place,
        _mm_and_si128(_mm_add_epi16(exponent_place, exponent_place), _mm_set1_epi16(2)));
    const __m128i decimals = _mm_subs_epu16(_mm_sub_epi16(_mm_set1_epi16(15), behind_mantissa),
                                            _mm_popcnt_epi16(below_point));
    const __m128i power =
        _mm_sub_epi16(_mm_add_epi16(_mm_set1_epi16(kFixedDecimals),
                                    _mm_sign_epi16(exponent_digit, exponent_sign)),
                      decimals);
    const __m512i power_index = _mm512_cvtepi16_epi64(power);

    const auto upto_point = static_cast<std::uint64_t>(
        _mm_cvtsi128_si64(_mm_or_si128(point, _mm_subs_epu16(point, one))));
    const __m256i mantissas = convert(text, values, digits, upto_point);
    magnitudes_ = _mm256_mullo_epi64(mantissas, entries(kPowers, power_index));
    unsuitable_ = static_cast<unsigned>(
                      _mm_test_epi16_mask(point, below_point) |
                      _mm_cmpgt_epu16_mask(sizes, _mm_set1_epi16(16)) |
                      _mm_cmpgt_epu16_mask(power, _mm_set1_epi16(kPowerCount - 1)) |
                      _mm256_cmpgt_epu64_mask(mantissas, entries(kMantissasMax, power_index))) &
                  0xF;
  }

  UPFEED_ALWAYS_INLINE __m256i magnitudes() const { return magnitudes_; }
  UPFEED_ALWAYS_INLINE bool all_good() const { return (wrong_ | unsuitable_) == 0; }
  /// The magnitude of this number means nothing.
  [[nodiscard]] bool is_left_out(unsigned number) const {
    return ((wrong_ >> (16 * number)) & 0xFFFF) != 0 || ((unsuitable_ >> number) & 1) != 0;
  }

 private:
  /// A bit in the lane of each number that is not in JSON's grammar, or has an exponent that is not
  /// E and a digit or E, minus and a digit. Points but the first are for another to see.
  UPFEED_ALWAYS_INLINE static std::uint64_t wrong_grammar(std::uint64_t valid, std::uint64_t digits,
                                                          std::uint64_t points,
                                                          std::uint64_t exponents,
                                                          std::uint64_t minuses,
                                                          std::uint64_t zeros) {
    const std::uint64_t first = valid & ~((valid << 1) & ~kFirst);
    constexpr std::uint64_t kExponentPlaces = (kLast >> 1) | (kLast >> 2);
    return (valid ^ (digits | points | exponents | minuses)) |
           ((first | kLast | (points << 1) | (exponents >> 1)) & ~digits) |
           (exponents & ~kExponentPlaces) | (minuses ^ ((exponents & (kLast >> 2)) << 1)) |
           (((zeros & first) << 1) & ~kFirst & digits);
  }

  UPFEED_ALWAYS_INLINE static __m256i convert(__m512i text, __m512i values, std::uint64_t digits,
                                              std::uint64_t upto_point) {
    const __m512i spread = _mm512_maskz_mov_epi8(digits, values);
    const __m512i closed =
        _mm512_mask_shuffle_epi8(spread, upto_point, spread, load64(kPlaceBefore.data()));
    const __m512i exponent_size = _mm512_permutexvar_epi8(
        _mm512_shuffle_epi8(text, _mm512_set1_epi8(14)), load64(kExponentSizes.data()));
    const __m512i mantissa =
        _mm512_shuffle_epi8(closed, _mm512_sub_epi8(load64(kPlace.data()), exponent_size));
    const __m512i fours = _mm512_madd_epi16(
        _mm512_maddubs_epi16(mantissa, _mm512_set1_epi16(0x010A)), _mm512_set1_epi32(0x0001'0064));
    const __m256i eights =
        _mm256_madd_epi16(_mm512_cvtepi32_epi16(fours), _mm256_set1_epi32(0x0001'2710));
    return _mm256_add_epi64(_mm256_mul_epu32(eights, _mm256_set1_epi64x(100'000'000)),
                            _mm256_srli_epi64(eights, 32));
  }

  __m256i magnitudes_;
  std::uint64_t wrong_;  // bits in the number's lane
  unsigned unsuitable_;  // a bit for each number
};

struct Avx512 : Vector256<Avx512> {
  // Written out: the compiler's own would be compiled for any processor.
  UPFEED_ALWAYS_INLINE Avx512() {}  // NOLINT(modernize-use-equals-default)

  /// See frame_reader.hpp.
  template <bool kSimple, class ReadAlone>
  UPFEED_ALWAYS_INLINE static const char* units(const char* const begin, const char* const end,
                                                BookUnit* const out, std::size_t& count,
                                                const ReadAlone& read_alone) {
    Commas commas;
    if (!commas.find(begin, end)) return begin;
    // Three in each unit, one behind it, and perhaps the one in front of `level`.
    const std::size_t unit_count = commas.count() / 4;
    if (unit_count == 0 || *begin != '[' ||
        !starts_with<kUnitKey<UnitField::ask_price, kSimple>>(begin + 1)) {
      return begin;
    }
    // The last unit is followed by the bracket.
    std::uint16_t& last = commas[4 * unit_count];
    if (begin[last - 1] != ']') return begin;
    --last;
    const __m512i keys_of_prices = _mm512_loadu_si512(kKeysOfPrices<kSimple>.text.data());
    const __m512i keys_of_sizes = _mm512_loadu_si512(kKeysOfSizes<kSimple>.text.data());
    const __m128i key_sizes = load16(kKeySizes<kSimple>.data());
    std::size_t unit = 0;
    for (; unit < unit_count; ++unit) {
      const std::uint16_t* const comma = &commas[4 * unit];
      const __m512i prices = load_pair(begin + comma[1] - 16, begin + comma[2] - 16);
      const __m512i sizes = load_pair(begin + comma[3] - 16, begin + comma[4] - 17);
      const std::uint64_t sizes_mask =
          kKeysOfSizes<kSimple>.mask & (unit + 1 == unit_count ? kSizesMaskOfLast : ~0ULL);
      if ((_mm512_mask_cmpneq_epi8_mask(kKeysOfPrices<kSimple>.mask, prices, keys_of_prices) |
           _mm512_mask_cmpneq_epi8_mask(sizes_mask, sizes, keys_of_sizes)) != 0) {
        break;
      }
      const __m128i number_sizes =
          _mm_sub_epi16(_mm_sub_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(comma + 1)),
                                      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(comma))),
                        key_sizes);
      const FourNumbers numbers(_mm512_shuffle_i64x2(prices, sizes, 0x88), number_sizes);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + unit), numbers.magnitudes());
      if (!numbers.all_good() && !read_left_out<kSimple>(numbers, begin, comma, unit, read_alone)) {
        break;
      }
    }
    count = unit;
    return begin + commas[4 * unit];
  }

 private:
  UPFEED_ALWAYS_INLINE static __m512i load_pair(const char* first, const char* second) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(load32(first)), load32(second), 1);
  }

  template <bool kSimple, class ReadAlone>
  UPFEED_ALWAYS_INLINE static bool read_left_out(const FourNumbers& numbers, const char* begin,
                                                 const std::uint16_t* comma, std::size_t unit,
                                                 const ReadAlone& read_alone) {
    const auto read = [&]<UnitField kField>() __attribute__((always_inline)) {
      constexpr auto kNumber = static_cast<unsigned>(kField);
      constexpr std::size_t kKeySize =
          kUnitKeyText<kField, kSimple>.size() + (kField == UnitField::ask_price ? 1 : 0);
      if (!numbers.is_left_out(kNumber)) return true;
      const char* const end = begin + comma[kNumber + 1] - (kField == UnitField::bid_size ? 1 : 0);
      return read_alone.template operator()<kField>(begin + comma[kNumber] + kKeySize, end, unit);
    };
    using enum UnitField;
    return read.template operator()<ask_price>() && read.template operator()<bid_price>() &&
           read.template operator()<ask_size>() && read.template operator()<bid_size>();
  }
};

}  // namespace

bool decode_avx512(std::string_view text, const FrameMeta& meta, std::byte* slot,
                   const FastContext& context, Decoded& decoded) noexcept {
  return FrameDecoder<Avx512>::decode(text, meta, slot, context, decoded);
}

}  // namespace upfeed::detail

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
