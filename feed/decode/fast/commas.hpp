#pragma once

// How a reader finds its way from key to key. The exchange's numbers, codes and words hold no
// commas, so the commas of a frame stand in front of its keys; a frame of which that is not true is
// declined like any other surprise.
//
//   {"type":"trade","code":"KRW-BTC","timestamp":1788335180423,...,"stream_type":"REALTIME"}
//                  ^                ^                         ^                            ^
//
// Found in advance, they let a processor read the values of several keys at a time: a value's own
// end is compared with the place where the next key was expected, but nothing waits for it.
//
// Included like frame_reader.hpp, by kernels.

#include <array>
#include <cstddef>
#include <cstdint>

#include "decode/fast/fixed_text.hpp"
#include "upfeed/events.hpp"

namespace upfeed::detail {

/// For kernels that find commas no faster than values: the next key is where the value ended.
class NoCommas {
 public:
  class Cursor {
   public:
    UPFEED_ALWAYS_INLINE explicit Cursor(const char* at) : at_(at) {}
    /// Where the next key should be.
    [[nodiscard]] UPFEED_ALWAYS_INLINE const char* at() const { return at_; }
    /// Moves to the next key. behind  the end of the value before it; nullptr: it is none.
    [[nodiscard]] UPFEED_ALWAYS_INLINE bool go_on(const char* behind) {
      at_ = behind;
      return behind != nullptr;
    }
    UPFEED_ALWAYS_INLINE void skip(std::size_t) {}

   private:
    const char* at_;
  };

  UPFEED_ALWAYS_INLINE static bool find(const char*, const char*) { return true; }
  /// at  of the first key.
  UPFEED_ALWAYS_INLINE static Cursor cursor(const char* at) { return Cursor(at); }
};

/// The places of a frame's commas, and of its last byte behind them, counted from its first byte.
/// Isa has
///   list_commas(text, kept, offset, out) -> how many commas are among the 64 characters at text,
///                              if they are in kept; writes their places plus offset, but no more
///                              than kBlockMax of them.
template <class Isa>
class Commas {
 public:
  /// In front of an order book's units, in and between them, behind them, in front of `level`.
  static constexpr std::size_t kCountMax = 5 + 4 * kBookDepthMax + 1;
  /// In 64 characters; the shortest unit has 30 for its four.
  static constexpr std::size_t kBlockMax = 16;

  class Cursor {
   public:
    UPFEED_ALWAYS_INLINE Cursor(const char* begin, const std::uint16_t* next)
        : begin_(begin), next_(next), at_(begin + *next_++) {}
    [[nodiscard]] UPFEED_ALWAYS_INLINE const char* at() const { return at_; }
    [[nodiscard]] UPFEED_ALWAYS_INLINE bool go_on(const char* behind) {
      at_ = begin_ + *next_++;
      return at_ == behind;
    }
    /// The same without a doubt about the value, for it to be read later; returns at().
    UPFEED_ALWAYS_INLINE const char* go_on() { return at_ = begin_ + *next_++; }
    /// Leaves out commas that are not in front of a key of the frame.
    UPFEED_ALWAYS_INLINE void skip(std::size_t commas) { next_ += commas; }

    [[nodiscard]] const char* begin() const { return begin_; }
    /// The place that at() is, and all behind it.
    [[nodiscard]] const std::uint16_t* places() const { return next_ - 1; }

   private:
    const char* begin_;
    const std::uint16_t* next_;
    const char* at_;
  };

  /// Reads up to 63 bytes beyond end, and believes none of them. false: not as in any frame.
  UPFEED_ALWAYS_INLINE bool find(const char* begin, const char* end) {
    const auto size = static_cast<std::size_t>(end - begin);
    if (size > UINT16_MAX) return false;
    begin_ = begin;
    std::size_t count = 0;
    std::size_t crowded = 0;
    std::size_t offset = 0;
    const auto list = [&](std::uint64_t kept) __attribute__((always_inline)) {
      const std::size_t found =
          Isa::list_commas(begin + offset, kept, offset, places_.data() + count);
      crowded |= found + (31 - kBlockMax);  // sets a bit above the lowest five beyond kBlockMax
      count += found;
    };
    for (; offset + 64 <= size && count <= kCountMax; offset += 64) list(~std::uint64_t{0});
    if (count > kCountMax) return false;
    if (offset < size) list((std::uint64_t{1} << (size - offset)) - 1);
    places_[count] = static_cast<std::uint16_t>(size - 1);
    count_ = count;
    return crowded < 32 && count <= kCountMax;
  }
  /// at  of the first key, or where it should be.
  UPFEED_ALWAYS_INLINE Cursor cursor(const char*) const { return Cursor(begin_, places_.data()); }
  /// How many there are from the cursor's place on.
  [[nodiscard]] std::size_t count_from(const Cursor& cursor) const {
    return count_ - static_cast<std::size_t>(cursor.places() - places_.data());
  }

 private:
  // A block may hold 64, and a list may be written beyond its end.
  alignas(64) std::array<std::uint16_t, kCountMax + 64 + kBlockMax> places_;
  std::size_t count_;
  const char* begin_;
};

}  // namespace upfeed::detail
