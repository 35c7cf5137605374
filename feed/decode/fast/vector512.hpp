#pragma once

// Registers of 64 bytes from memory. Included like value_reader.hpp, with AVX-512.

#include <immintrin.h>

#include "decode/fast/fixed_text.hpp"
#include "decode/fast/vector256.hpp"

namespace upfeed::detail {

UPFEED_ALWAYS_INLINE __m512i load64(const void* at) {
  return _mm512_load_si512(at);
}
/// 16 or 32 bytes from each place.
UPFEED_ALWAYS_INLINE __m512i join32(const char* first, const char* second) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(load32(first)), load32(second), 1);
}
UPFEED_ALWAYS_INLINE __m512i join16(const char* first, const char* second, const char* third,
                                    const char* fourth) {
  const __m256i front =
      _mm256_inserti128_si256(_mm256_castsi128_si256(load16(first)), load16(second), 1);
  const __m256i back =
      _mm256_inserti128_si256(_mm256_castsi128_si256(load16(third)), load16(fourth), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(front), back, 1);
}

}  // namespace upfeed::detail
