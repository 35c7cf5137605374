#include "sim/wire.hpp"

#include <array>

#include "sim/calendar.hpp"
#include "sim/json_writer.hpp"

namespace upfeed::sim {
namespace {

constexpr std::array<std::string_view, 4> kFormatNames{"DEFAULT", "SIMPLE", "JSON_LIST",
                                                       "SIMPLE_LIST"};
constexpr int kTurnoverScale = 16;

/// One frame: the brackets of the list formats and the writer of the object.
class Frame {
 public:
  Frame(std::string& out, Format format)
      : list_(is_list(format)),
        json_((list_ ? out.push_back('[') : void(), out), uses_aliases(format)) {}
  JsonWriter& json() { return json_; }
  void close() {
    json_.close();
    if (list_) json_.out().push_back(']');
  }

 private:
  bool list_;
  JsonWriter json_;
};

void write_date(JsonWriter& json, std::string_view name, std::string_view alias,
                std::int64_t unix_s, std::string_view separator) {
  json.key(name, alias);
  json.out().push_back('"');
  append_date(json.out(), unix_s, separator);
  json.out().push_back('"');
}

void write_clock(JsonWriter& json, std::string_view name, std::string_view alias,
                 std::int64_t unix_s, std::string_view separator) {
  json.key(name, alias);
  json.out().push_back('"');
  append_clock(json.out(), unix_s, separator);
  json.out().push_back('"');
}

void write_date_time(JsonWriter& json, std::string_view name, std::string_view alias,
                     std::int64_t unix_s) {
  json.key(name, alias);
  json.out().push_back('"');
  append_date(json.out(), unix_s, "-");
  json.out().push_back('T');
  append_clock(json.out(), unix_s, ":");
  json.out().push_back('"');
}

void write_stream(JsonWriter& json, StreamType stream) {
  json.text("stream_type", "st", stream == StreamType::snapshot ? "SNAPSHOT" : "REALTIME");
}

std::string_view change_word(std::int64_t difference) {
  if (difference == 0) return "EVEN";
  return difference > 0 ? "RISE" : "FALL";
}

std::string_view aggressor_word(Aggressor aggressor) {
  return aggressor == Aggressor::ask ? "ASK" : "BID";
}

// Ten decimals, half up, away from zero alike on both sides; a rate of nothing is a bare 0.
void write_rate(JsonWriter& json, std::string_view name, std::string_view alias,
                std::int64_t difference, std::int64_t base) {
  constexpr Int128 kRateOne = 10'000'000'000;
  const Int128 magnitude = difference < 0 ? -static_cast<Int128>(difference) : difference;
  const Int128 rate = (magnitude * kRateOne * 2 + base) / (static_cast<Int128>(base) * 2);
  if (difference == 0) {
    json.raw(name, alias, "0");
  } else {
    json.number(name, alias, {difference < 0 ? -rate : rate, 10}, Spelling::big_decimal);
  }
}

// A turnover has up to 16 decimals; eight are written where they are enough.
void write_turnover(JsonWriter& json, std::string_view name, std::string_view alias,
                    Int128 turnover_e16) {
  const bool eight = turnover_e16 % kOne == 0;
  json.number(name, alias,
              eight ? Exact{turnover_e16 / kOne, kScale} : Exact{turnover_e16, kTurnoverScale},
              Spelling::big_decimal);
}

/// How the numbers of one orderbook frame are spelled.
class BookSpeller {
 public:
  BookSpeller(Format format, Era era, const Instrument& instrument)
      : simple_(uses_aliases(format)), era_(era), padding_(instrument.padding_style) {}

  void price(std::string& out, std::int64_t price) const {
    if (price == 0) {
      out.append(padding_ == 0 ? "0" : "0.0");
    } else if (era_ == Era::y2021) {
      spell(out, {price, kScale}, Spelling::trimmed_decimal);
    } else {
      spell(out, {price, kScale}, simple_ ? Spelling::integer_or_double : Spelling::java_double);
    }
  }
  void size(std::string& out, Int128 size) const {
    if (size == 0) {
      out.append(padding_ != 2 ? "0" : simple_ ? "0.0" : "0E-8");
    } else if (simple_ || era_ == Era::y2021) {
      total(out, size);
    } else {
      spell(out, size_as_entered(size), Spelling::big_decimal);
    }
  }
  void total(std::string& out, Int128 size) const {
    if (era_ == Era::y2021) {
      spell(out, {size, kScale}, Spelling::trimmed_decimal);
    } else {
      spell(out, {size, kScale}, simple_ ? Spelling::java_double : Spelling::big_decimal);
    }
  }

