// The kernel for processors with AVX-512 (VBMI2 and BITALG, so from Ice Lake and Zen 4 on). Single
// values are read as with AVX2; the units of an order book have a way of their own, in which no
// number waits for the one before it:
//
//   [{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.0205,"bid_size":8.1E-4},{"ask_...
//   ^                      ^                     ^                 ^                  ^
//   one unit per register: between two commas (commas.hpp) stand a key, whose size is known, and a
//   number
//
//      |.......1.16539E8|.......1.16538E8|..........0.0205|..........8.1E-4|   four lanes of 16
//      |.........1.16539|.........1.16538|..........0.0205|.............8.1|   exponents cut
//      |..........116539|..........116538|...........00205|..............81|   points closed
//              x 10^11          x 10^11           x 10^4           x 10^3      exactly, in 64 bits
//
// A number that this does not suit (longer than 16 characters, too large, or no number at all) is
// read alone by scan(); a key or bracket that is not where it should be ends the units read here.

// gcc 12 takes operands that are left undefined on purpose within its intrinsics for ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

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

#include "decode/fast/four_numbers.hpp"
#include "decode/fast/frame_decoder.hpp"
#include "decode/fast/vector256.hpp"

namespace upfeed::detail {
namespace {

/// 64 bytes as the constants of a register.
using Bytes = std::array<std::uint8_t, 64>;

/// What stands right of a comma, in lanes 1 and 3 of a register whose lanes 0 and 2 hold what
/// stands left of it: the key of the number that follows.
struct Keys {
  alignas(64) Bytes text{};
  alignas(64) Bytes mask{};  ///< the bits that count

  constexpr void set(std::size_t lane, std::string_view key) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      text[16 * lane + i] = static_cast<std::uint8_t>(key[i]);
      mask[16 * lane + i] = 0xFF;
    }
  }
  /// All bits are zero where text is as it should be.
  UPFEED_ALWAYS_INLINE __m512i differ(__m512i found) const {
    constexpr int kXorThenAnd = 0x28;  // (a ^ b) & c
    return _mm512_ternarylogic_epi64(found, load64(text.data()), load64(mask.data()), kXorThenAnd);
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
/// Behind the last unit no key follows: only its brace counts.
template <bool kSimple, bool kLast>
inline constexpr Keys kKeysOfSizes = [] {
  constexpr std::string_view next{kNextUnit<kSimple>.chars.data(), kNextUnit<kSimple>.size()};
  Keys keys;
  keys.set(1, kUnitKeyText<UnitField::bid_size, kSimple>);
  keys.set(3, kLast ? next.substr(0, 1) : next);
  return keys;
}();

/// From comma to comma, less these: the sizes of a unit's numbers. The first unit has the bracket
/// and its key in front.
template <bool kSimple, bool kFirst>
alignas(16) inline constexpr auto kKeySizes = [] {
  constexpr auto kIndex = static_cast<std::size_t>(OrderbookEvent::Field::orderbook_units);
  constexpr std::size_t kOpener = kFirst ? kKey<OrderbookEvent, kSimple, kIndex>.size() : 0;
  constexpr std::array<std::size_t, 4> kSizes{
      kOpener + 1 + kUnitKeyText<UnitField::ask_price, kSimple>.size(),
      kUnitKeyText<UnitField::bid_price, kSimple>.size(),
      kUnitKeyText<UnitField::ask_size, kSimple>.size(),
      kUnitKeyText<UnitField::bid_size, kSimple>.size() + 1};
  std::array<std::int16_t, 8> words{};
  for (std::size_t i = 0; i < kSizes.size(); ++i) words[i] = static_cast<std::int16_t>(kSizes[i]);
  return words;
}();

alignas(64) constexpr Bytes kByteNumbers = in_each_lane([](auto lane, auto i) {
  return 16 * lane + i;
});

struct Avx512Isa {
  using Places = Commas<Avx512Isa>;
  UPFEED_ALWAYS_INLINE static std::size_t list_commas(const char* text, std::uint64_t kept,
                                                      std::size_t offset, std::uint16_t* out) {
    const std::uint64_t commas =
        _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(text), _mm512_set1_epi8(',')) & kept;
    const __m512i places = _mm512_maskz_compress_epi8(commas, load64(kByteNumbers.data()));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm256_add_epi16(_mm256_cvtepu8_epi16(_mm512_castsi512_si128(places)),
                                         _mm256_set1_epi16(static_cast<std::int16_t>(offset))));
    return static_cast<std::size_t>(_mm_popcnt_u64(commas));
  }
};

struct Avx512 : Vector256<Avx512Isa> {
  static constexpr bool kReadsMany = true;
  // Written out: the compiler's own would be compiled for any processor.
  UPFEED_ALWAYS_INLINE Avx512() {}  // NOLINT(modernize-use-equals-default)

