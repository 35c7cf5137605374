// The kernel for processors with AVX-512 (VBMI2 and BITALG, so from Ice Lake and Zen 4 on): frames
// with all keys of their table are read all at once (whole_frame.hpp), others as with AVX2.

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

#include "decode/fast/frame_decoder.hpp"
#include "decode/fast/vector256.hpp"
#include "decode/fast/whole_frame.hpp"

namespace upfeed::detail {
namespace {

struct Avx512Isa {};
using Whole = FrameDecoder<WholeFrame<Vector256<Avx512Isa>, Avx512Isa>>;

}  // namespace

bool decode_avx512_whole(std::string_view text, const FrameMeta& meta, std::byte* slot,
                         const FastContext& context, Decoded& decoded) noexcept {
  return Whole::decode(text, meta, slot, context, decoded);
}
bool decode_avx512(std::string_view text, const FrameMeta& meta, std::byte* slot,
                   const FastContext& context, Decoded& decoded) noexcept {
  return Whole::decode(text, meta, slot, context, decoded) ||
         decode_avx2(text, meta, slot, context, decoded);
}

}  // namespace upfeed::detail

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
