#pragma once

// Where the keys of a frame are. The exchange's numbers, codes and words hold no commas, so the
// commas of a frame stand in front of its keys; a frame of which that is not true is declined like
// any other surprise.
//
//   {"type":"trade","code":"KRW-BTC","timestamp":1788335180423,...,"stream_type":"REALTIME"}
//                  ^                ^                         ^
//
// Listed in advance, they tell where each value ends, so that nothing waits for anything in front
// of it. Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "decode/fast/fixed_text.hpp"
#include "upfeed/events.hpp"

namespace upfeed::detail {

/// Isa  as in vector256.hpp.
template <class Isa>
class Commas {
 public:
  /// In front of an order book's units, in and between them, behind them, in front of `level`.
  static constexpr std::size_t kCountMax = 5 + 4 * kBookDepthMax + 1;

  /// Reads up to 63 bytes beyond end, and believes none of them. false: not as in any frame.
  UPFEED_ALWAYS_INLINE bool find(const char* begin, const char* end) {
    const auto size = static_cast<std::size_t>(end - begin);
    if (size > UINT16_MAX) return false;
    begin_ = begin;
    constexpr std::uint64_t kWhole = ~std::uint64_t{0};
    std::size_t count = 0;
    std::size_t offset = 0;
    __m256i base = _mm256_setzero_si256();
    // The block that is kNumber blocks behind offset, of which only kept counts.
    const auto list = [&]<std::size_t kNumber>(std::uint64_t kept) __attribute__((always_inline)) {
      const std::size_t found = list_block<kNumber>(begin + offset, kept, base, &places_[count]);
      count += found;
      return found <= kBlockCountMax;
    };
    // Four blocks share what does not depend on the text.
    constexpr std::size_t kFourBlocks = std::size_t{4} * kBlock;
    for (; offset + kFourBlocks <= size; offset += kFourBlocks) {
      if (!list.template operator()<0>(kWhole) || !list.template operator()<1>(kWhole) ||
          !list.template operator()<2>(kWhole) || !list.template operator()<3>(kWhole) ||
          count > kCountMax) {
        return false;
      }
      base = _mm256_add_epi16(base, _mm256_set1_epi16(4 * kBlock));
    }
    for (; offset < size; offset += kBlock) {
      const auto left = static_cast<unsigned>(size - offset);
      if (!list.template operator()<0>(_bzhi_u64(kWhole, left))) return false;
      base = _mm256_add_epi16(base, _mm256_set1_epi16(kBlock));
    }
    count_ = count;
    return count <= kCountMax;
  }

  [[nodiscard]] UPFEED_ALWAYS_INLINE const char* begin() const { return begin_; }
  [[nodiscard]] UPFEED_ALWAYS_INLINE std::size_t count() const { return count_; }
  [[nodiscard]] UPFEED_ALWAYS_INLINE const char* operator[](std::size_t i) const {
    return begin_ + places_[i];
  }
  /// The places, counted from the frame's first byte; behind the last one anything.
  [[nodiscard]] UPFEED_ALWAYS_INLINE const std::uint16_t* words() const { return places_.data(); }

 private:
  static constexpr std::int16_t kBlock = 64;
  /// More commas than any frame has in a block; the shortest unit has 30 characters for its four.
  static constexpr std::size_t kBlockCountMax = 16;
  /// The numbers of the bytes of four blocks.
  static constexpr auto kByteNumbers = [] {
    std::array<std::uint8_t, 4 * kBlock> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint8_t>(i);
    return numbers;
  }();

  /// Writes the places of the commas of one block, no more than kBlockCountMax; returns how many
  /// there are.
  template <std::size_t kNumber>
  UPFEED_ALWAYS_INLINE static std::size_t list_block(const char* text, std::uint64_t kept,
                                                     __m256i base, std::uint16_t* out) {
    const __m512i block = _mm512_loadu_si512(text + kNumber * kBlock);
    const std::uint64_t commas = kept & _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(','));
    const __m512i numbers = _mm512_loadu_si512(kByteNumbers.data() + kNumber * kBlock);
    const __m128i found = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(commas, numbers));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm256_add_epi16(_mm256_cvtepu8_epi16(found), base));
    return static_cast<std::size_t>(_mm_popcnt_u64(commas));
  }

  // A list may be written beyond the end, and the count is looked at every four blocks.
  std::array<std::uint16_t, kCountMax + 5 * kBlockCountMax> places_;
  std::size_t count_;
  const char* begin_;
};

}  // namespace upfeed::detail
