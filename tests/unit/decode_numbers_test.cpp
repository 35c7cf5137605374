#include <gtest/gtest.h>

#include "decode_harness.hpp"
#include "frame_samples.hpp"
#include "slow_decimal.hpp"

namespace upfeed {
namespace {

/// Every spelling of a number that was seen on the wire or follows from how it is made there, by
/// magnitude: Double.toString, BigDecimal.toString with and without trailing zeros, plain integers.
std::vector<std::string> spellings() {
  return {// zero
          "0", "0.0", "0E-8", "0.00000000", "-0", "0e0", "0.0E+3",
          // below 1e-6
          "1E-8", "9E-8", "3.6E-7", "2.2E-7", "2.20E-7", "0.00000022", "9.9E-7", "0.00000099",
          // 1e-6 to 1e-3
          "6.89E-6", "0.00000689", "7.9276E-4", "0.00079276", "5.0E-4", "0.00077720", "0.0005",
          // 1e-3 to 1e7
          "0.001", "127.0", "127", "64598.0", "64464.09", "41.4", "9354.4915888",
          "9999999.99999999", "1234567.00000000", "0.02054761", "1.5e+2",
          // above 1e7
          "1.16539E8", "116539000", "116539000.0", "116539000.00000000", "4.907E7", "49053000.0000",
          "14444463.76230923", "1.0E10", "10355647827.38891", "1.035564782738891E10",
          "92233720368.54775807"};
}
/// Beyond int64 at 1e-8: sizes and sums only.
std::vector<std::string> wide_spellings() {
  return {"92233720368.54775808", "1E11", "2.43617374492471E12", "2436173744924.71000000",
          "850705917302346158658436518.57942064"};
}
/// Sums and rates: more digits than any fixed scale.
std::vector<std::string> long_spellings() {
  return {"95078733694.3792000000000000",
          "331187169240.21526",
          "0.0000063211",
          "-0.00000632111",
          "1386929.37231066771348207123",
          "12345678901234567890123456789012345678"};
}

void expect_value(const std::string& text, const std::string& got) {
  EXPECT_EQ(got, SlowDecimal::parse(text)->text()) << text;
}

// Each cell of the spelling matrix as price and size of an order book, in both name sets.
TEST(DecodeNumbers, orderbook_takes_every_spelling) {
  DecodeHarness harness;
  std::vector<std::string> sizes = spellings();
  for (const std::string& text : wide_spellings()) sizes.push_back(text);
  for (const WireFormat format : kAllFormats) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const std::string price = spellings()[i % spellings().size()];
      const std::vector<SampleUnit> units = {{price, price, sizes[i], sizes[i]}};
      const Decoded decoded = harness.decode(sample_text(sample_orderbook(), format, units));
      ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc) << price << ' ' << sizes[i];
      const auto& event = harness.as<OrderbookEvent>();
      expect_value(price, event.units()[0].ask_price.to_string());
      expect_value(price, event.units()[0].bid_price.to_string());
      expect_value(sizes[i], event.ask_size(0).to_string());
      expect_value(sizes[i], event.bid_size(0).to_string());
    }
  }
}

// The same in trades, with sizes beyond int64, where any sign is a matter of the value alone.
TEST(DecodeNumbers, trade_takes_every_spelling) {
  DecodeHarness harness;
  for (const WireFormat format : kAllFormats) {
    for (const std::string& text : spellings()) {
      const auto frame = with(with(sample_trade(), "trade_price", text), "change_price", text);
      ASSERT_TRUE(harness.decode(sample_text(frame, format)).is_event()) << text;
      expect_value(text, harness.as<TradeEvent>().trade_price.to_string());
      expect_value(text, harness.as<TradeEvent>().change_price.to_string());
    }
    for (const std::string& text : wide_spellings()) {
      const auto frame = with(sample_trade(), "trade_volume", text);
      ASSERT_TRUE(harness.decode(sample_text(frame, format)).is_event()) << text;
      expect_value(text, harness.as<TradeEvent>().trade_volume.to_string());
    }
  }
}

