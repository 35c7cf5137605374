#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "upfeed/encode.hpp"
#include "upfeed/events.hpp"

/// Frames as documented, one of each stream, in any format and key order. The names are spelled out
/// here once more, from the documents, so that a slip in the library's tables shows.
struct SampleKey {
  std::string name;
  std::string alias;
  std::string value;
};
using SampleFrame = std::vector<SampleKey>;

/// Records, told apart from plain values by these texts; see sample_text.
inline constexpr std::string_view kSampleUnits = "<units>";
inline constexpr std::string_view kSampleAssets = "<assets>";

inline SampleFrame sample_ticker() {
  return {{"type", "ty", R"("ticker")"},
          {"code", "cd", R"("KRW-BTC")"},
          {"opening_price", "op", "158219000.00000000"},
          {"high_price", "hp", "159278000.00000000"},
          {"low_price", "lp", "157588000.00000000"},
          {"trade_price", "tp", "158201000.00000000"},
          {"prev_closing_price", "pcp", "158200000.00000000"},
          {"acc_trade_price", "atp", "95078733694.3792000000000000"},
          {"change", "c", R"("RISE")"},
          {"change_price", "cp", "1000.00000000"},
          {"signed_change_price", "scp", "-1000.00000000"},
          {"change_rate", "cr", "0.0000063211"},
          {"signed_change_rate", "scr", "-0.0000063211"},
          {"ask_bid", "ab", R"("BID")"},
          {"trade_volume", "tv", "0.00006321"},
          {"acc_trade_volume", "atv", "2436173744924.71"},
          {"trade_date", "tdt", R"("20250926")"},
          {"trade_time", "ttm", R"("082645")"},
          {"trade_timestamp", "ttms", "1758875205145"},
          {"acc_ask_volume", "aav", "341.67985038"},
          {"acc_bid_volume", "abv", "258.34909014"},
          {"highest_52_week_price", "h52wp", "169900000.00000000"},
          {"highest_52_week_date", "h52wdt", R"("2025-08-14")"},
          {"lowest_52_week_price", "l52wp", "80635000.00000000"},
          {"lowest_52_week_date", "l52wdt", R"("2024-10-10")"},
          {"market_state", "ms", R"("ACTIVE")"},
          {"is_trading_suspended", "its", "true"},
          {"delisting_date", "dd", "null"},
          {"market_warning", "mw", R"("NONE")"},
          {"timestamp", "tms", "1758875205276"},
          {"acc_trade_price_24h", "atp24h", "331187169240.21526"},
          {"acc_trade_volume_24h", "atv24h", "2083.82485091"},
          {"stream_type", "st", R"("SNAPSHOT")"}};
}

inline SampleFrame sample_trade() {
  return {{"type", "ty", R"("trade")"},
          {"code", "cd", R"("KRW-BTC")"},
          {"timestamp", "tms", "1788335180423"},
          {"trade_date", "td", R"("2026-09-02")"},
          {"trade_time", "ttm", R"("07:46:20")"},
          {"trade_timestamp", "ttms", "1788335180377"},
          {"trade_price", "tp", "106691000.00000000"},
          {"trade_volume", "tv", "0.00009372"},
          {"ask_bid", "ab", R"("ASK")"},
          {"prev_closing_price", "pcp", "107005000.00000000"},
          {"change", "c", R"("FALL")"},
          {"change_price", "cp", "314000.00000000"},
          {"sequential_id", "sid", "17883351803770004"},
          {"best_ask_price", "bap", "106692000"},
          {"best_ask_size", "bas", "0.11"},
          {"best_bid_price", "bbp", "106691000"},
          {"best_bid_size", "bbs", "0.0312"},
          {"stream_type", "st", R"("REALTIME")"}};
}

inline SampleFrame sample_orderbook() {
  return {{"type", "ty", R"("orderbook")"},
          {"code", "cd", R"("KRW-BTC")"},
          {"timestamp", "tms", "1790134742106"},
          {"total_ask_size", "tas", "2.51469375"},
          {"total_bid_size", "tbs", "1.63815297"},
          {"orderbook_units", "obu", std::string(kSampleUnits)},
          {"stream_type", "st", R"("SNAPSHOT")"},
          {"level", "lv", "0"}};
}

