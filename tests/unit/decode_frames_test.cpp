#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "decode_harness.hpp"
#include "frame_samples.hpp"
#include "seed.hpp"
#include "slow_frame.hpp"

namespace upfeed {
namespace {

// Every stream in every format gives the same event: its canonical hash and its text are compared
// with those of the DEFAULT frame.
TEST(DecodeFrames, four_formats_give_equal_events) {
  for (const SampleFrame& frame : convertible_samples()) {
    DecodeHarness harness;
    ASSERT_TRUE(harness.decode(sample_text(frame)).is_event());
    const std::string text = harness.encoded();
    const std::string hash = harness.hash();
    for (const WireFormat format : kAllFormats) {
      const Decoded decoded = harness.decode(" \n" + sample_text(frame, format) + "\r\t ");
      ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc) << sample_text(frame, format);
      EXPECT_EQ(harness.encoded(), text);
      EXPECT_EQ(harness.hash(), hash);
    }
  }
}

// All members of a trade are compared one by one with what the frame says.
TEST(DecodeFrames, trade_members_hold_what_the_frame_says) {
  using F = TradeEvent::Field;
  DecodeHarness harness;
  const Decoded decoded = harness.decode(sample_text(sample_trade()));
  ASSERT_TRUE(decoded.is_event());
  EXPECT_EQ(decoded.kind, EventKind::trade);
  EXPECT_EQ(decoded.size_bytes, sizeof(TradeEvent));
  const auto& event = harness.as<TradeEvent>();
  EXPECT_EQ(event.code.view(), "KRW-BTC");
  EXPECT_EQ(event.market, harness.markets.find(event.code));
  EXPECT_EQ(decoded.market, event.market);
  EXPECT_EQ(event.timestamp.wire(), 1788335180423);
  EXPECT_EQ(event.trade_date.view(), "2026-09-02");
  EXPECT_EQ(event.trade_time.view(), "07:46:20");
  EXPECT_EQ(event.trade_timestamp.wire(), 1788335180377);
  EXPECT_EQ(event.trade_price.raw(), 10669100000000000);
  EXPECT_EQ(event.trade_volume.raw(), 9372);
  EXPECT_EQ(event.ask_bid, Side::ask);
  EXPECT_EQ(event.prev_closing_price.raw(), 10700500000000000);
  EXPECT_EQ(event.change, Change::fall);
  EXPECT_EQ(event.change_price.raw(), 31400000000000);
  EXPECT_EQ(event.sequential_id, 17883351803770004U);
  EXPECT_EQ(event.best_ask_price.raw(), 10669200000000000);
  EXPECT_EQ(event.best_ask_size.raw(), 11000000);
  EXPECT_EQ(event.best_bid_price.raw(), 10669100000000000);
  EXPECT_EQ(event.best_bid_size.raw(), 3120000);
  EXPECT_EQ(event.stream_type, StreamType::realtime);
  EXPECT_TRUE(event.has(F::best_ask_price));
  EXPECT_EQ(event.null, 0U);
}

// The header carries what the receive path gave, and nothing of an earlier frame in the same slot.
TEST(DecodeFrames, header_carries_the_receive_path) {
  DecodeHarness harness;
  harness.meta = {.connection = 5,
                  .epoch = 9,
                  .frame_sequence = 1234567890123,
                  .received_mono = {77},
                  .kernel_time = {88},
                  .flags = kKernelTimeShared};
  std::fill(harness.slot.begin(), harness.slot.end(), std::byte{0xFF});
  ASSERT_TRUE(harness.decode(sample_text(sample_candle())).is_event());
  const auto& event = harness.as<CandleEvent>();
  EXPECT_EQ(event.size_bytes, sizeof(CandleEvent));
  EXPECT_EQ(event.kind, EventKind::candle);
  EXPECT_EQ(event.unit, CandleUnit::m5);
  EXPECT_EQ(event.connection, 5U);
  EXPECT_EQ(event.epoch, 9U);
  EXPECT_EQ(event.frame_sequence, 1234567890123U);
  EXPECT_EQ(event.received_mono.ns, 77);
  EXPECT_EQ(event.kernel_time.unix_ns, 88);
  EXPECT_EQ(event.flags, kKernelTimeShared);
  EXPECT_EQ(event.lost_before, 0U);
  EXPECT_EQ(event.decoded_mono.ns, 0);
}

// Keys come in random orders, `type` last among them; the event must not notice.
TEST(DecodeFrames, key_order_does_not_matter) {
  std::mt19937_64 random(test_seed());
  for (const SampleFrame& sample : convertible_samples()) {
    DecodeHarness harness;
    ASSERT_TRUE(harness.decode(sample_text(sample)).is_event());
    const std::string expected = harness.encoded();
    SampleFrame frame(sample.rbegin(), sample.rend());
    for (int round = 0; round < 200; ++round) {
      for (const WireFormat format : kAllFormats) {
        const Decoded decoded = harness.decode(sample_text(frame, format));
        ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc);
        ASSERT_EQ(harness.encoded(), expected) << sample_text(frame, format);
      }
      std::shuffle(frame.begin(), frame.end(), random);
    }
  }
}

