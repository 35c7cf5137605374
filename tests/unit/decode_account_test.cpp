// The streams of an account: own orders, balances, notices, indicators.
#include <gtest/gtest.h>

#include <set>

#include "decode_harness.hpp"
#include "frame_samples.hpp"
#include "slow_frame.hpp"

namespace upfeed {
namespace {

// All members of an own order are compared one by one with what the frame says.
TEST(DecodeAccount, order_members_hold_what_the_frame_says) {
  DecodeHarness harness(UnknownMarkets::refuse);
  for (const WireFormat format : kAllFormats) {
    const Decoded decoded = harness.decode(sample_text(sample_my_order(), format));
    ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc);
    EXPECT_EQ(decoded.kind, EventKind::my_order);
    EXPECT_EQ(decoded.size_bytes, sizeof(MyOrderEvent));
    const auto& event = harness.as<MyOrderEvent>();
    EXPECT_EQ(event.code.view(), "KRW-BTC");
    EXPECT_EQ(event.uuid.view(), "ac2dc2a3-fce9-40a2-a4f6-5987c25c438f");
    EXPECT_EQ(event.trade_uuid.view(), "68315169-fba4-4175-ade3-aff14a616657");
    EXPECT_EQ(event.identifier.view(), "test-1");
    EXPECT_EQ(event.ask_bid, Side::bid);
    EXPECT_EQ(event.order_type, OrderType::limit);
    EXPECT_EQ(event.state, OrderState::trade);
    EXPECT_EQ(event.time_in_force, TimeInForce::post_only);
    EXPECT_EQ(event.smp_type, SmpType::cancel_maker);
    EXPECT_TRUE(event.is_maker);
    EXPECT_EQ(event.price.to_string(), "0.001453");
    EXPECT_EQ(event.avg_price.to_string(), "0.00145372");
    EXPECT_EQ(event.volume.to_string(), "30925891.29839369");
    EXPECT_EQ(event.remaining_volume.to_string(), "29968038.09235948");
    EXPECT_EQ(event.executed_volume.to_string(), "30925891.29839369");
    EXPECT_EQ(event.trades_count, 1U);
    EXPECT_EQ(event.reserved_fee.to_string(), "44.23943970238218");
    EXPECT_EQ(event.remaining_fee.to_string(), "21.77177967409916");
    EXPECT_EQ(event.paid_fee.to_string(), "22.467660028283017");
    EXPECT_EQ(event.locked.to_string(), "43565.33112787242");
    EXPECT_EQ(event.executed_funds.to_string(), "44935.32005656603");
    EXPECT_EQ(event.trade_fee.to_string(), "22.467660028283017");
    EXPECT_EQ(event.prevented_volume.to_string(), "1.1743218000000001");
    EXPECT_EQ(event.prevented_locked.to_string(), "0.00170628000000001");
    EXPECT_EQ(event.trade_timestamp.wire(), 1710751590421);
    EXPECT_EQ(event.order_timestamp.wire(), 1710751590000);
    EXPECT_EQ(event.timestamp.wire(), 1710751597500);
    EXPECT_EQ(event.stream_type, StreamType::realtime);
    EXPECT_EQ(event.null, 0U);
    EXPECT_EQ(event.flags, 0U);
  }
}

// An order without trades, as documented, with null wherever there is no value: accepted, and every
// null is told.
TEST(DecodeAccount, order_may_have_null_everywhere_but_in_type_and_uuid) {
  DecodeHarness harness;
  SampleFrame frame = sample_my_order();
  for (SampleKey& key : frame) {
    if (key.name != "type" && key.name != "uuid") key.value = "null";
  }
  ASSERT_TRUE(harness.decode(sample_text(frame)).is_event());
  const auto& event = harness.as<MyOrderEvent>();
  EXPECT_EQ(event.present, (std::uint64_t{1} << frame.size()) - 1);
  EXPECT_EQ(event.null, event.present & ~std::uint64_t{5});
  EXPECT_FALSE(event.market.valid());
  EXPECT_EQ(event.state, OrderState::absent);
  EXPECT_EQ(event.flags, 0U);
  EXPECT_EQ(harness.decode(R"({"type":"myOrder"})").errc, DecodeErrc::missing_field);
  EXPECT_TRUE(harness.decode(R"({"type":"myOrder","uuid":"x"})").is_event());
}

// Words of later years: each is kept as `other` with its text, and written out again.
TEST(DecodeAccount, new_words_do_not_lose_an_order) {
  DecodeHarness harness;
  SampleFrame frame = sample_my_order();
  for (const char* name : {"order_type", "state", "time_in_force", "smp_type"}) {
    frame = with(frame, name, std::string("\"new_") + name + '"');
  }
  ASSERT_TRUE(harness.decode(sample_text(frame, WireFormat::simple)).is_event());
  const auto& event = harness.as<MyOrderEvent>();
  EXPECT_EQ(event.order_type, OrderType::other);
  EXPECT_EQ(event.order_type_text.view(), "new_order_type");
  EXPECT_EQ(event.state, OrderState::other);
  EXPECT_EQ(event.state_text.view(), "new_state");
  EXPECT_EQ(event.time_in_force, TimeInForce::other);
  EXPECT_EQ(event.time_in_force_text.view(), "new_time_in_force");
  EXPECT_EQ(event.smp_type, SmpType::other);
  EXPECT_EQ(event.smp_type_text.view(), "new_smp_type");
  EXPECT_EQ(event.flags, 0U);
  EXPECT_EQ(slow::decode(harness.encoded()), slow::decode(sample_text(frame)));
}

// Every word that is documented has an enumerator, and no text beside it.
TEST(DecodeAccount, documented_words_are_known) {
  DecodeHarness harness;
  const auto order = [&](const char* name, const std::string& word) -> const MyOrderEvent& {
    EXPECT_TRUE(
        harness.decode(sample_text(with(sample_my_order(), name, '"' + word + '"'))).is_event());
    return harness.as<MyOrderEvent>();
  };
  for (const char* word : {"limit", "price", "market", "best"}) {
    EXPECT_EQ(to_string(order("order_type", word).order_type), word);
    EXPECT_TRUE(harness.as<MyOrderEvent>().order_type_text.empty());
  }
  for (const char* word : {"wait", "watch", "trade", "done", "cancel", "prevented"}) {
    EXPECT_EQ(to_string(order("state", word).state), word);
  }
  for (const char* word : {"ioc", "fok", "post_only"}) {
    EXPECT_EQ(to_string(order("time_in_force", word).time_in_force), word);
  }
  for (const char* word : {"reduce", "cancel_maker", "cancel_taker"}) {
    EXPECT_EQ(to_string(order("smp_type", word).smp_type), word);
  }
}

// Values that a member cannot hold: all but the uuid is kept, the member has its default, and the
// flag tells. Each member in turn gets a value of a wrong sort, and one out of range.
TEST(DecodeAccount, what_cannot_be_held_is_left_out) {
  using F = MyOrderEvent::Field;
  DecodeHarness harness;
  for (const char* value : {R"([1,{"a":null}])", R"({"x":"y"})", "1E70", "-1.5", R"("?")"}) {
    const SampleFrame sample = sample_my_order();
    for (std::size_t i = 3; i < sample.size(); ++i) {
      const std::string text = sample_text(with(sample, sample[i].name, value));
      const slow::Frame expected = slow::decode(text);
      ASSERT_TRUE(harness.decode(text).is_event()) << text;
      ASSERT_EQ(slow::decode(harness.encoded()), expected) << text;
      const bool kept = expected.values.contains(sample[i].name);
      EXPECT_EQ(harness.event().present >> i & 1U, kept ? 1U : 0U) << text;
      EXPECT_EQ(harness.event().flags, kept ? 0 : kIncomplete) << text;
    }
  }
  const std::string identifier(256, 'i');
  ASSERT_TRUE(
      harness.decode(sample_text(with(sample_my_order(), "identifier", '"' + identifier + '"')))
          .is_event());
  EXPECT_FALSE(harness.as<MyOrderEvent>().has(F::identifier));
  EXPECT_TRUE(harness.as<MyOrderEvent>().identifier.empty());
  const std::string longest = '"' + identifier.substr(1) + '"';
  ASSERT_TRUE(
      harness.decode(sample_text(with(sample_my_order(), "identifier", longest))).is_event());
  EXPECT_EQ(harness.as<MyOrderEvent>().identifier.view().size(), 255U);

  // What is no JSON, and a key twice, is refused all the same.
  const std::string text = sample_text(sample_my_order());
  EXPECT_EQ(harness.decode(sample_text(with(sample_my_order(), "price", "01"))).errc,
            DecodeErrc::bad_number);
  EXPECT_EQ(harness.decode(sample_text(with(sample_my_order(), "state", R"("\ud800")"))).errc,
            DecodeErrc::bad_utf8);
  EXPECT_EQ(harness.decode(R"({"price":[],"price":1,)" + text.substr(1)).errc,
            DecodeErrc::duplicate_key);
  EXPECT_EQ(harness.decode(sample_text(with(sample_my_order(), "uuid", "7"))).errc,
            DecodeErrc::wrong_value_type);
}

// The market of an own order is added whatever the policy; in a full table the order still counts.
TEST(DecodeAccount, order_of_an_unknown_market_is_accepted) {
  DecodeHarness harness(UnknownMarkets::refuse);
  EXPECT_EQ(harness.decode(sample_text(sample_trade())).errc, DecodeErrc::unknown_market);
  const Decoded decoded = harness.decode(sample_text(sample_my_order()));
  ASSERT_TRUE(decoded.is_event());
  EXPECT_TRUE(decoded.market.valid());
  EXPECT_EQ(harness.markets.find(harness.event().code), harness.event().market);

  MarketTable full(1);
  ASSERT_TRUE(full.intern(*MarketCode::parse("KRW-XRP")).valid());
  Decoder decoder(full, UnknownMarkets::intern);
  std::string text = sample_text(sample_my_order());
  const std::size_t size = text.size();
  text.append(kDecodePadding, 'x');
  ASSERT_TRUE(decoder.decode({text.data(), size}, {}, harness.slot).is_event());
  EXPECT_FALSE(harness.event().market.valid());
  EXPECT_EQ(harness.event().code.view(), "KRW-BTC");

  // A code that is none is left out.
  ASSERT_TRUE(harness.decode(sample_text(with(sample_my_order(), "code", R"("?")"))).is_event());
  EXPECT_TRUE(harness.event().code.empty());
  EXPECT_EQ(harness.event().flags, kIncomplete);
}

// Balances keep all their digits, in numbers and in quotes, and the event has no market.
TEST(DecodeAccount, balances_are_exact) {
  DecodeHarness harness(UnknownMarkets::refuse);
  for (const WireFormat format : kAllFormats) {
    const Decoded decoded = harness.decode(sample_text(sample_my_asset(), format));
    ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc);
    EXPECT_EQ(decoded.size_bytes, sizeof(MyAssetEvent) + 2 * sizeof(MyAsset));
    const auto& event = harness.as<MyAssetEvent>();
    ASSERT_EQ(event.assets().size(), 2U);
    EXPECT_EQ(event.assets()[0].currency.view(), "KRW");
    EXPECT_EQ(event.assets()[0].balance.to_string(), "1386929.37231066771348207123");
    EXPECT_EQ(event.assets()[0].locked.to_string(), "10329.670127489598");
    EXPECT_EQ(event.assets()[1].currency.view(), "XRP");
    EXPECT_EQ(event.assets()[1].balance.to_string(), "1.15580212");
    EXPECT_TRUE(event.assets()[1].locked.is_zero());
    EXPECT_EQ(event.asset_uuid.view(), "e635f223-1609-4969-8fb6-4376937baad6");
    EXPECT_EQ(event.asset_timestamp.wire(), 1710146517259);
    EXPECT_EQ(event.timestamp.wire(), 1710146517267);
    EXPECT_FALSE(event.market.valid());
    EXPECT_TRUE(event.code.empty());
  }
  ASSERT_TRUE(harness
                  .decode(R"({"type":"myAsset","assets":[{"x":[1],"locked":"1E-20","balance":"5",)"
                          R"("currency":"BTC"}]})")
                  .is_event());
  EXPECT_EQ(harness.as<MyAssetEvent>().assets()[0].locked.to_string(), "0.00000000000000000001");
  ASSERT_TRUE(harness.decode(R"({"type":"myAsset","assets":[]})").is_event());
  EXPECT_TRUE(harness.as<MyAssetEvent>().assets().empty());
}