inline SampleFrame sample_candle() {
  return {{"type", "ty", R"("candle.5m")"},
          {"code", "cd", R"("KRW-ETH")"},
          {"candle_date_time_utc", "cdttmu", R"("2026-07-30T07:50:00")"},
          {"candle_date_time_kst", "cdttmk", R"("2026-07-30T16:50:00")"},
          {"opening_price", "op", "2715000.00000000"},
          {"high_price", "hp", "2716000.00000000"},
          {"low_price", "lp", "2714000.00000000"},
          {"trade_price", "tp", "2715000.00000000"},
          {"candle_acc_trade_volume", "catv", "80062838041.62"},
          {"candle_acc_trade_price", "catp", "39030633.5586249"},
          {"timestamp", "tms", "1785397830377"},
          {"stream_type", "st", R"("REALTIME")"}};
}

inline SampleFrame sample_my_order() {
  return {{"type", "ty", R"("myOrder")"},
          {"code", "cd", R"("KRW-BTC")"},
          {"uuid", "uid", R"("ac2dc2a3-fce9-40a2-a4f6-5987c25c438f")"},
          {"ask_bid", "ab", R"("BID")"},
          {"order_type", "ot", R"("limit")"},
          {"state", "s", R"("trade")"},
          {"trade_uuid", "tuid", R"("68315169-fba4-4175-ade3-aff14a616657")"},
          {"price", "p", "0.001453"},
          {"avg_price", "ap", "0.00145372"},
          {"volume", "v", "30925891.29839369"},
          {"remaining_volume", "rv", "29968038.09235948"},
          {"executed_volume", "ev", "30925891.29839369"},
          {"trades_count", "tc", "1"},
          {"reserved_fee", "rsf", "44.23943970238218"},
          {"remaining_fee", "rmf", "21.77177967409916"},
          {"paid_fee", "pf", "22.467660028283017"},
          {"locked", "l", "43565.33112787242"},
          {"executed_funds", "ef", "44935.32005656603"},
          {"time_in_force", "tif", R"("post_only")"},
          {"trade_fee", "tf", "22.467660028283017"},
          {"is_maker", "im", "true"},
          {"identifier", "id", R"("test-1")"},
          {"smp_type", "smpt", R"("cancel_maker")"},
          {"prevented_volume", "pv", "1.1743218000000001"},
          {"prevented_locked", "pl", "0.00170628000000001"},
          {"trade_timestamp", "ttms", "1710751590421"},
          {"order_timestamp", "otms", "1710751590000"},
          {"timestamp", "tms", "1710751597500"},
          {"stream_type", "st", R"("REALTIME")"}};
}

inline SampleFrame sample_my_asset() {
  return {{"type", "ty", R"("myAsset")"},
          {"asset_uuid", "astuid", R"("e635f223-1609-4969-8fb6-4376937baad6")"},
          {"assets", "ast", std::string(kSampleAssets)},
          {"asset_timestamp", "asttms", "1710146517259"},
          {"timestamp", "tms", "1710146517267"},
          {"stream_type", "st", R"("REALTIME")"}};
}

inline SampleFrame sample_announcement() {
  return {{"type", "ty", R"("announcement")"},
          {"event_type", "et", R"("CREATED")"},
          {"uuid", "uid", R"("0b0f7a8e-5a4d-4c9a-8a59-5c1c1b0a8a11")"},
          {"title", "tt", R"("\uac70\ub798 \"KRW\" 지원")"},
          {"category", "cat", R"("trade")"},
          {"url", "url", R"("https:\/\/upbit.com\/service_center\/notice?id=1")"},
          {"first_listed_at", "flat", R"("2026-08-21T18:00:00+09:00")"},
          {"listed_at", "lat", R"("2026-08-21T18:30:00+09:00")"},
          {"timestamp", "tms", "1787304600123"},
          {"stream_type", "st", R"("REALTIME")"},
          {"body", "bd", R"("<p>one\ntwo \ud83d\ude00<\/p>")"}};
}