// Sums and rates of tickers and candles, up to 38 digits.
TEST(DecodeNumbers, decimals_take_every_spelling) {
  DecodeHarness harness;
  for (const auto& list : {spellings(), wide_spellings(), long_spellings()}) {
    for (const std::string& text : list) {
      ASSERT_TRUE(
          harness.decode(sample_text(with(sample_ticker(), "acc_trade_price", text))).is_event());
      expect_value(text, harness.as<TickerEvent>().acc_trade_price.to_string());
      ASSERT_TRUE(
          harness.decode(sample_text(with(sample_candle(), "candle_acc_trade_volume", text)))
              .is_event());
      expect_value(text, harness.as<CandleEvent>().candle_acc_trade_volume.to_string());
    }
  }
}

// Ids and times are whole numbers in any form; the id uses all 64 bits.
TEST(DecodeNumbers, ids_and_times_are_exact_whole_numbers) {
  DecodeHarness harness;
  const auto id_of = [&](const std::string& text) {
    EXPECT_TRUE(harness.decode(sample_text(with(sample_trade(), "sequential_id", text))).is_event())
        << text;
    return harness.as<TradeEvent>().sequential_id;
  };
  EXPECT_EQ(id_of("17883351803770004"), 17883351803770004U);
  EXPECT_EQ(id_of("1.7883351803770004E16"), 17883351803770004U);
  EXPECT_EQ(id_of("17883351803770004.0"), 17883351803770004U);
  EXPECT_EQ(id_of("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(id_of("0"), 0U);

  const auto errc_of = [&](const char* name, const std::string& text) {
    return harness.decode(sample_text(with(sample_trade(), name, text))).errc;
  };
  EXPECT_EQ(errc_of("sequential_id", "18446744073709551616"), DecodeErrc::number_range);
  EXPECT_EQ(errc_of("sequential_id", "1E400"), DecodeErrc::number_range);
  EXPECT_EQ(errc_of("sequential_id", "1.5"), DecodeErrc::bad_number);
  EXPECT_EQ(errc_of("sequential_id", "-1"), DecodeErrc::bad_number);
  EXPECT_EQ(errc_of("timestamp", "9223372036854775807"), DecodeErrc::ok);
  EXPECT_EQ(errc_of("timestamp", "9223372036854775808"), DecodeErrc::number_range);
  EXPECT_EQ(errc_of("timestamp", "0.5"), DecodeErrc::bad_number);
  EXPECT_EQ(errc_of("timestamp", "1691530805062000"), DecodeErrc::ok);
  EXPECT_TRUE(harness.as<TradeEvent>().timestamp.in_microseconds());
}

// What does not fit is refused, never rounded or clamped.
TEST(DecodeNumbers, numbers_that_do_not_fit_are_refused) {
  DecodeHarness harness;
  const auto expect = [&](const SampleFrame& frame, const char* name, const char* text) {
    EXPECT_EQ(harness.decode(sample_text(with(frame, name, text))).errc, DecodeErrc::number_range)
        << name << ' ' << text;
  };
  for (const char* text : {"92233720368.54775808", "1E11", "1E-9", "0.000000001", "1E9999"}) {
    expect(sample_trade(), "trade_price", text);
    expect(sample_candle(), "low_price", text);
    expect(sample_ticker(), "signed_change_price", text);
  }
  for (const char* text : {"1E-9", "850705917302346158658436518579.42052865"}) {
    expect(sample_trade(), "trade_volume", text);
  }
  for (const char* text : {"123456789012345678901234567890123456789", "1E65", "1E-65"}) {
    expect(sample_ticker(), "acc_trade_volume", text);
    expect(sample_orderbook(), "total_bid_size", text);
  }
}

// Texts that are close to a number but outside JSON's grammar, in known and unknown keys.
TEST(DecodeNumbers, grammar_is_strict) {
  DecodeHarness harness;
  for (const char* text :
       {"01",  "1.",  ".5",       "+1",    "1e",    "1e+", "-",  "--1", "0x1",   "1_0",  "1,0",
        "1 0", "NaN", "Infinity", "1.5.5", "1e5.5", "1a",  "00", "-01", "1\"\"", "1E5E5"}) {
    EXPECT_FALSE(harness.decode(sample_text(with(sample_trade(), "trade_price", text))).ok())
        << text;
    const std::string frame = sample_text(sample_trade());
    EXPECT_FALSE(harness.decode(frame.substr(0, frame.size() - 1) + ",\"new\":" + text + "}").ok())
        << text;
  }
}

}  // namespace
}  // namespace upfeed
