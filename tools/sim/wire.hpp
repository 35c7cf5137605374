#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/market.hpp"

/// Frames as text: keys in the documented order, numbers in the spellings of 2026.
///
/// | field                         | DEFAULT            | SIMPLE                 |
/// |-------------------------------|--------------------|------------------------|
/// | orderbook price               | Double, 1.16539E8  | plain integer or Double |
/// | orderbook size and totals     | BigDecimal, 0.0010 | Double, 5.0E-4         |
/// | trade, ticker, candle price   | BigDecimal, 8 decimals, 0E-8 | the same     |
/// | volumes                       | BigDecimal, 8 decimals       | the same     |
/// | turnovers                     | BigDecimal, 8 or 16 decimals | the same     |
/// | 24 h sums                     | plain, 17 significant digits | the same     |
/// | change rates                  | BigDecimal, 10 decimals, or 0 | the same    |
/// | best_* of a trade             | plain              | the same               |
///
/// Zero padding is 0 or 0.0 (price) and 0, 0.0 or 0E-8 (size), by market. The SIMPLE forms of
/// trade, ticker and candle were never seen on the wire; they are DEFAULT's with the documented
/// aliases. Spelled totals are exact sums, not sums of doubles.
namespace upfeed::sim {

/// The four formats a request may ask for.
enum class Format : std::uint8_t { full, simple, json_list, simple_list };

[[nodiscard]] constexpr bool uses_aliases(Format format) {
  return format == Format::simple || format == Format::simple_list;
}
[[nodiscard]] constexpr bool is_list(Format format) {
  return format == Format::json_list || format == Format::simple_list;
}
/// The format's name in requests: DEFAULT, SIMPLE, JSON_LIST, SIMPLE_LIST.
[[nodiscard]] std::string_view format_name(Format format);
[[nodiscard]] std::optional<Format> parse_format(std::string_view name);

/// Whether a frame is the first of its code after a request.
enum class StreamType : std::uint8_t { snapshot, realtime };

/// Whose habits of writing to follow. 2021: as captured then in SIMPLE, for orderbook and trade:
/// all prices and sizes BigDecimal with zeros trimmed, 15 units, no level, no best_*, no :00 in
/// times.
enum class Era : std::uint8_t { y2026, y2021 };

/// How an orderbook is to be cut and labelled.
struct BookView {
  std::size_t units = kDepthMax;  ///< 1, 5, 15 or 30
  std::int64_t level = 0;         ///< price grouping x 1e-8, 0 = none
  bool has_level_key = true;      ///< regional hosts send no level
  Era era = Era::y2026;

  friend bool operator==(const BookView&, const BookView&) = default;
};

/// All append one frame to `out`. `time_ms` is the time of the message.
void write_ticker(std::string& out, Format format, StreamType stream, const Instrument& instrument,
                  const Ticker& ticker, const Trade& last, std::int64_t time_ms);
void write_trade(std::string& out, Format format, StreamType stream, const Instrument& instrument,
                 const Trade& trade, std::int64_t prev_closing, std::int64_t time_ms,
                 Era era = Era::y2026);
void write_orderbook(std::string& out, Format format, StreamType stream,
                     const Instrument& instrument, const Book& book, const BookView& view);
void write_candle(std::string& out, Format format, StreamType stream, const Instrument& instrument,
                  std::size_t candle_index, const Candle& candle);

/// REST bodies: one element each of /v1/orderbook and /v1/ticker.
void write_rest_orderbook(std::string& out, const Instrument& instrument, const Book& book,
                          std::size_t units, std::int64_t level);
void write_rest_ticker(std::string& out, const Instrument& instrument, const Ticker& ticker,
                       const Trade& last, std::int64_t time_ms);

/// One element of /v1/trades/ticks.
void write_rest_trade(std::string& out, const Instrument& instrument, const PastTrade& trade);

/// The book as {"code":..,"timestamp":..,"asks":[["price","size"],..],"bids":[..]}, plain decimals
/// in strings, no padding: for comparison with what a client believes.
[[nodiscard]] std::string exact_book_json(const Instrument& instrument, const Book& book);

}  // namespace upfeed::sim
