#pragma once

// What the fast decoders expect to read, as constants of the compiler: the keys of every stream,
// written from the tables of fields.hpp in either name set.
//
//   {"type":"trade"  ,"code":  ... ,"trade_price":  ... }       kPrefix, kKey<...>
//   {"ask_price":  ... ,"bid_price":  ... ,"ask_size":  ...     kUnitKey<...>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "decode/decode.hpp"
#include "decode/fields.hpp"

#define UPFEED_ALWAYS_INLINE inline __attribute__((always_inline))

namespace upfeed::detail {

/// Up to eight characters as a load reads them.
constexpr std::uint64_t word_of(std::string_view text) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  }
  return word;
}

/// Text that can be a template argument.
template <std::size_t kSize>
struct FixedText {
  std::array<char, kSize> chars{};

  constexpr FixedText() = default;
  // Implicit, so that a literal is a template argument.
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr FixedText(const char (&text)[kSize + 1]) {
    for (std::size_t i = 0; i < kSize; ++i) chars[i] = text[i];
  }
  [[nodiscard]] static constexpr std::size_t size() { return kSize; }
  /// Up to eight bytes from offset on, as a load reads them; zero beyond the end.
  [[nodiscard]] constexpr std::uint64_t word(std::size_t offset) const {
    return word_of(std::string_view(chars.data(), kSize).substr(offset, 8));
  }
};
template <std::size_t kSizeWithZero>
FixedText(const char (&)[kSizeWithZero]) -> FixedText<kSizeWithZero - 1>;

/// The parts one behind the other; kSize is their sizes' sum.
template <std::size_t kSize, class... Parts>
constexpr FixedText<kSize> join(Parts... parts) {
  FixedText<kSize> out;
  std::size_t size = 0;
  const auto append = [&](std::string_view part) {
    for (const char c : part) out.chars[size++] = c;
  };
  (append(parts), ...);
  return out;
}

/// How frames of a stream begin: up to the type's closing quote, in candles up to the unit.
template <class Event, bool kSimple>
inline constexpr auto kPrefix = [] {
  constexpr std::string_view key = kFields<Event>[0].key(kSimple);
  constexpr std::string_view type = kTypeTexts[static_cast<std::size_t>(Event::kKind)];
  constexpr std::string_view close = Event::kKind == EventKind::candle ? "" : "\"";
  return join<5 + key.size() + type.size() + close.size()>(std::string_view("{\""), key,
                                                           std::string_view("\":\""), type, close);
}();

/// What stands between two values of a frame, or of an order book unit.
template <class Event, bool kSimple, std::size_t kIndex>
inline constexpr auto kKey = [] {
  constexpr std::string_view key = kFields<Event>[kIndex].key(kSimple);
  return join<4 + key.size()>(std::string_view(",\""), key, std::string_view("\":"));
}();
template <UnitField kField, bool kSimple>
inline constexpr auto kUnitKey = [] {
  constexpr std::string_view key = kUnitFields[static_cast<std::size_t>(kField)].key(kSimple);
  constexpr bool first = kField == UnitField{};
  return join<4 + key.size()>(std::string_view(first ? "{\"" : ",\""), key,
                              std::string_view("\":"));
}();

UPFEED_ALWAYS_INLINE std::uint64_t load_u64(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// The eight bytes of kText at an offset: a constant by itself, since a call that merely could be
/// one may be left for run time.
template <FixedText kText, std::size_t kOffset>
inline constexpr std::uint64_t kWordOf = kText.word(kOffset);

/// Reads no byte beyond the larger of kText's size and 8.
template <FixedText kText>
UPFEED_ALWAYS_INLINE bool starts_with(const char* at) {
  constexpr std::size_t kSize = kText.size();
  static_assert(kSize > 0);
  if constexpr (kSize < 8) {
    constexpr std::uint64_t kMask = (std::uint64_t{1} << (8 * kSize)) - 1;
    return (load_u64(at) & kMask) == kWordOf<kText, 0>;
  } else {
    // Words of eight, the last one overlapping.
    return [at]<std::size_t... kWord>(std::index_sequence<kWord...>)
        __attribute__((always_inline)) {
      return ((load_u64(at + std::min(8 * kWord, kSize - 8)) ^
               kWordOf<kText, std::min(8 * kWord, kSize - 8)>) |
              ...) == 0;
    }
    (std::make_index_sequence<(kSize + 7) / 8>());
  }
}

/// Words of at most eight characters and what they stand for, found without a branch on which one
/// it is: that is news each time, so a branch would often go wrong.
template <std::size_t kSlots>
struct WordTable {
  static constexpr unsigned kShift = 64 - std::countr_zero(kSlots);

  std::array<std::uint64_t, kSlots> words{};
  std::array<std::uint8_t, kSlots> values{};
  std::uint64_t multiplier = 1;

  [[nodiscard]] constexpr std::size_t slot(std::uint64_t word) const {
    return static_cast<std::size_t>((word * multiplier) >> kShift);
  }
  /// false: none of them. value  of the word.
  UPFEED_ALWAYS_INLINE bool find(std::uint64_t word, std::uint8_t& value) const {
    const std::size_t at = slot(word);
    value = values[at];
    return words[at] == word;
  }
};

/// A text as a load reads it together with its quotes, if they count.
constexpr std::uint64_t quoted_word(std::string_view text, bool opening, bool closing) {
  std::uint64_t word = word_of(text);
  if (closing) word |= std::uint64_t{'"'} << (8 * text.size());
  return opening ? word << 8 | std::uint64_t{'"'} : word;
}
/// Of the texts from kFirst on; their values are their places.
template <const auto& kTexts, std::size_t kFirst, bool kOpening, bool kClosing>
inline constexpr auto kWordTable = [] {
  const auto word = [](std::string_view text) { return quoted_word(text, kOpening, kClosing); };
  WordTable<std::bit_ceil(2 * (kTexts.size() - kFirst))> table;
  bool apart = false;
  while (!apart) {
    table.multiplier = table.multiplier * 0x5851'F42D'4C95'7F2D + 2;
    apart = true;
    // A slot without a word has one that belongs into another.
    table.words.fill(word(kTexts[kFirst]));
    table.values = {};
    for (std::size_t i = kFirst; i < kTexts.size(); ++i) {
      std::uint8_t& value = table.values[table.slot(word(kTexts[i]))];
      apart &= value == 0;
      value = static_cast<std::uint8_t>(i + 1);
      table.words[table.slot(word(kTexts[i]))] = word(kTexts[i]);
    }
  }
  for (std::uint8_t& value : table.values) value = static_cast<std::uint8_t>(value - 1);
  return table;
}();

}  // namespace upfeed::detail