// Each optional key is left out in turn: its bit is clear and no other changes; each required one
// left out refuses the frame. Which is which comes from the oracle.
TEST(DecodeFrames, absent_keys_clear_their_bit_or_refuse) {
  for (const SampleFrame& sample : all_samples()) {
    DecodeHarness harness;
    ASSERT_TRUE(harness.decode(sample_text(sample)).is_event());
    const std::uint64_t all = harness.event().present;
    EXPECT_EQ(all, (std::uint64_t{1} << sample.size()) - 1);
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const std::string text = sample_text(without(sample, sample[i].name));
      const Decoded decoded = harness.decode(text);
      if (slow::decode(text).verdict == slow::Frame::Verdict::event) {
        ASSERT_TRUE(decoded.is_event()) << text;
        EXPECT_EQ(harness.event().present, all & ~(std::uint64_t{1} << i));
      } else {
        EXPECT_EQ(decoded.errc, i == 0 ? DecodeErrc::missing_type : DecodeErrc::missing_field);
      }
    }
  }
}

// Each key is null in turn: accepted with its bit set where the exchange may write null, refused
// elsewhere.
TEST(DecodeFrames, null_is_kept_where_it_may_come) {
  for (const SampleFrame& sample : all_samples()) {
    DecodeHarness harness;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const std::string text = sample_text(with(sample, sample[i].name, "null"));
      const Decoded decoded = harness.decode(text);
      if (slow::decode(text).verdict == slow::Frame::Verdict::event) {
        ASSERT_TRUE(decoded.is_event()) << text;
        EXPECT_EQ(harness.event().null >> i & 1U, 1U);
        EXPECT_EQ(harness.event().present >> i & 1U, 1U);
      } else {
        EXPECT_EQ(decoded.errc, DecodeErrc::unexpected_null) << text;
      }
    }
  }
}

// Unknown keys of every shape stand at the front and the end; names of the other format are among
// them, and change nothing.
TEST(DecodeFrames, unknown_keys_are_ignored) {
  const std::string front =
      R"({"x":{"a":[1,2.5E-3,{"b":null}],"c":"\u00e9\ud83d\ude00\n"},"trade_status":null,"y":[],)";
  const std::string back = R"(,"z":true,"cd":"?","tms":-1,"tp":[],"obu":"","z":1E999,"":{}})";
  for (const SampleFrame& sample : convertible_samples()) {
    DecodeHarness harness;
    std::string text = sample_text(sample);
    ASSERT_TRUE(harness.decode(text).is_event());
    const std::string expected = harness.encoded();
    text = front + text.substr(1, text.size() - 2) + back;
    const Decoded decoded = harness.decode(text);
    ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc) << text;
    EXPECT_EQ(harness.encoded(), expected);
  }
}

// Keys and texts are written with escapes; they mean the same.
TEST(DecodeFrames, escapes_mean_what_they_stand_for) {
  DecodeHarness harness;
  ASSERT_TRUE(harness
                  .decode(R"({"t\u0079pe":"tr\u0061de","c\u006Fde":"KRW\u002dBTC",)"
                          R"("trade_timestamp":1,"trade_price":2,)"
                          R"("trade_volume":3,"ask\u005fbid":"A\u0053K","sequential_id":4,)"
                          R"("trade_date":"\"\\\/\b\f\n\r\t\u00e9"})")
                  .is_event());
  const auto& event = harness.as<TradeEvent>();
  EXPECT_EQ(event.code.view(), "KRW-BTC");
  EXPECT_EQ(event.ask_bid, Side::ask);
  EXPECT_EQ(event.trade_date.view(), "\"\\/\b\f\n\r\t\xC3\xA9");
}

