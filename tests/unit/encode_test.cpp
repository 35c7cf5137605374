#include <gtest/gtest.h>

#include "decode_harness.hpp"
#include "frame_samples.hpp"
#include "slow_frame.hpp"

namespace upfeed {
namespace {

// The whole text of a small frame in all four formats, with an escape, a null and a number that was
// spelled with an exponent.
TEST(Encode, writes_the_keys_that_were_present_in_plain_decimals) {
  DecodeHarness harness;
  ASSERT_TRUE(harness
                  .decode(R"({"stream_type":"REALTIME","best_ask_size":null,"sequential_id":1.7E3,)"
                          R"("ask_bid":"BID","trade_volume":1E12,"trade_price":1.16539E8,)"
                          R"("trade_timestamp":9,"trade_date":"\"\\\u0001/","code":"KRW-BTC",)"
                          R"("new":1,"type":"trade"})")
                  .is_event());
  const std::string expected =
      R"({"type":"trade","code":"KRW-BTC","trade_date":"\"\\\u0001/","trade_timestamp":9,)"
      R"("trade_price":116539000,"trade_volume":1000000000000,"ask_bid":"BID",)"
      R"("sequential_id":1700,"best_ask_size":null,"stream_type":"REALTIME"})";
  EXPECT_EQ(harness.encoded(WireFormat::default_), expected);
  EXPECT_EQ(harness.encoded(WireFormat::json_list), "[" + expected + "]");
  const std::string simple =
      R"({"ty":"trade","cd":"KRW-BTC","td":"\"\\\u0001/","ttms":9,"tp":116539000,)"
      R"("tv":1000000000000,"ab":"BID","sid":1700,"bas":null,"st":"REALTIME"})";
  EXPECT_EQ(harness.encoded(WireFormat::simple), simple);
  EXPECT_EQ(harness.encoded(WireFormat::simple_list), "[" + simple + "]");
}

// Appends, and tells how much.
TEST(Encode, appends_and_tells_how_much) {
  DecodeHarness harness;
  ASSERT_TRUE(harness.decode(sample_text(sample_orderbook())).is_event());
  std::string out = "before";
  const std::size_t size_bytes = encode(harness.event(), WireFormat::simple, out);
  EXPECT_EQ(out.size(), 6 + size_bytes);
  EXPECT_TRUE(out.starts_with("before{\"ty\":\"orderbook\""));
}

// Status, loss and gap events are no frames of the exchange.
TEST(Encode, writes_nothing_for_what_was_made_here) {
  std::string out;
  StatusEvent status;
  LossEvent loss;
  loss.kind = EventKind::loss;
  EXPECT_EQ(encode(status, WireFormat::default_, out), 0U);
  EXPECT_EQ(encode(loss, WireFormat::json_list, out), 0U);
  GapEvent gap;
  gap.kind = EventKind::gap;
  EXPECT_EQ(encode(gap, WireFormat::simple_list, out), 0U);
  EXPECT_EQ(out, "");
}

// Every sample, with every key left out or null in turn, goes there and back through each format:
// the content stays, and the second text equals the first byte for byte.
TEST(Encode, there_and_back_is_stable) {
  DecodeHarness harness;
  std::vector<SampleUnit> wide_units = sample_units();
  wide_units[1][3] = "2436173744924.71";
  for (const SampleFrame& sample : convertible_samples()) {
    for (std::size_t i = 0; i <= 2 * sample.size(); ++i) {
      const SampleFrame frame = i == 2 * sample.size() ? sample
                                : i % 2 == 0           ? without(sample, sample[i / 2].name)
                                                       : with(sample, sample[i / 2].name, "null");
      const std::string original = sample_text(frame, WireFormat::default_, wide_units);
      if (!harness.decode(original).is_event()) continue;
      const std::string hash = harness.hash();
      const std::uint32_t size_bytes = harness.event().size_bytes;
      for (const WireFormat format : kAllFormats) {
        const std::string first = harness.encoded(format);
        ASSERT_EQ(slow::decode(first), slow::decode(original)) << first;
        ASSERT_TRUE(harness.decode(first).is_event()) << first;
        EXPECT_EQ(harness.encoded(format), first);
        EXPECT_EQ(harness.hash(), hash);
        EXPECT_EQ(harness.event().size_bytes, size_bytes);
      }
    }
  }
}

}  // namespace
}  // namespace upfeed