 private:
  bool simple_;
  Era era_;
  std::uint32_t padding_;
};

Level level_at(const Side& side, std::size_t index) {
  return index < side.count ? side.levels[index] : Level{};
}

void write_units(JsonWriter& json, const Book& book, std::size_t units, const BookSpeller& speller,
                 bool aliases) {
  json.key("orderbook_units", "obu");
  std::string& out = json.out();
  out.push_back('[');
  for (std::size_t i = 0; i < units; ++i) {
    const Level ask = level_at(book.asks, i);
    const Level bid = level_at(book.bids, i);
    out.append(i == 0 ? "{" : ",{");
    out.append(aliases ? "\"ap\":" : "\"ask_price\":");
    speller.price(out, ask.price);
    out.append(aliases ? ",\"bp\":" : ",\"bid_price\":");
    speller.price(out, bid.price);
    out.append(aliases ? ",\"as\":" : ",\"ask_size\":");
    speller.size(out, ask.size);
    out.append(aliases ? ",\"bs\":" : ",\"bid_size\":");
    speller.size(out, bid.size);
    out.push_back('}');
  }
  out.push_back(']');
}

void write_change(JsonWriter& json, std::int64_t price, std::int64_t prev_closing) {
  const std::int64_t difference = price - prev_closing;
  json.text("change", "c", change_word(difference));
  json.fixed("change_price", "cp", difference < 0 ? -difference : difference);
}

void write_sums(JsonWriter& json, const Ticker& ticker) {
  json.number("acc_trade_price_24h", "atp24h",
              to_significant({ticker.acc_price_24h_e16, kTurnoverScale}, 17), Spelling::plain);
  json.number("acc_trade_volume_24h", "atv24h", to_significant({ticker.acc_volume_24h, kScale}, 17),
              Spelling::plain);
}

}  // namespace

std::string_view format_name(Format format) {
  return kFormatNames[static_cast<std::size_t>(format)];
}

std::optional<Format> parse_format(std::string_view name) {
  for (std::size_t i = 0; i < kFormatNames.size(); ++i) {
    if (kFormatNames[i] == name) return static_cast<Format>(i);
  }
  return std::nullopt;
}

void write_ticker(std::string& out, Format format, StreamType stream, const Instrument& instrument,
                  const Ticker& ticker, const Trade& last, std::int64_t time_ms) {
  Frame frame(out, format);
  JsonWriter& json = frame.json();
  const std::int64_t difference = last.price - ticker.prev_closing;
  json.text("type", "ty", "ticker");
  json.text("code", "cd", instrument.code);
  json.fixed("opening_price", "op", ticker.opening);
  json.fixed("high_price", "hp", ticker.high);
  json.fixed("low_price", "lp", ticker.low);
  json.fixed("trade_price", "tp", last.price);
  json.fixed("prev_closing_price", "pcp", ticker.prev_closing);
  json.number("acc_trade_price", "atp", {ticker.acc_price_e16, kTurnoverScale},
              Spelling::big_decimal);
  write_change(json, last.price, ticker.prev_closing);
  json.fixed("signed_change_price", "scp", difference);
  write_rate(json, "change_rate", "cr", difference < 0 ? -difference : difference,
             ticker.prev_closing);
  write_rate(json, "signed_change_rate", "scr", difference, ticker.prev_closing);
  json.text("ask_bid", "ab", aggressor_word(last.aggressor));
  json.fixed("trade_volume", "tv", last.volume);
  json.fixed("acc_trade_volume", "atv", ticker.acc_volume);
  write_date(json, "trade_date", "tdt", last.time_ms / 1000, "");
  write_clock(json, "trade_time", "ttm", last.time_ms / 1000, "");
  json.integer("trade_timestamp", "ttms", last.time_ms);
  json.fixed("acc_ask_volume", "aav", ticker.acc_ask_volume);
  json.fixed("acc_bid_volume", "abv", ticker.acc_bid_volume);
  json.fixed("highest_52_week_price", "h52wp", ticker.highest_52w);
  write_date(json, "highest_52_week_date", "h52wdt", ticker.highest_52w_day * 86'400, "-");
  json.fixed("lowest_52_week_price", "l52wp", ticker.lowest_52w);
  write_date(json, "lowest_52_week_date", "l52wdt", ticker.lowest_52w_day * 86'400, "-");
  json.text("market_state", "ms", "ACTIVE");
  json.raw("is_trading_suspended", "its", "false");
  json.raw("delisting_date", "dd", "null");
  json.text("market_warning", "mw", "NONE");
  json.integer("timestamp", "tms", time_ms);
  write_sums(json, ticker);
  write_stream(json, stream);
  frame.close();
}

void write_trade(std::string& out, Format format, StreamType stream, const Instrument& instrument,
                 const Trade& trade, std::int64_t prev_closing, std::int64_t time_ms, Era era) {
  Frame frame(out, format);
  JsonWriter& json = frame.json();
  const bool is_old = era == Era::y2021;
  const Spelling spelling = is_old ? Spelling::trimmed_decimal : Spelling::big_decimal;
  json.text("type", "ty", "trade");
  json.text("code", "cd", instrument.code);
  json.integer("timestamp", "tms", time_ms);
  write_date(json, "trade_date", "td", trade.time_ms / 1000, "-");
  write_clock(json, "trade_time", "ttm", trade.time_ms / 1000, ":");
  if (is_old && json.out().ends_with(":00\"")) json.out().replace(json.out().size() - 4, 3, "");
  json.integer("trade_timestamp", "ttms", trade.time_ms);
  json.number("trade_price", "tp", {trade.price, kScale}, spelling);
  json.number("trade_volume", "tv", {trade.volume, kScale}, spelling);
  json.text("ask_bid", "ab", aggressor_word(trade.aggressor));
  json.fixed("prev_closing_price", "pcp", prev_closing);
  write_change(json, trade.price, prev_closing);
  json.integer("sequential_id", "sid", static_cast<std::int64_t>(trade.sequential_id));
  if (!is_old) {
    json.plain("best_ask_price", "bap", trade.best_ask.price);
    json.plain("best_ask_size", "bas", trade.best_ask.size);
    json.plain("best_bid_price", "bbp", trade.best_bid.price);
    json.plain("best_bid_size", "bbs", trade.best_bid.size);
  }
  write_stream(json, stream);
  frame.close();
}

void write_orderbook(std::string& out, Format format, StreamType stream,
                     const Instrument& instrument, const Book& book, const BookView& view) {
  Frame frame(out, format);
  JsonWriter& json = frame.json();
  const BookSpeller speller(format, view.era, instrument);
  json.text("type", "ty", "orderbook");
  json.text("code", "cd", instrument.code);
  json.integer("timestamp", "tms", book.time_ms);
  json.key("total_ask_size", "tas");
  speller.total(out, book.asks.total_size());
  json.key("total_bid_size", "tbs");
  speller.total(out, book.bids.total_size());
  write_units(json, view.level == 0 ? book : grouped(book, view.level), view.units, speller,
              uses_aliases(format));
  write_stream(json, stream);
  if (view.has_level_key) json.plain("level", "lv", view.level);
  frame.close();
}

void write_candle(std::string& out, Format format, StreamType stream, const Instrument& instrument,
                  std::size_t candle_index, const Candle& candle) {
  Frame frame(out, format);
  JsonWriter& json = frame.json();
  json.text("type", "ty", kCandleTypes[candle_index]);
  json.text("code", "cd", instrument.code);
  write_date_time(json, "candle_date_time_utc", "cdttmu", candle.start_s);
  write_date_time(json, "candle_date_time_kst", "cdttmk", candle.start_s + kKstOffsetS);
  json.fixed("opening_price", "op", candle.opening);
  json.fixed("high_price", "hp", candle.high);
  json.fixed("low_price", "lp", candle.low);
  json.fixed("trade_price", "tp", candle.closing);
  json.fixed("candle_acc_trade_volume", "catv", candle.volume);
  write_turnover(json, "candle_acc_trade_price", "catp", candle.turnover_e16);
  json.integer("timestamp", "tms", candle.last_trade_ms);
  write_stream(json, stream);
  frame.close();
}

}  // namespace upfeed::sim
