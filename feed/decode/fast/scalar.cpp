// The kernel for every processor: eight characters at a time in a 64-bit word.

#include "decode/fast/frame_decoder.hpp"
#include "decode/fast/frame_reader.hpp"

namespace upfeed::detail {
namespace {

constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
constexpr std::uint64_t kHighBits = 0x80 * kOnes;

/// Bit 7 of each byte that is not 0 to 9 in `digits`, which holds characters less '0'.
UPFEED_ALWAYS_INLINE std::uint64_t not_digits(std::uint64_t digits) {
  return (((digits & ~kHighBits) + (0x7F - 9) * kOnes) | digits) & kHighBits;
}
/// The number that eight digits make, the first one in the lowest byte.
UPFEED_ALWAYS_INLINE std::uint64_t eight_digits(std::uint64_t digits) {
  digits = digits * 10 + (digits >> 8);
  constexpr std::uint64_t kPairs = 0x0000'00FF'0000'00FF;
  return ((digits & kPairs) * (100 + (std::uint64_t{1'000'000} << 32)) +
          ((digits >> 16) & kPairs) * (1 + (std::uint64_t{10'000} << 32))) >>
         32;
}

struct Scalar {
  /// Appends up to 16 digits to value, which is 0; returns how many there were, 17 for more.
  UPFEED_ALWAYS_INLINE static unsigned digits(const char* at, std::uint64_t& value) {
    const unsigned first = upto_eight(at, value);
    // Most fractions end here: the exchange counts in 1e-8.
    if (first < 8 || static_cast<unsigned char>(at[8] - '0') > 9) return first;
    std::uint64_t more = 0;
    const unsigned second = upto_eight(at + 8, more);
    value = value * spelled_power(static_cast<int>(second)) + more;
    if (second < 8) return 8 + second;
    return static_cast<unsigned char>(at[16] - '0') <= 9 ? 17 : 16;
  }
  UPFEED_ALWAYS_INLINE static unsigned upto_eight(const char* at, std::uint64_t& value) {
    const std::uint64_t digits = load_u64(at) ^ ('0' * kOnes);
    const std::uint64_t others = not_digits(digits);
    const unsigned count = others != 0 ? static_cast<unsigned>(std::countr_zero(others)) / 8 : 8;
    // Two shifts, because one by 64 is undefined.
    value = eight_digits(digits << (4 * (8 - count)) << (4 * (8 - count)));
    return count;
  }

  template <char kEnd>
  UPFEED_ALWAYS_INLINE bool scan(const char* const begin, Spelled& out) const {
    const char* at = begin;
    unsigned integer = 1;
    if (begin[1] == '.') {  // a size below 10, or a price with an exponent
      out.integer = static_cast<unsigned char>(*begin - '0');
      if (out.integer > 9) return false;
    } else {
      integer = digits(at, out.integer);
    }
    at += integer;
    if (integer - 1 >= kSpelledDigitsMax || (*begin == '0' && integer > 1)) return false;
    if (*at == '.') {
      ++at;
      out.fraction_digits = digits(at, out.fraction);
      at += out.fraction_digits;
      if (out.fraction_digits - 1 >= kSpelledDigitsMax) return false;
    }
    if (*at == 'E') {
      const bool negative = at[1] == '-';
      at += 1 + negative;
      const unsigned digit = static_cast<unsigned char>(*at - '0');
      if (digit > 9) return false;
      out.exponent = negative ? -static_cast<int>(digit) : static_cast<int>(digit);
      ++at;
    }
    out.size = static_cast<unsigned>(at - begin);
    return *at == kEnd;
  }

  template <char kEnd>
  UPFEED_ALWAYS_INLINE std::size_t whole(const char* at, std::uint64_t& out) const {
    unsigned size = digits(at, out);
    if (size == 17) {
      out = out * 10 + static_cast<std::uint64_t>(at[16] - '0');
      if (static_cast<unsigned char>(at[17] - '0') <= 9) return 0;
    }
    if (size == 0 || at[size] != kEnd || (size > 1 && *at == '0')) return 0;
    return size;
  }

  template <std::size_t kCapacity>
  UPFEED_ALWAYS_INLINE static std::size_t text(const char* at, char* out) {
    for (std::size_t offset = 0; offset < kCapacity; offset += 8) {
      const std::uint64_t word = load_u64(at + offset);
      const std::uint64_t quotes = zero_bytes(word ^ ('"' * kOnes));
      // Exact up to the first hit, which is all that counts.
      const std::uint64_t odd = ((word - 0x20 * kOnes) & ~word & kHighBits) | (word & kHighBits) |
                                zero_bytes(word ^ ('\\' * kOnes));
      const auto before = quotes != 0 ? (quotes & (~quotes + 1)) - 1 : ~std::uint64_t{0};
      if ((odd & before) != 0) return kNoText;
      const std::uint64_t kept = quotes != 0 ? word & (before >> 7) : word;
      std::memcpy(out + offset, &kept, sizeof kept);
      if (quotes != 0) {
        std::memset(out + offset + 8, 0, kCapacity - offset - 8);
        return offset + static_cast<std::size_t>(std::countr_zero(quotes)) / 8;
      }
    }
    return at[kCapacity] == '"' ? kCapacity : kNoText;
  }
  /// Bit 7 of the first byte that is 0, and of some behind it.
  UPFEED_ALWAYS_INLINE static std::uint64_t zero_bytes(std::uint64_t word) {
    return (word - kOnes) & ~word & kHighBits;
  }
};

}  // namespace

bool decode_scalar(std::string_view text, const FrameMeta& meta, std::byte* slot,
                   const FastContext& context, Decoded& decoded) noexcept {
  return FrameDecoder<FrameReader<Scalar>>::decode(text, meta, slot, context, decoded);
}

}  // namespace upfeed::detail
