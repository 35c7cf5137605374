#include "upfeed/event_hash.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "decode_harness.hpp"
#include "frame_samples.hpp"

namespace upfeed {
namespace {

std::string hash_of(const std::string& text) {
  DecodeHarness harness;
  EXPECT_TRUE(harness.decode(text).is_event()) << text;
  return harness.hash();
}

/// Another valid value of the same kind.
std::string other_value(const SampleKey& key) {
  static const std::map<std::string, std::string> kTexts = {{R"("candle.5m")", R"("candle.1m")"},
                                                            {R"("RISE")", R"("EVEN")"},
                                                            {R"("FALL")", R"("EVEN")"},
                                                            {R"("BID")", R"("ASK")"},
                                                            {R"("ASK")", R"("BID")"},
                                                            {R"("SNAPSHOT")", R"("REALTIME")"},
                                                            {R"("REALTIME")", R"("SNAPSHOT")"},
                                                            {R"("KRW-BTC")", R"("KRW-BTG")"},
                                                            {R"("KRW-ETH")", R"("KRW-ETC")"},
                                                            {"true", "false"},
                                                            {"null", R"("2026-01-01")"}};
  if (const auto found = kTexts.find(key.value); found != kTexts.end()) return found->second;
  if (key.name == "type") return key.value;
  if (key.value.front() == '"') return key.value.substr(0, key.value.size() - 1) + "x\"";
  if (key.value == "0") return "1";
  return key.value + (key.value.find('.') == std::string::npos ? "1" : "");
}

// Every key of every stream: another value, its absence and, where it may be null, null each give
// a hash of their own. All hashes met must differ.
TEST(EventHash, any_field_changes_it) {
  DecodeHarness harness;
  for (const SampleFrame& sample : all_samples()) {
    std::set<std::string> hashes{hash_of(sample_text(sample))};
    const auto expect_new = [&](const SampleFrame& frame, const std::string& what) {
      if (!harness.decode(sample_text(frame)).is_event()) return;
      EXPECT_TRUE(hashes.insert(harness.hash()).second) << what;
    };
    for (const SampleKey& key : sample) {
      if (key.value == kSampleUnits || key.value == kSampleAssets) continue;
      std::string value = other_value(key);
      if (value == key.value && key.name != "type") {  // a number with decimals: its first digit
        const std::size_t digit = value.find_first_of("123456789");
        value[digit] = value[digit] == '9' ? '1' : static_cast<char>(value[digit] + 1);
      }
      if (value != key.value) {
        ASSERT_TRUE(harness.decode(sample_text(with(sample, key.name, value))).is_event())
            << key.name << value;
        expect_new(with(sample, key.name, value), key.name + " = " + value);
      }
      expect_new(without(sample, key.name), "without " + key.name);
      if (key.value != "null") expect_new(with(sample, key.name, "null"), key.name + " null");
    }
  }
}

// Every number of every unit, the order of units and their count, narrow and wide.
TEST(EventHash, any_level_changes_it) {
  const auto hash = [](const std::vector<SampleUnit>& units) {
    return hash_of(sample_text(sample_orderbook(), WireFormat::default_, units));
  };
  for (const char* last_size : {"1", "1E12"}) {
    std::vector<SampleUnit> units = sample_units();
    units[2][2] = last_size;
    std::set<std::string> hashes{hash(units)};
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (std::size_t member = 0; member < 4; ++member) {
        auto changed = units;
        changed[i][member] = "7";
        EXPECT_TRUE(hashes.insert(hash(changed)).second) << i << ' ' << member;
      }
    }
    auto changed = units;
    std::swap(changed[0], changed[1]);
    EXPECT_TRUE(hashes.insert(hash(changed)).second);
    changed = units;
    changed.pop_back();
    EXPECT_TRUE(hashes.insert(hash(changed)).second);
    EXPECT_TRUE(hashes.insert(hash({})).second);
  }
}

// The same values in other spellings, formats and key orders, and times in microseconds.
TEST(EventHash, spelling_does_not_change_it) {
  const SampleFrame trade = sample_trade();
  const std::string hash = hash_of(sample_text(trade));
  EXPECT_EQ(hash_of(sample_text(with(trade, "trade_price", "1.06691E8"))), hash);
  EXPECT_EQ(hash_of(sample_text(with(trade, "trade_volume", "9.372E-5"))), hash);
  EXPECT_EQ(hash_of(sample_text(with(trade, "timestamp", "1788335180423000"))), hash);
  EXPECT_EQ(hash_of(sample_text(with(trade, "trade_date", R"("\u0032026-09-02")"))), hash);
  EXPECT_EQ(hash_of(sample_text(trade, WireFormat::simple_list)), hash);
  EXPECT_EQ(hash_of(sample_text(SampleFrame(trade.rbegin(), trade.rend()))), hash);
  const SampleFrame ticker = sample_ticker();
  EXPECT_EQ(hash_of(sample_text(with(ticker, "acc_trade_price", "95078733694.3792"))),
            hash_of(sample_text(ticker)));
}

// Times, epochs, numbers of connection and frame, and flags are not part of what the exchange said.
TEST(EventHash, reception_does_not_change_it) {
  DecodeHarness harness;
  ASSERT_TRUE(harness.decode(sample_text(sample_trade())).is_event());
  const std::string hash = harness.hash();
  harness.meta = {.connection = 99,
                  .epoch = 2,
                  .frame_sequence = 8,
                  .received_mono = {5},
                  .kernel_time = {6},
                  .flags = kKernelTimeShared};
  ASSERT_TRUE(harness.decode(sample_text(sample_trade())).is_event());
  harness.as<TradeEvent>().lost_before = 4;
  harness.as<TradeEvent>().decoded_mono = {7};
  EXPECT_EQ(harness.hash(), hash);
}

/// Adds one sample as if it came on a connection.
void add(EventHash& hash, const SampleFrame& frame, std::uint32_t connection) {
  DecodeHarness harness;
  harness.meta.connection = connection;
  ASSERT_TRUE(harness.decode(sample_text(frame)).is_event());
  hash.add(harness.event());
}

// Order within a connection, the count, and which connection had what all matter; how the events
// of two connections interleave does not, nor what numbers the connections have.
TEST(EventHash, order_and_count_matter_per_connection) {
  const SampleFrame a = sample_trade();
  const SampleFrame b = sample_ticker();
  const auto hash = [](const std::vector<std::pair<SampleFrame, std::uint32_t>>& events) {
    EventHash result;
    for (const auto& [frame, connection] : events) add(result, frame, connection);
    EXPECT_EQ(result.event_count(), events.size());
    return result.value();
  };
  const std::set<std::uint64_t> distinct{hash({}),
                                         hash({{a, 0}}),
                                         hash({{a, 0}, {a, 0}}),
                                         hash({{a, 0}, {b, 0}}),
                                         hash({{b, 0}, {a, 0}}),
                                         hash({{a, 0}, {b, 1}}),
                                         hash({{b, 0}, {a, 1}}),
                                         hash({{a, 0}, {a, 1}}),
                                         hash({{a, 0}, {b, 1}, {a, 0}}),
                                         hash({{a, 0}, {b, 1}, {a, 1}})};
  EXPECT_EQ(distinct.size(), 10U);
  EXPECT_EQ(hash({{a, 0}, {a, 0}, {b, 1}, {b, 1}}), hash({{a, 0}, {b, 1}, {a, 0}, {b, 1}}));
  EXPECT_EQ(hash({{a, 0}, {b, 1}}), hash({{b, 7}, {a, 3}}));
}

// Status and loss events leave it as it is.
TEST(EventHash, status_and_loss_do_not_count) {
  EventHash hash;
  const std::string empty = hash.hex();
  hash.add(StatusEvent());
  LossEvent loss;
  loss.kind = EventKind::loss;
  hash.add(loss);
  EXPECT_EQ(hash.hex(), empty);
  EXPECT_EQ(hash.event_count(), 0U);
}

// The recipe in feed/decode/README.md, done by hand for one trade, gives this value; a change of
// the recipe must not slip in, since recorded hashes would change with it.
TEST(EventHash, recipe_is_pinned) {
  EventHash hash;
  EXPECT_EQ(hash.hex(), "2d06800538d394c2");  // XXH3-64 of nothing
  DecodeHarness harness;
  ASSERT_TRUE(
      harness
          .decode(R"({"type":"trade","code":"KRW-BTC","trade_timestamp":1700000000000,)"
                  R"("trade_price":-1,"trade_volume":1E12,"ask_bid":"BID","sequential_id":255})")
          .is_event());
  hash.add(harness.event());
  EXPECT_EQ(hash.hex(), "39f56eb77f3af592");
}

}  // namespace
}  // namespace upfeed
