#pragma once

// From the first bytes of a frame to the reader for its stream and names. Included like
// frame_reader.hpp, by kernels.

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "decode/fast/fast.hpp"
#include "decode/fast/fixed_text.hpp"

namespace upfeed::detail {

/// FastDecode of a kernel. Reader has
///   read<Event, kSimple>(begin, at, end, meta, slot, context, decoded), as FastDecode, at behind
///   the frame's prefix.
template <class Reader>
class FrameDecoder {
 public:
  static bool decode(std::string_view text, const FrameMeta& meta, std::byte* slot,
                     const FastContext& context, Decoded& decoded) noexcept {
    const char* begin = text.data();
    const char* end = begin + text.size();
    // Shorter than any frame with its required keys; kernels read 16 bytes in front of a number.
    constexpr std::size_t kFrameBytesMin = 32;
    if (text.size() < kFrameBytesMin) return false;
    if (*begin == '[') {  // a list of one
      if (end[-1] != ']') return false;
      ++begin;
      --end;
    }
    // {"ty":...} or {"type":...}
    return begin[4] == '"' ? decode_named<true>(begin, end, meta, slot, context, decoded)
                           : decode_named<false>(begin, end, meta, slot, context, decoded);
  }

 private:
  template <class Event, bool kSimple>
  __attribute__((noinline)) static bool read(const char* begin, const char* at, const char* end,
                                             const FrameMeta& meta, std::byte* slot,
                                             const FastContext& context,
                                             Decoded& decoded) noexcept {
    return Reader::template read<Event, kSimple>(begin, at, end, meta, slot, context, decoded);
  }

  template <bool kSimple>
  UPFEED_ALWAYS_INLINE static bool decode_named(const char* begin, const char* end,
                                                const FrameMeta& meta, std::byte* slot,
                                                const FastContext& context, Decoded& decoded) {
    const auto reads = [&]<class Event>(std::type_identity<Event>) __attribute__((always_inline)) {
      constexpr auto kPrefixText = kPrefix<Event, kSimple>;
      if (!starts_with<kPrefixText>(begin)) return false;
      return read<Event, kSimple>(begin, begin + kPrefixText.size(), end, meta, slot, context,
                                  decoded);
    };
    return reads(std::type_identity<OrderbookEvent>{}) || reads(std::type_identity<TradeEvent>{}) ||
           reads(std::type_identity<TickerEvent>{}) || reads(std::type_identity<CandleEvent>{});
  }
};

}  // namespace upfeed::detail
