#pragma once

// Frames to decode: what the simulator's synthetic market sends, in order, of all its markets or of
// one. The same arguments give the same bytes on every machine.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/decode.hpp"
#include "upfeed/encode.hpp"

namespace upfeed::bench {

/// One frame with the readable bytes behind it that a decoder asks for.
class Frame {
 public:
  explicit Frame(std::string text) : bytes_(std::move(text)), size_bytes_(bytes_.size()) {
    bytes_.append(kDecodePadding, ' ');
  }
  [[nodiscard]] std::string_view text() const noexcept { return {bytes_.data(), size_bytes_}; }
  [[nodiscard]] std::span<const char> payload() const noexcept {
    return {bytes_.data(), size_bytes_};
  }

 private:
  std::string bytes_;
  std::size_t size_bytes_;
};

/// kind    ticker, trade, orderbook (30 units) or candle.
/// format  default_ or simple.
/// code    of the one market wanted, or empty for all of them as they come.
/// errors  std::invalid_argument for another kind or format.
[[nodiscard]] std::vector<Frame> make_frames(EventKind kind, WireFormat format, std::size_t count,
                                             std::string_view code = {});

/// Order books of 30 units as the decoder's goals name them; every spelling costs differently.
enum class BookCorpus : std::uint8_t {
  plain,            ///< DEFAULT, all markets, numbers without exponents: 116539000, 0.0207
  default_all,      ///< DEFAULT as of 2026, all markets: 1.16539E8, 0.02070000
  default_krw_btc,  ///< the same, KRW-BTC only
  default_small,    ///< the same, half BTC-quoted markets (6.89E-6), half KRW-BTT (huge sizes)
  simple_all        ///< SIMPLE as of 2026, all markets: 116539000, 5.0E-4
};
inline constexpr std::array<std::string_view, 5> kBookCorpusNames{
    "a_plain", "b_default", "c_default_krw_btc", "d_default_btc_btt", "e_simple"};
[[nodiscard]] std::vector<Frame> make_book_frames(BookCorpus corpus, std::size_t count);

}  // namespace upfeed::bench
