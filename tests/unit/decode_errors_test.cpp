#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "decode_harness.hpp"
#include "frame_samples.hpp"

namespace upfeed {
namespace {

/// A frame for each cause.
struct BadFrame {
  DecodeErrc errc;
  std::string text;
};

std::string nested(int depth, WireFormat format) {
  std::string text = sample_text(sample_trade(), format);
  const std::size_t end = text.rfind('}');
  // The frame's own object is the first.
  return text.substr(0, end) + ",\"x\":" + std::string(static_cast<std::size_t>(depth - 1), '[') +
         std::string(static_cast<std::size_t>(depth - 1), ']') + text.substr(end);
}

std::vector<BadFrame> bad_frames() {
  const std::string trade = sample_text(sample_trade());
  const auto trade_with = [](const char* name, const char* value) {
    return sample_text(with(sample_trade(), name, value));
  };
  const auto trade_and = [&](const std::string& member) {
    return trade.substr(0, trade.size() - 1) + "," + member + "}";
  };
  using enum DecodeErrc;
  return {
      {bad_json, ""},
      {bad_json, "  \n"},
      {bad_json, "{"},
      {bad_json, trade + "]"},
      {bad_json, trade_and("\"x\"")},
      {bad_json, trade_and("\"x\":")},
      {bad_json, trade_and("\"x\":nul")},
      {bad_json, trade_and("\"x\":tru")},
      {bad_json, trade_and("\"x\":truefalse")},
      {bad_json, trade_and("\"x\":\"a\":1")},
      {bad_json, trade_and("\"x\":\"\\q\"")},
      {bad_json, trade_and("\"x\":\"\\u12G4\"")},
      {bad_json, trade_and("\"x\":\"a\tb\"")},
      {bad_json, trade_and("\"x\":[1,]")},
      {bad_json, trade_and("\"x\":[,1]")},
      {bad_json, trade_and("\"x\":[1}")},
      {bad_json, trade_and("\"x\":{\"a\":1,}")},
      {bad_json, trade_and("\"x\":{1:1}")},
      {bad_json, trade_and("x:1")},
      {bad_json, trade_and("")},
      {bad_json, "{," + trade.substr(1)},
      {bad_json, trade_with("trade_price", "x")},
      {bad_utf8, trade_and("\"x\":\"\xFF\"")},
      {bad_utf8, trade_and("\"x\":\"\xC0\xAF\"")},
      {bad_utf8, trade_and("\"x\":\"\xED\xA0\x80\"")},
      {bad_utf8, trade_and("\"x\":\"\\ud800\"")},
      {bad_utf8, trade_and("\"x\":\"\\udc00\"")},
      {bad_utf8, trade_and("\"x\":\"\\ud800\\u0041\"")},
      {bad_utf8, trade_and("\"\\udfff\":1")},
      {too_deep, nested(kDecodeDepthMax + 1, WireFormat::default_)},
      {too_deep, nested(kDecodeDepthMax + 1, WireFormat::json_list)},
      {too_deep, nested(3000, WireFormat::default_)},
      {trailing_bytes, trade + trade},
      {trailing_bytes, trade + " {}"},
      {not_an_object, "1"},
      {not_an_object, "\"PING\""},
      {not_an_object, "[1]"},
      {not_an_object, "[[]]"},
      {list_not_single, "[]"},
      {list_not_single, "[" + trade + "," + trade + "]"},
      {missing_type, "{}"},
      {missing_type, "[{}]"},
      {missing_type, R"({"code":"KRW-BTC"})"},
      {unknown_type, trade_with("type", R"("myorder")")},
      {missing_field, sample_text(without(sample_trade(), "sequential_id"))},
      {duplicate_key, trade_and(R"("trade_price":1)")},
      {duplicate_key, trade_and(R"("type":"trade")")},
      {duplicate_key, R"({"status":"UP","status":"UP"})"},
      {wrong_value_type, trade_with("trade_price", R"("1")")},
      {wrong_value_type, trade_with("trade_price", "true")},
      {wrong_value_type, trade_with("trade_price", "{}")},
      {wrong_value_type, trade_with("type", "1")},
      {wrong_value_type, trade_with("code", "1")},
      {wrong_value_type, trade_with("change", "1")},
      {wrong_value_type, R"({"error":5})"},
      {wrong_value_type, sample_text(with(sample_ticker(), "is_trading_suspended", R"("false")"))},
      {unexpected_null, trade_with("trade_price", "null")},
      {unexpected_null, trade_with("type", "null")},
      {bad_number, trade_with("trade_price", "01")},
      {bad_number, trade_with("timestamp", "-5")},
      {bad_number, trade_and("\"x\":1.")},
      {number_range, trade_with("trade_price", "1E11")},
      {bad_code, trade_with("code", R"("KRWBTC")")},
      {bad_code, trade_with("code", R"("krw-btc")")},
      {bad_code, trade_with("code", R"("")")},
      {bad_code, trade_with("code", R"("KRW-ABCDEFGHIJKLM")")},
      {unknown_market, trade_with("code", R"("KRW-NEW")")},
      {bad_text, trade_with("ask_bid", R"("ask")")},
      {bad_text, trade_with("change", R"("")")},
      {bad_text, trade_with("stream_type", R"("LIVE")")},
      {bad_text, trade_with("trade_date", R"("2026-09-02T12:34")")},
      {depth_exceeded, sample_text(sample_orderbook(), WireFormat::default_,
                                   std::vector<SampleUnit>(31, SampleUnit{"1", "1", "1", "1"}))},
      {too_big, trade_and("\"x\":\"" + std::string(8192, ' ') + "\"")}};
}

// Each way to refuse a frame has frames that are refused for just that cause, whatever bytes stand
// behind them; every cause is covered.
TEST(DecodeErrors, each_cause_is_told) {
  std::set<DecodeErrc> covered{DecodeErrc::ok};
  for (const BadFrame& frame : bad_frames()) {
    DecodeHarness harness(UnknownMarkets::refuse, 8192);
    for (const char* code : {"KRW-BTC", "KRW-ETH"}) {
      ASSERT_TRUE(harness.markets.intern(*MarketCode::parse(code)).valid());
    }
    for (const char* tail : {"x", "}", "]", "\"", ",", "0", " "}) {
      const Decoded decoded = harness.decode(frame.text, tail);
      EXPECT_EQ(decoded.errc, frame.errc)
          << to_string(decoded.errc) << " for " << frame.text.substr(0, 600) << " tail " << tail;
      EXPECT_EQ(decoded.size_bytes, 0U);
      EXPECT_FALSE(decoded.is_event());
    }
    covered.insert(frame.errc);
  }
  EXPECT_EQ(covered.size(), kDecodeErrcCount);
}

// Every cause has a name of its own.
TEST(DecodeErrors, causes_have_names) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kDecodeErrcCount; ++i) {
    names.insert(to_string(static_cast<DecodeErrc>(i)));
  }
  EXPECT_EQ(names.size(), kDecodeErrcCount);
  EXPECT_FALSE(names.contains(""));
}

