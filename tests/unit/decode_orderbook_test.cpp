#include <gtest/gtest.h>

#include "decode_harness.hpp"
#include "frame_samples.hpp"

namespace upfeed {
namespace {

std::string book(const std::vector<SampleUnit>& units, WireFormat format = WireFormat::default_) {
  return sample_text(sample_orderbook(), format, units);
}

// The units of the sample are compared number by number; padding ends each side.
TEST(DecodeOrderbook, units_hold_what_the_frame_says) {
  DecodeHarness harness;
  for (const WireFormat format : kAllFormats) {
    const Decoded decoded = harness.decode(book(sample_units(), format));
    ASSERT_TRUE(decoded.is_event());
    const auto& event = harness.as<OrderbookEvent>();
    EXPECT_EQ(decoded.size_bytes, OrderbookEvent::record_bytes(3, false));
    EXPECT_EQ(event.size_bytes, decoded.size_bytes);
    EXPECT_EQ(event.unit_count, 3);
    EXPECT_EQ(event.ask_count, 3);
    EXPECT_EQ(event.bid_count, 2);
    EXPECT_EQ(event.flags & kWideSizes, 0);
    EXPECT_TRUE(event.wide_sizes().empty());
    EXPECT_EQ(event.units()[0].ask_price.raw(), 11653900000000000);
    EXPECT_EQ(event.units()[0].bid_price.raw(), 11653800000000000);
    EXPECT_EQ(event.units()[0].ask_size.raw(), 2054761);
    EXPECT_EQ(event.units()[0].bid_size.raw(), 8120946);
    EXPECT_EQ(event.units()[1].bid_size.raw(), 50000);
    EXPECT_EQ(event.units()[2].ask_size.raw(), 100000000);
    EXPECT_EQ(event.units()[2].bid_size.raw(), 0);
    EXPECT_EQ(event.total_ask_size.to_string(), "2.51469375");
    EXPECT_TRUE(event.level.is_zero());
  }
}

// One size beyond int64 brings the wide form for all units of the frame, whichever unit has it.
TEST(DecodeOrderbook, one_huge_size_widens_the_whole_frame) {
  DecodeHarness harness;
  for (std::size_t wide_unit = 0; wide_unit < 3; ++wide_unit) {
    for (const std::size_t side : {2U, 3U}) {
      auto units = sample_units();
      units[wide_unit][side] = "92233720368.54775808";
      const Decoded decoded = harness.decode(book(units));
      ASSERT_TRUE(decoded.is_event());
      const auto& event = harness.as<OrderbookEvent>();
      EXPECT_EQ(decoded.size_bytes, OrderbookEvent::record_bytes(3, true));
      ASSERT_EQ(event.wide_sizes().size(), 3U);
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(event.ask_size(i), *WideQuantity::parse(units[i][2]));
        EXPECT_EQ(event.bid_size(i), *WideQuantity::parse(units[i][3]));
        EXPECT_EQ(event.units()[i].ask_size, Quantity::narrow(event.ask_size(i)));
        EXPECT_EQ(event.units()[i].bid_size, Quantity::narrow(event.bid_size(i)));
      }
    }
  }
  auto units = sample_units();
  units[0][2] = "92233720368.54775807";
  ASSERT_TRUE(harness.decode(book(units)).is_event());
  EXPECT_TRUE(harness.as<OrderbookEvent>().wide_sizes().empty());
}

// 0 to 30 units are a book, 31 are refused.
TEST(DecodeOrderbook, depth_is_bounded) {
  DecodeHarness harness;
  std::vector<SampleUnit> units;
  for (std::size_t count = 0; count <= kBookDepthMax; ++count) {
    ASSERT_TRUE(harness.decode(book(units)).is_event()) << count;
    EXPECT_EQ(harness.as<OrderbookEvent>().unit_count, count);
    EXPECT_EQ(harness.as<OrderbookEvent>().ask_count, count);
    units.push_back({"1", "1", "1E12", "1"});
  }
  EXPECT_EQ(harness.decode(book(units)).errc, DecodeErrc::depth_exceeded);
}

// Keys of a unit in another order, unknown ones among them; missing, doubled or wrong ones.
TEST(DecodeOrderbook, units_follow_the_rules_of_keys) {
  DecodeHarness harness;
  const auto frame = [](const std::string& unit) {
    return sample_text(with(sample_orderbook(), "orderbook_units", "[" + unit + "]"));
  };
  ASSERT_TRUE(
      harness
          .decode(frame(R"({"x":{"y":[]},"bid_size":4,"ask_size":3,"bid_price":2,"ask_price":1})"))
          .is_event());
  const BookUnit& unit = harness.as<OrderbookEvent>().units()[0];
  EXPECT_EQ(unit.ask_price.raw(), 100000000);
  EXPECT_EQ(unit.bid_price.raw(), 200000000);
  EXPECT_EQ(unit.ask_size.raw(), 300000000);
  EXPECT_EQ(unit.bid_size.raw(), 400000000);

  const auto errc = [&](const std::string& text) { return harness.decode(frame(text)).errc; };
  EXPECT_EQ(errc(R"({"ask_price":1,"bid_price":2,"ask_size":3})"), DecodeErrc::missing_field);
  EXPECT_EQ(errc("{}"), DecodeErrc::missing_field);
  EXPECT_EQ(errc(R"({"ask_price":1,"bid_price":2,"ask_size":3,"bid_size":4,"ask_price":1})"),
            DecodeErrc::duplicate_key);
  EXPECT_EQ(errc(R"({"ask_price":1,"bid_price":2,"ask_size":3,"bid_size":-4})"),
            DecodeErrc::bad_number);
  EXPECT_EQ(errc(R"({"ask_price":-1,"bid_price":2,"ask_size":3,"bid_size":4})"),
            DecodeErrc::bad_number);
  EXPECT_EQ(errc(R"({"ask_price":1,"bid_price":2,"ask_size":3,"bid_size":null})"),
            DecodeErrc::unexpected_null);
  EXPECT_EQ(errc(R"({"ask_price":1,"bid_price":2,"ask_size":3,"bid_size":"4"})"),
            DecodeErrc::wrong_value_type);
  EXPECT_EQ(errc("1"), DecodeErrc::wrong_value_type);
  EXPECT_EQ(errc("[]"), DecodeErrc::wrong_value_type);
  EXPECT_EQ(harness.decode(sample_text(with(sample_orderbook(), "orderbook_units", "{}"))).errc,
            DecodeErrc::wrong_value_type);
}

// The level comes as a number or, as the documents allow, as one in quotes.
TEST(DecodeOrderbook, level_may_be_quoted) {
  DecodeHarness harness;
  for (const char* level : {"10000", "\"10000\"", "1.0E4", "\"1E4\""}) {
    ASSERT_TRUE(harness.decode(sample_text(with(sample_orderbook(), "level", level))).is_event());
    EXPECT_EQ(harness.as<OrderbookEvent>().level.to_string(), "10000");
  }
  EXPECT_EQ(harness.decode(sample_text(with(sample_orderbook(), "level", R"("x")"))).errc,
            DecodeErrc::bad_number);
}

}  // namespace
}  // namespace upfeed
