#pragma once

// The fast decoders: they guess that a frame is written as the exchange writes it (keys in the
// documented order, no white space, no escapes), verify every byte of that guess, and decline at
// the first surprise; the reference decoder then decides. So they never refuse a frame, and what
// they accept is what the reference accepts, with the same event.
//
//   payload --FastDecode--> true: event in the slot
//                      \--> false: slot and result hold nothing; ask the reference

#include <array>
#include <span>
#include <string_view>

#include "decode/decode.hpp"
#include "upfeed/config.hpp"

namespace upfeed::detail {

/// What a fast decoder needs besides the frame.
struct FastContext {
  MarketTable& markets;
  bool interns_markets;
  /// Sizes beyond int64 are kept here until the unit count is known.
  std::array<WideUnitSizes, kBookDepthMax>& wide;
};

/// text  a frame as Decoder::decode gets it; kDecodePadding readable bytes follow, never believed.
using FastDecode = bool (*)(std::string_view text, const FrameMeta& meta, std::byte* slot,
                            const FastContext& context, Decoded& decoded) noexcept;

bool decode_scalar(std::string_view text, const FrameMeta& meta, std::byte* slot,
                   const FastContext& context, Decoded& decoded) noexcept;
bool decode_avx2(std::string_view text, const FrameMeta& meta, std::byte* slot,
                 const FastContext& context, Decoded& decoded) noexcept;
/// Whole frames at once, and what it declines as decode_avx2 does.
bool decode_avx512(std::string_view text, const FrameMeta& meta, std::byte* slot,
                   const FastContext& context, Decoded& decoded) noexcept;
/// The first half of it: frames with all keys of their table.
bool decode_avx512_whole(std::string_view text, const FrameMeta& meta, std::byte* slot,
                         const FastContext& context, Decoded& decoded) noexcept;

/// nullptr for DecodeKernel::reference.
/// kernel  one that decode_kernel_supported() here.
[[nodiscard]] FastDecode fast_decoder(DecodeKernel kernel) noexcept;

}  // namespace upfeed::detail
