#include "net/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace upfeed::net {
namespace {

// Bytes of the sequence at p (1 to 4), or 0 if it is not one. The second byte alone tells overlong
// forms, surrogates and too large values apart (RFC 3629, section 4).
std::size_t sequence_bytes(const std::uint8_t* p, std::size_t left) {
  const auto within = [](unsigned byte, unsigned low, unsigned high) {
    return byte >= low && byte <= high;
  };
  const unsigned lead = p[0];
  if (lead < 0x80) return 1;
  const std::size_t size = within(lead, 0xC2, 0xDF)   ? 2
                           : within(lead, 0xE0, 0xEF) ? 3
                           : within(lead, 0xF0, 0xF4) ? 4
                                                      : 0;
  if (size == 0 || left < size) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (!within(p[1], low, high)) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (!within(p[i], 0x80, 0xBF)) return 0;
  }
  return size;
}

}  // namespace

bool is_utf8(std::span<const char> text) noexcept {
  const auto* p = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t left = text.size();
  while (left != 0) {
    std::uint64_t word = 0;
    if (left >= sizeof word) {
      std::memcpy(&word, p, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        p += sizeof word;
        left -= sizeof word;
        continue;
      }
    }
    const std::size_t size = sequence_bytes(p, left);
    if (size == 0) return false;
    p += size;
    left -= size;
  }
  return true;
}

}  // namespace upfeed::net