// An asset that is not whole refuses the frame: a balance that is missing must not read as zero.
TEST(DecodeAccount, damaged_assets_are_refused) {
  DecodeHarness harness;
  const auto errc = [&](const std::string& assets) {
    return harness.decode(R"({"type":"myAsset","assets":)" + assets + "}").errc;
  };
  using enum DecodeErrc;
  EXPECT_EQ(errc("null"), unexpected_null);
  EXPECT_EQ(errc("{}"), wrong_value_type);
  EXPECT_EQ(errc("[1]"), wrong_value_type);
  EXPECT_EQ(errc("[{}]"), missing_field);
  EXPECT_EQ(errc(R"([{"currency":"A","balance":1}])"), missing_field);
  EXPECT_EQ(errc(R"([{"currency":"A","balance":null,"locked":0}])"), unexpected_null);
  EXPECT_EQ(errc(R"([{"currency":"A","balance":1,"balance":1,"locked":0}])"), duplicate_key);
  EXPECT_EQ(errc(R"([{"currency":"0123456789ABCDEF","balance":1,"locked":0}])"), bad_text);
  EXPECT_EQ(errc(R"([{"currency":"A","balance":1E65,"locked":0}])"), number_range);
  EXPECT_EQ(errc(R"([{"currency":"A","balance":"1,0","locked":0}])"), bad_number);
  EXPECT_EQ(errc(R"([{"currency":"A","balance":1,"locked":0})"), bad_json);
}