// All nine candle units, and some that do not exist.
TEST(DecodeFrames, candle_unit_comes_from_the_type) {
  DecodeHarness harness;
  for (std::size_t i = 0; i < kCandleUnitCount; ++i) {
    const auto unit = static_cast<CandleUnit>(i);
    const std::string type = "\"candle." + std::string(to_string(unit)) + '"';
    ASSERT_TRUE(harness.decode(sample_text(with(sample_candle(), "type", type))).is_event());
    EXPECT_EQ(harness.as<CandleEvent>().unit, unit);
  }
  for (const char* type : {R"("candle.")", R"("candle.2m")", R"("candle")", R"("candle.1mm")"}) {
    EXPECT_EQ(harness.decode(sample_text(with(sample_candle(), "type", type))).errc,
              DecodeErrc::unknown_type);
  }
}

// Frames that are no market data are told apart, in either key order and in a list.
TEST(DecodeFrames, other_frames_are_told_apart) {
  DecodeHarness harness;
  EXPECT_EQ(harness.decode(R"({"status":"UP"})").frame_class, FrameClass::status_up);
  EXPECT_EQ(harness.decode(R"([{"status":"UP"}])").frame_class, FrameClass::status_up);
  EXPECT_FALSE(harness.decode(R"({"status":"UP"})").is_event());
  EXPECT_EQ(harness.decode(R"({"status":"DOWN"})").errc, DecodeErrc::unknown_type);

  for (const char* text :
       {R"({"error":{"name":"NO_TICKET","message":"caf\u00e9 \"x\""}})",
        R"({"error":{"message":"caf\u00e9 \"x\"","extra":[1],"name":"NO_TICKET"}})"}) {
    const Decoded decoded = harness.decode(text);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.frame_class, FrameClass::error);
    EXPECT_EQ(decoded.error.name, "NO_TICKET");
    EXPECT_EQ(decoded.error.message, "caf\xC3\xA9 \"x\"");
  }
  const Decoded rest = harness.decode(R"({"error":{"name":404,"message":"Code not found"}})");
  EXPECT_EQ(rest.error.name, "404");
  EXPECT_EQ(rest.error.message, "Code not found");
  EXPECT_EQ(harness.decode(R"({"error":{"name":"A","name":"B"}})").errc, DecodeErrc::duplicate_key);

  for (const char* text :
       {R"({"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]}],)"
        R"("ticket":"x"})",
        R"([{"rslt":[{"ty":"ticker","cds":["KRW-BTC"]}],"tckt":"x",)"
        R"("mthd":"LIST_SUBSCRIPTIONS"}])"}) {
    const Decoded decoded = harness.decode(text);
    ASSERT_TRUE(decoded.ok()) << to_string(decoded.errc);
    EXPECT_EQ(decoded.frame_class, FrameClass::subscriptions);
    EXPECT_EQ(decoded.subscriptions_json, text);
  }
  for (const char* type : {"myorder", "candle.", "indicators", "nope", ""}) {
    const Decoded decoded = harness.decode(std::string(R"({"type":")") + type + R"("})");
    EXPECT_EQ(decoded.errc, DecodeErrc::unknown_type);
    EXPECT_EQ(decoded.frame_class, FrameClass::unknown);
    EXPECT_FALSE(decoded.has_kind);
  }
}

// A stream's frame that also has control keys stays what its type says, wherever the type stands.
TEST(DecodeFrames, type_outranks_control_keys) {
  DecodeHarness harness;
  const std::string text = sample_text(sample_trade());
  const std::string extra = R"("status":"?","error":5,"method":null)";
  EXPECT_TRUE(harness.decode("{" + extra + "," + text.substr(1)).is_event());
  EXPECT_TRUE(harness.decode(text.substr(0, text.size() - 1) + "," + extra + "}").is_event());
}

}  // namespace
}  // namespace upfeed
