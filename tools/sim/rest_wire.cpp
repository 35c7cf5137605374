#include "sim/calendar.hpp"
#include "sim/json_writer.hpp"
#include "sim/wire.hpp"

namespace upfeed::sim {
namespace {

void write_side(std::string& out, const Side& side) {
  out.push_back('[');
  for (std::size_t i = 0; i < side.count; ++i) {
    out.append(i == 0 ? "[\"" : ",[\"");
    spell(out, {side.levels[i].price, kScale}, Spelling::plain);
    out.append("\",\"");
    spell(out, {side.levels[i].size, kScale}, Spelling::plain);
    out.append("\"]");
  }
  out.push_back(']');
}

void write_date_text(JsonWriter& json, std::string_view key, std::int64_t unix_s,
                     std::string_view separator) {
  json.key(key, key);
  json.out().push_back('"');
  append_date(json.out(), unix_s, separator);
  json.out().push_back('"');
}

void write_clock_text(JsonWriter& json, std::string_view key, std::int64_t unix_s) {
  json.key(key, key);
  json.out().push_back('"');
  append_clock(json.out(), unix_s, "");
  json.out().push_back('"');
}

}  // namespace

void write_rest_orderbook(std::string& out, const Instrument& instrument, const Book& book,
                          std::size_t units, std::int64_t level) {
  const Book shown = level == 0 ? book : grouped(book, level);
  JsonWriter json(out, false);
  json.text("market", "", instrument.code);
  json.integer("timestamp", "", book.time_ms);
  json.plain("total_ask_size", "", book.asks.total_size());
  json.plain("total_bid_size", "", book.bids.total_size());
  json.key("orderbook_units", "");
  out.push_back('[');
  for (std::size_t i = 0; i < units; ++i) {
    const Level ask = i < shown.asks.count ? shown.asks.levels[i] : Level{};
    const Level bid = i < shown.bids.count ? shown.bids.levels[i] : Level{};
    if (i != 0) out.push_back(',');
    // REST turns the order of the keys around (seen on 2026-09-23).
    JsonWriter unit(out, false);
    unit.plain("bid_price", "", bid.price);
    unit.plain("bid_size", "", bid.size);
    unit.plain("ask_price", "", ask.price);
    unit.plain("ask_size", "", ask.size);
    unit.close();
  }
  out.push_back(']');
  json.plain("level", "", level);
  json.close();
}

void write_rest_ticker(std::string& out, const Instrument& instrument, const Ticker& ticker,
                       const Trade& last, std::int64_t time_ms) {
  JsonWriter json(out, false);
  const std::int64_t second = last.time_ms / 1000;
  const std::int64_t difference = last.price - ticker.prev_closing;
  const std::int64_t magnitude = difference < 0 ? -difference : difference;
  json.text("market", "", instrument.code);
  write_date_text(json, "trade_date", second, "");
  write_clock_text(json, "trade_time", second);
  write_date_text(json, "trade_date_kst", second + kKstOffsetS, "");
  write_clock_text(json, "trade_time_kst", second + kKstOffsetS);
  json.integer("trade_timestamp", "", last.time_ms);
  json.fixed("opening_price", "", ticker.opening);
  json.fixed("high_price", "", ticker.high);
  json.fixed("low_price", "", ticker.low);
  json.fixed("trade_price", "", last.price);
  json.fixed("prev_closing_price", "", ticker.prev_closing);
  json.text("change", "", difference == 0 ? "EVEN" : difference > 0 ? "RISE" : "FALL");
  json.fixed("change_price", "", magnitude);
  const Int128 rate = static_cast<Int128>(magnitude) * 10'000'000'000 / ticker.prev_closing;
  json.number("change_rate", "", {rate, 10}, Spelling::plain);
  json.fixed("signed_change_price", "", difference);
  json.number("signed_change_rate", "", {difference < 0 ? -rate : rate, 10}, Spelling::plain);
  json.fixed("trade_volume", "", last.volume);
  json.number("acc_trade_price", "", {ticker.acc_price_e16, 16}, Spelling::big_decimal);
  json.number("acc_trade_price_24h", "", to_significant({ticker.acc_price_24h_e16, 16}, 17),
              Spelling::plain);
  json.fixed("acc_trade_volume", "", ticker.acc_volume);
  json.number("acc_trade_volume_24h", "", to_significant({ticker.acc_volume_24h, kScale}, 17),
              Spelling::plain);
  json.fixed("highest_52_week_price", "", ticker.highest_52w);
  write_date_text(json, "highest_52_week_date", ticker.highest_52w_day * 86'400, "-");
  json.fixed("lowest_52_week_price", "", ticker.lowest_52w);
  write_date_text(json, "lowest_52_week_date", ticker.lowest_52w_day * 86'400, "-");
  json.integer("timestamp", "", time_ms);
  json.close();
}

void write_rest_trade(std::string& out, const Instrument& instrument, const PastTrade& trade) {
  JsonWriter json(out, false);
  json.text("market", "", instrument.code);
  write_date_text(json, "trade_date_utc", trade.time_ms / 1000, "-");
  json.key("trade_time_utc", "");
  out.push_back('"');
  append_clock(out, trade.time_ms / 1000, ":");
  out.push_back('"');
  json.integer("timestamp", "", trade.time_ms);
  json.fixed("trade_price", "", trade.price);
  json.fixed("trade_volume", "", trade.volume);
  json.fixed("prev_closing_price", "", trade.prev_closing);
  json.fixed("change_price", "", trade.price - trade.prev_closing);
  json.text("ask_bid", "", trade.aggressor == Aggressor::ask ? "ASK" : "BID");
  json.integer("sequential_id", "", static_cast<std::int64_t>(trade.sequential_id));
  json.close();
}

std::string exact_book_json(const Instrument& instrument, const Book& book) {
  std::string out;
  JsonWriter json(out, false);
  json.text("code", "", instrument.code);
  json.integer("timestamp", "", book.time_ms);
  json.key("asks", "");
  write_side(out, book.asks);
  json.key("bids", "");
  write_side(out, book.bids);
  json.close();
  return out;
}

}  // namespace upfeed::sim