// As many assets as the slot has room for; one more is too big, and nothing is written behind.
TEST(DecodeAccount, assets_fill_the_room_and_no_more) {
  DecodeHarness harness;
  constexpr std::size_t kMost = (kEventBytesMax - sizeof(MyAssetEvent)) / sizeof(MyAsset);
  const auto frame = [](std::size_t count) {
    std::string text = R"({"ty":"myAsset","ast":[)";
    for (std::size_t i = 0; i < count; ++i) {
      text += i == 0 ? "" : ",";
      text += R"({"cu":"A","b":1,"l":2})";
    }
    return text + "]}";
  };
  for (const std::size_t count : {std::size_t{1}, std::size_t{40}, kMost}) {
    ASSERT_TRUE(harness.decode(frame(count)).is_event()) << count;
    EXPECT_EQ(harness.as<MyAssetEvent>().assets().size(), count);
    EXPECT_LE(harness.event().size_bytes, event_room_bytes(frame(count).size()));
  }
  EXPECT_EQ(harness.decode(frame(kMost + 1)).errc, DecodeErrc::too_big);
  EXPECT_TRUE(harness.decode(frame(kMost)).is_event());
}

// Every asset, each of its values, their order and count enter the hash.
TEST(DecodeAccount, any_asset_changes_the_hash) {
  DecodeHarness harness;
  std::set<std::string> hashes;
  for (const char* assets :
       {"", R"({"cu":"A","b":1,"l":2})", R"({"cu":"B","b":1,"l":2})", R"({"cu":"A","b":2,"l":2})",
        R"({"cu":"A","b":1,"l":1})", R"({"cu":"A","b":1,"l":2},{"cu":"B","b":1,"l":2})",
        R"({"cu":"B","b":1,"l":2},{"cu":"A","b":1,"l":2})"}) {
    ASSERT_TRUE(
        harness.decode(std::string(R"({"ty":"myAsset","ast":[)") + assets + "]}").is_event());
    EXPECT_TRUE(hashes.insert(harness.hash()).second) << assets;
  }
}