// The deepest nesting that is allowed, alone and in a list.
TEST(DecodeErrors, nesting_up_to_the_limit_is_fine) {
  DecodeHarness harness;
  for (const WireFormat format : kAllFormats) {
    EXPECT_TRUE(harness.decode(nested(kDecodeDepthMax, format)).is_event());
    EXPECT_EQ(harness.decode(nested(kDecodeDepthMax + 1, format)).errc, DecodeErrc::too_deep);
  }
}

// A frame that fails after type and code were read still tells both, so that it can be charged.
TEST(DecodeErrors, refused_frame_tells_kind_and_market) {
  DecodeHarness harness;
  ASSERT_TRUE(harness.decode(sample_text(sample_trade())).is_event());
  const MarketId market = harness.event().market;
  const Decoded decoded =
      harness.decode(sample_text(with(sample_trade(), "stream_type", R"("?")")));
  EXPECT_EQ(decoded.errc, DecodeErrc::bad_text);
  EXPECT_EQ(decoded.frame_class, FrameClass::event);
  EXPECT_TRUE(decoded.has_kind);
  EXPECT_EQ(decoded.kind, EventKind::trade);
  EXPECT_EQ(decoded.market, market);
}

// No prefix of a frame is a frame, whatever bytes of an earlier message stand behind it; blanks
// behind the whole frame do not count as its end missing.
TEST(DecodeErrors, every_prefix_is_refused_whatever_follows) {
  for (const SampleFrame& frame : all_samples()) {
    DecodeHarness harness;
    for (const WireFormat format : kAllFormats) {
      const std::string text = sample_text(frame, format);
      for (std::size_t size = 0; size < text.size(); ++size) {
        const std::string rest = text.substr(size);
        for (const std::string& tail :
             {std::string("}"), std::string("]"), std::string("}]"), std::string("\""),
              std::string("0"), std::string("0}"), std::string("\"}"), std::string(","),
              std::string(" "), std::string("\\"), rest, rest + "}"}) {
          const Decoded decoded = harness.decode(text.substr(0, size), tail);
          ASSERT_FALSE(decoded.ok()) << text.substr(0, size) << " tail " << tail;
        }
      }
      for (const char* tail : {"}", "]", "\"", "0", ",", "{", "\\", " "}) {
        ASSERT_TRUE(harness.decode(text, tail).is_event()) << tail;
      }
    }
  }
}

// The same frame before different garbage gives the same hash and text.
TEST(DecodeErrors, event_does_not_depend_on_what_follows) {
  for (const SampleFrame& frame : all_samples()) {
    DecodeHarness harness;
    ASSERT_TRUE(harness.decode(sample_text(frame), " ").is_event());
    const std::string hash = harness.hash();
    for (const char* tail : {"9", "}", "]}", "\"", "e9", ",\"x\":1}", "\xFF"}) {
      ASSERT_TRUE(harness.decode(sample_text(frame), tail).is_event());
      EXPECT_EQ(harness.hash(), hash);
    }
  }
}

// A table that is full refuses new markets and goes on with the old ones.
TEST(DecodeErrors, full_market_table_refuses_new_markets) {
  MarketTable markets(1);
  Decoder decoder(markets, UnknownMarkets::intern);
  alignas(16) std::array<std::byte, kEventBytesMax> slot;
  const auto decode = [&](const SampleFrame& frame) {
    std::string text = sample_text(frame);
    const std::size_t size = text.size();
    text.append(kDecodePadding, 'x');
    return decoder.decode({text.data(), size}, {}, slot).errc;
  };
  EXPECT_EQ(decode(sample_trade()), DecodeErrc::ok);
  EXPECT_EQ(decode(sample_candle()), DecodeErrc::unknown_market);
  EXPECT_EQ(decode(sample_trade()), DecodeErrc::ok);
}

// A decoder for frames of no or absurd length cannot be made.
TEST(DecodeErrors, frame_limit_is_checked) {
  MarketTable markets(1);
  EXPECT_THROW(Decoder(markets, UnknownMarkets::refuse, 63), std::invalid_argument);
  EXPECT_THROW(Decoder(markets, UnknownMarkets::refuse, (1U << 30U) + 1U), std::invalid_argument);
}

}  // namespace
}  // namespace upfeed