/// Only the keys that are the same for all indicators.
inline SampleFrame sample_indicator() {
  return {{"type", "ty", R"("indicator")"},
          {"code", "cd", R"("KRW-BTC")"},
          {"timeframe", "tf", R"("15m")"},
          {"indicator", "ind", R"("rsi")"},
          {"candle_date_time_utc", "cdttmu", R"("2026-10-01T00:15:00")"},
          {"timestamp", "tms", "1790813700123"},
          {"stream_type", "st", R"("REALTIME")"}};
}
inline SampleFrame sample_indicator_signal() {
  SampleFrame frame = sample_indicator();
  frame[0].value = R"("indicator_signal")";
  frame[3].value = R"("ma_crossover")";
  return frame;
}

/// One frame of each stream that can be written in any of the formats, in the order of EventKind.
inline std::vector<SampleFrame> convertible_samples() {
  return {sample_ticker(),   sample_trade(),    sample_orderbook(),   sample_candle(),
          sample_my_order(), sample_my_asset(), sample_announcement()};
}
/// One frame of each stream, in the order of EventKind.
inline std::vector<SampleFrame> all_samples() {
  std::vector<SampleFrame> samples = convertible_samples();
  samples.push_back(sample_indicator());
  samples.push_back(sample_indicator_signal());
  return samples;
}

inline std::string sample_assets_text(bool simple) {
  return simple ? R"([{"cu":"KRW","b":1386929.37231066771348207123,"l":10329.670127489598},)"
                  R"({"cu":"XRP","b":1.15580212,"l":0}])"
                : R"([{"currency":"KRW","balance":1386929.37231066771348207123,)"
                  R"("locked":10329.670127489598},)"
                  R"({"currency":"XRP","balance":1.15580212,"locked":0}])";
}

/// ask_price, bid_price, ask_size, bid_size as text.
using SampleUnit = std::vector<std::string>;
inline std::vector<SampleUnit> sample_units() {
  return {{"1.16539E8", "1.16538E8", "0.02054761", "0.08120946"},
          {"1.16542E8", "1.16537E8", "0.00077720", "5.0E-4"},
          {"116543000", "0", "1", "0E-8"}};
}

inline std::string sample_units_text(const std::vector<SampleUnit>& units, bool simple) {
  static constexpr std::string_view kNames[] = {"ask_price", "bid_price", "ask_size", "bid_size"};
  static constexpr std::string_view kAliases[] = {"ap", "bp", "as", "bs"};
  std::string text = "[";
  for (const SampleUnit& unit : units) {
    if (text.size() > 1) text += ',';
    for (std::size_t i = 0; i < unit.size(); ++i) {
      text += i == 0 ? "{\"" : ",\"";
      text += simple ? kAliases[i] : kNames[i];
      text += "\":" + unit[i];
    }
    text += '}';
  }
  return text + ']';
}

/// The frame's text with its keys in the order given.
inline std::string sample_text(const SampleFrame& frame,
                               upfeed::WireFormat format = upfeed::WireFormat::default_,
                               const std::vector<SampleUnit>& units = sample_units()) {
  using upfeed::WireFormat;
  const bool simple = format == WireFormat::simple || format == WireFormat::simple_list;
  const bool list = format == WireFormat::json_list || format == WireFormat::simple_list;
  std::string text = list ? "[{" : "{";
  for (const SampleKey& key : frame) {
    if (&key != &frame.front()) text += ',';
    text += '"' + (simple ? key.alias : key.name) + "\":";
    text += key.value == kSampleUnits    ? sample_units_text(units, simple)
            : key.value == kSampleAssets ? sample_assets_text(simple)
                                         : key.value;
  }
  return text + (list ? "}]" : "}");
}

/// The frame with another value of one key.
inline SampleFrame with(SampleFrame frame, std::string_view name, std::string value) {
  for (SampleKey& key : frame) {
    if (key.name == name) key.value = value;
  }
  return frame;
}
inline SampleFrame without(SampleFrame frame, std::string_view name) {
  std::erase_if(frame, [&](const SampleKey& key) { return key.name == name; });
  return frame;
}

inline constexpr upfeed::WireFormat kAllFormats[] = {
    upfeed::WireFormat::default_, upfeed::WireFormat::simple, upfeed::WireFormat::json_list,
    upfeed::WireFormat::simple_list};