// The texts of a notice come without escapes, in whatever order their keys are.
TEST(DecodeAccount, announcement_texts_are_unescaped) {
  DecodeHarness harness;
  const SampleFrame sample = sample_announcement();
  for (const SampleFrame& frame : {sample, SampleFrame(sample.rbegin(), sample.rend())}) {
    for (const WireFormat format : kAllFormats) {
      ASSERT_TRUE(harness.decode(sample_text(frame, format)).is_event());
      const auto& event = harness.as<AnnouncementEvent>();
      EXPECT_EQ(event.title(), "거래 \"KRW\" 지원");
      EXPECT_EQ(event.url(), "https://upbit.com/service_center/notice?id=1");
      EXPECT_EQ(event.body(), "<p>one\ntwo \xF0\x9F\x98\x80</p>");
      EXPECT_EQ(event.event_type.view(), "CREATED");
      EXPECT_EQ(event.uuid.view(), "0b0f7a8e-5a4d-4c9a-8a59-5c1c1b0a8a11");
      EXPECT_EQ(event.category.view(), "trade");
      EXPECT_EQ(event.first_listed_at.view(), "2026-08-21T18:00:00+09:00");
      EXPECT_EQ(event.listed_at.view(), "2026-08-21T18:30:00+09:00");
      EXPECT_EQ(event.timestamp.wire(), 1787304600123);
      EXPECT_EQ(event.size_bytes, sizeof(AnnouncementEvent) + event.title().size() +
                                      event.url().size() + event.body().size());
    }
  }
}