  // For the rest see frame_reader.hpp.
  class Four {
   public:
    UPFEED_ALWAYS_INLINE Four() {}  // NOLINT(modernize-use-equals-default): as above

    UPFEED_ALWAYS_INLINE unsigned read(const char* const* ends, std::uint64_t sizes,
                                       std::int64_t* out) const {
      const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(ends[0] - 16)),
                                                  load16(ends[1] - 16), 1);
      const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(ends[2] - 16)),
                                                   load16(ends[3] - 16), 1);
      const auto numbers = numbers_.read(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1),
                                         _mm_cvtsi64_si128(static_cast<std::int64_t>(sizes)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), numbers.magnitudes);
      if (numbers.whole()) return 0;
      unsigned left_out = 0;
      for (std::size_t i = 0; i < 4; ++i) left_out |= (numbers.leaves_out(i) ? 1U : 0U) << i;
      return left_out;
    }

   private:
    FourNumbers<Avx512Isa> numbers_;
  };

  template <bool kSimple, class ReadAlone>
  UPFEED_ALWAYS_INLINE static const char* units(const char* at, const Places& places,
                                                const Places::Cursor& cursor, BookUnit* out,
                                                std::size_t& count, const ReadAlone& read_alone) {
    // From the comma in front of all units: it, four of each unit, and perhaps that of `level`.
    const std::size_t unit_count = (places.count_from(cursor) - 1) / 4;
    if (unit_count > kBookDepthMax || unit_count <= count) return at;
    // Later keys are seen together with the unit in front of them.
    if (*at != (count == 0 ? '[' : ',') ||
        !starts_with<kUnitKey<UnitField::ask_price, kSimple>>(at + 1)) {
      return at;
    }
    const char* const begin = cursor.begin();
    const FourNumbers<Avx512Isa> four_numbers;
    const std::uint16_t* comma = cursor.places() + 4 * count;
    if (count != 0 && at != begin + comma[0]) return at;
    const __m128i key_sizes = load16(kKeySizes<kSimple, false>.data());
    __m128i key_sizes_now = count == 0 ? load16(kKeySizes<kSimple, true>.data()) : key_sizes;
    for (std::size_t unit = count; unit < unit_count; ++unit, comma += 4) {
      const char* behind = begin + comma[4];  // the comma, or the bracket in front of it
      const __m512i prices = load_pair(begin + comma[1] - 16, begin + comma[2] - 16);
      __m512i wrong = kKeysOfPrices<kSimple>.differ(prices);
      __m128i sizes =
          _mm_sub_epi16(_mm_sub_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(comma + 1)),
                                      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(comma))),
                        key_sizes_now);
      key_sizes_now = key_sizes;
      __m512i amounts;
      if (unit + 1 < unit_count) {
        amounts = load_pair(begin + comma[3] - 16, behind - 17);
        wrong = _mm512_or_si512(wrong, kKeysOfSizes<kSimple, false>.differ(amounts));
      } else {
        --behind;
        amounts = load_pair(begin + comma[3] - 16, behind - 17);
        wrong = _mm512_or_si512(wrong, kKeysOfSizes<kSimple, true>.differ(amounts));
        sizes = _mm_sub_epi16(sizes, _mm_set_epi16(0, 0, 0, 0, 1, 0, 0, 0));
      }
      if (_mm512_test_epi64_mask(wrong, wrong) != 0) break;
      const auto numbers = four_numbers.read(_mm512_shuffle_i64x2(prices, amounts, 0x88), sizes);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + unit), numbers.magnitudes);
      if (!numbers.whole() &&
          !read_left_out<kSimple>(numbers, behind, sizes, unit, begin, comma, read_alone)) {
        break;
      }
      at = behind;
      count = unit + 1;
    }
    return at;
  }

 private:
  UPFEED_ALWAYS_INLINE static __m512i load_pair(const char* first, const char* second) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(load32(first)), load32(second), 1);
  }

  /// behind  the unit. number_sizes  as in FourNumbers. comma  the one in front of the unit.
  template <bool kSimple, class ReadAlone>
  UPFEED_ALWAYS_INLINE static bool read_left_out(const FourNumbers<Avx512Isa>::Result& numbers,
                                                 const char* behind, __m128i number_sizes,
                                                 std::size_t unit, const char* begin,
                                                 const std::uint16_t* comma,
                                                 const ReadAlone& read_alone) {
    std::array<std::uint16_t, 8> sizes;
    std::memcpy(sizes.data(), &number_sizes, sizeof number_sizes);
    const auto read = [&]<UnitField kField>() __attribute__((always_inline)) {
      constexpr auto kNumber = static_cast<unsigned>(kField);
      if (!numbers.leaves_out(kNumber)) return true;
      const char* const end =
          kField == UnitField::bid_size ? behind - 1 : begin + comma[kNumber + 1];
      return read_alone.template operator()<kField>(end - sizes[kNumber], end, unit);
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
