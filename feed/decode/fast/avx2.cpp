// The kernel for processors with AVX2.

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

// Everything below is compiled for AVX2, everything above must not be.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2")
#endif

#include "decode/fast/frame_decoder.hpp"
#include "decode/fast/frame_reader.hpp"
#include "decode/fast/vector256.hpp"

namespace upfeed::detail {
namespace {

struct Avx2Isa {};
using Avx2 = Vector256<Avx2Isa>;

}  // namespace

bool decode_avx2(std::string_view text, const FrameMeta& meta, std::byte* slot,
                 const FastContext& context, Decoded& decoded) noexcept {
  return FrameDecoder<FrameReader<Avx2>>::decode(text, meta, slot, context, decoded);
}

}  // namespace upfeed::detail

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