// A body beyond the room is left out rather than the notice lost; a title beyond it refuses.
TEST(DecodeAccount, announcement_too_long_for_the_room) {
  using F = AnnouncementEvent::Field;
  DecodeHarness harness;
  const std::string text = '"' + std::string(kEventBytesMax, 'a') + '"';
  ASSERT_TRUE(harness.decode(sample_text(with(sample_announcement(), "body", text))).is_event());
  EXPECT_FALSE(harness.as<AnnouncementEvent>().has(F::body));
  EXPECT_EQ(harness.as<AnnouncementEvent>().body(), "");
  EXPECT_EQ(harness.event().flags, kIncomplete);
  EXPECT_EQ(harness.decode(sample_text(with(sample_announcement(), "title", text))).errc,
            DecodeErrc::too_big);
  const std::string fits = '"' + std::string(kEventBytesMax - 1024, 'a') + '"';
  ASSERT_TRUE(harness.decode(sample_text(with(sample_announcement(), "body", fits))).is_event());
  EXPECT_EQ(harness.as<AnnouncementEvent>().body().size(), kEventBytesMax - 1024);
}

/// A frame of each indicator stream with the members whose shape differs by indicator.
std::string indicator_frame(const char* type) {
  return std::string(R"({"type":")") + type +
         R"(","code":"KRW-BTC","timeframe":"15m","indicator":"macd",)"
         R"("params":{"fast":12,"slow":26,"signal":9},"value":{"macd":-1.5E3, "hist":[0.1,null]},)"
         R"("candle_date_time_utc":"2026-10-01T00:15:00","timestamp":1790813700123,)"
         R"("stream_type":"REALTIME"})";
}

// The envelope is read and the object handed on as it came, without a list's brackets.
TEST(DecodeAccount, indicators_keep_their_json) {
  DecodeHarness harness;
  for (const char* type : {"indicator", "indicator_signal"}) {
    const std::string object = indicator_frame(type);
    for (const std::string& text : {object, " \n[ " + object + "\t]\r "}) {
      const Decoded decoded = harness.decode(text);
      ASSERT_TRUE(decoded.is_event()) << to_string(decoded.errc);
      EXPECT_EQ(to_string(decoded.kind), type);
      const auto check = [&](const auto& event) {
        EXPECT_EQ(event.json(), object);
        EXPECT_EQ(event.code.view(), "KRW-BTC");
        EXPECT_TRUE(event.market.valid());
        EXPECT_EQ(event.timeframe.view(), "15m");
        EXPECT_EQ(event.indicator.view(), "macd");
        EXPECT_EQ(event.candle_date_time_utc.view(), "2026-10-01T00:15:00");
        EXPECT_EQ(event.timestamp.wire(), 1790813700123);
        EXPECT_FALSE(event.simple_names);
      };
      if (decoded.kind == EventKind::indicator) {
        check(harness.as<IndicatorEvent>());
      } else {
        check(harness.as<IndicatorSignalEvent>());
      }
    }
  }
  EXPECT_EQ(harness.decode(" [ ").errc, DecodeErrc::bad_json);
  const std::string text = indicator_frame("indicator");
  EXPECT_EQ(
      harness.decode(R"({"x":")" + std::string(kEventBytesMax, 'x') + "\"," + text.substr(1)).errc,
      DecodeErrc::too_big);
}

// Market codes of indicators follow the table's policy, like those of market data.
TEST(DecodeAccount, indicator_of_an_unknown_market_follows_the_policy) {
  DecodeHarness harness(UnknownMarkets::refuse);
  EXPECT_EQ(harness.decode(indicator_frame("indicator")).errc, DecodeErrc::unknown_market);
  ASSERT_TRUE(harness.markets.intern(*MarketCode::parse("KRW-BTC")).valid());
  EXPECT_TRUE(harness.decode(indicator_frame("indicator")).is_event());
}

// Indicators are written as they came, with and without a list's brackets, and not at all under the
// other set of names; whatever is written is read back equal.
TEST(DecodeAccount, indicators_are_written_under_their_own_names_only) {
  DecodeHarness harness;
  const std::string object = indicator_frame("indicator");
  ASSERT_TRUE(harness.decode("[" + object + "]").is_event());
  const std::string hash = harness.hash();
  EXPECT_EQ(harness.encoded(WireFormat::simple), "");
  EXPECT_EQ(harness.encoded(WireFormat::simple_list), "");
  EXPECT_EQ(harness.encoded(WireFormat::json_list), "[" + object + "]");
  EXPECT_EQ(harness.encoded(WireFormat::default_), object);
  ASSERT_TRUE(harness.decode(object).is_event());
  EXPECT_EQ(harness.hash(), hash);

  const std::string simple = R"({"ty":"indicator_signal","cd":"KRW-BTC","p":[1],"v":0.10})";
  ASSERT_TRUE(harness.decode(simple).is_event());
  EXPECT_TRUE(harness.as<IndicatorSignalEvent>().simple_names);
  EXPECT_EQ(harness.encoded(WireFormat::default_), "");
  EXPECT_EQ(harness.encoded(WireFormat::simple_list), "[" + simple + "]");
  const std::string before = harness.hash();
  ASSERT_TRUE(
      harness.decode(R"({"ty":"indicator_signal","cd":"KRW-BTC","p":[1],"v":0.1})").is_event());
  EXPECT_NE(harness.hash(), before) << "the JSON text is hashed as it is";
}

}  // namespace
}  // namespace upfeed
