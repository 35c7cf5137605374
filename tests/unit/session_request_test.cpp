#include "session/request.hpp"

#include "session/status_text.hpp"
#include "session_harness.hpp"

namespace upfeed::test {
namespace {

std::string text_of(const WantedSet& set, StreamStage stage,
                    Finished finished = Finished::left_out) {
  const std::vector<StreamStage> stages(set.size(), stage);
  return request_text("T", "DEFAULT", set, stages, finished);
}

// Goal: the whole text of a small request, letter by letter.
TEST(SessionRequest, names_ticket_types_and_format) {
  const WantedSet set =
      sorted({kBtc, kEth, stream(EventKind::trade, "KRW-BTC", 0), book("KRW-BTC", 0),
              candle(CandleUnit::m1, "KRW-BTC", 0), candle(CandleUnit::s1, "KRW-BTC", 0)});
  EXPECT_EQ(text_of(set, StreamStage::unasked),
            R"([{"ticket":"T"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},)"
            R"({"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC"]},)"
            R"({"type":"candle.1s","codes":["KRW-BTC"]},{"type":"candle.1m","codes":["KRW-BTC"]},)"
            R"({"format":"DEFAULT"}])");
}

// Goal: live codes and realtime_only ones are asked without a snapshot, the others with one.
TEST(SessionRequest, live_codes_are_asked_realtime_only) {
  const WantedSet set =
      sorted({kBtc, kEth, stream(EventKind::ticker, "KRW-XRP", 2, StreamMode::realtime_only)});
  const std::vector<StreamStage> stages = {StreamStage::arrived, StreamStage::asked,
                                           StreamStage::unasked};
  EXPECT_EQ(request_text("T", "SIMPLE", set, stages, Finished::left_out),
            R"([{"ticket":"T"},{"type":"ticker","codes":["KRW-ETH"]},)"
            R"({"type":"ticker","codes":["KRW-BTC","KRW-XRP"],"is_only_realtime":true},)"
            R"({"format":"SIMPLE"}])");
}

// Goal: order books are asked with a snapshot even when live or wanted realtime only.
TEST(SessionRequest, order_books_always_come_with_a_snapshot) {
  const WantedSet set =
      sorted({book("KRW-BTC", 0), book("KRW-ETH", 1, 30, "0", StreamMode::realtime_only)});
  EXPECT_EQ(text_of(set, StreamStage::arrived),
            R"([{"ticket":"T"},{"type":"orderbook","codes":["KRW-BTC","KRW-ETH"]},)"
            R"({"format":"DEFAULT"}])");
}

// Goal: units become a suffix unless 30; each level is an object of its own.
TEST(SessionRequest, units_are_suffixes_and_levels_are_objects) {
  const WantedSet set = sorted({book("KRW-BTC", 0, 15), book("KRW-BTC", 0, 30, "10000"),
                                book("KRW-BTC", 0, 1, "0.1"), book("KRW-ETH", 1, 5, "10000")});
  EXPECT_EQ(text_of(set, StreamStage::unasked),
            R"([{"ticket":"T"},{"type":"orderbook","codes":["KRW-BTC.15"]},)"
            R"({"type":"orderbook","codes":["KRW-BTC.1"],"level":0.1},)"
            R"({"type":"orderbook","codes":["KRW-BTC","KRW-ETH.5"],"level":10000},)"
            R"({"format":"DEFAULT"}])");
}

// Goal: a snapshot_only stream is named until its frame came, then only where nothing else is.
TEST(SessionRequest, finished_snapshots_are_left_out) {
  const WantedSet set = {stream(EventKind::ticker, "KRW-BTC", 0, StreamMode::snapshot_only)};
  const std::string named =
      R"([{"ticket":"T"},{"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":true},)"
      R"({"format":"DEFAULT"}])";
  EXPECT_EQ(text_of(set, StreamStage::unasked), named);
  EXPECT_EQ(text_of(set, StreamStage::overdue), named);
  EXPECT_EQ(text_of(set, StreamStage::arrived), "");
  EXPECT_EQ(text_of(set, StreamStage::arrived, Finished::named), named);
}

// Goal: the objects of private streams, letter by letter: orders of all markets stand for those of
// some, balances never have codes, and no flag that these streams do not know is sent.
TEST(SessionRequest, private_streams_are_asked_without_flags) {
  const WantedStream all_orders = unbound(EventKind::my_order);
  WantedStream assets = unbound(EventKind::my_asset);
  assets.mode = StreamMode::snapshot_only;
  const WantedStream btc_orders = unbound(EventKind::my_order, "KRW-BTC");
  const WantedStream eth_orders = unbound(EventKind::my_order, "KRW-ETH");
  EXPECT_EQ(text_of(sorted({all_orders, btc_orders, assets}), StreamStage::arrived),
            R"([{"ticket":"T"},{"type":"myOrder"},{"type":"myAsset"},{"format":"DEFAULT"}])");
  EXPECT_EQ(text_of(sorted({eth_orders, btc_orders}), StreamStage::asked),
            R"([{"ticket":"T"},{"type":"myOrder","codes":["KRW-BTC","KRW-ETH"]},)"
            R"({"format":"DEFAULT"}])");
}

// Goal: announcements and indicators carry their options, and streams share an object only where
// these are equal.
TEST(SessionRequest, options_are_members_of_their_object) {
  const std::string trades = R"("categories":["trade"],"include_body":true)";
  const std::string rsi = R"("timeframe":"5m","indicators":[{"type":"rsi"}])";
  const std::string macd = R"("timeframe":"1d","indicators":[{"type":"macd"}])";
  const WantedSet set = sorted(
      {unbound(EventKind::announcement, "", trades), unbound(EventKind::announcement),
       unbound(EventKind::indicator, "KRW-BTC", rsi), unbound(EventKind::indicator, "KRW-ETH", rsi),
       unbound(EventKind::indicator, "KRW-BTC", macd),
       unbound(EventKind::indicator_signal, "KRW-BTC", rsi)});
  EXPECT_EQ(text_of(set, StreamStage::unasked),
            R"([{"ticket":"T"},{"type":"announcement"},{"type":"announcement",)" + trades +
                R"(},{"type":"indicator","codes":["KRW-BTC"],)" + macd +
                R"(},{"type":"indicator","codes":["KRW-BTC","KRW-ETH"],)" + rsi +
                R"(},{"type":"indicator_signal","codes":["KRW-BTC"],)" + rsi +
                R"(},{"format":"DEFAULT"}])");
}

// Goal: a text from the network fits a status event: one line, cut between two characters.
TEST(SessionStatusText, is_one_line_and_cut_between_characters) {
  EXPECT_EQ(status_line("a\nb\tc"), "a b c");
  std::string korean(249, 'x');
  korean += "\xEC\xA0\x95";  // one character of three bytes across the limit of 250
  EXPECT_EQ(status_line(korean), std::string(249, 'x'));
  EXPECT_EQ(status_line(std::string(250, 'y')).size(), 250U);
}

// Goal: a stream of no market is named by its type alone.
TEST(SessionStatusText, stream_without_market_is_its_type) {
  EXPECT_EQ(stream_line("no data yet: ",
                        {unbound(EventKind::my_asset), unbound(EventKind::my_order, "KRW-BTC")}),
            "no data yet: myAsset, KRW-BTC myOrder");
}

// Goal: any number of missing streams fits, with all of them counted.
TEST(SessionStatusText, missing_streams_are_listed_and_counted) {
  EXPECT_EQ(stream_line("no data yet: ", {kBtc, book("KRW-ETH", 1, 15, "100"),
                                          candle(CandleUnit::m240, "KRW-XRP", 2)}),
            "no data yet: KRW-BTC ticker, KRW-ETH orderbook.15 level 100, KRW-XRP candle.240m");
  for (std::size_t count = 1; count < 100; ++count) {
    const WantedSet missing(count, kBtc);
    const std::string line = stream_line("no data yet: ", missing);
    ASSERT_LE(line.size(), decltype(StatusEvent::text)::capacity());
    std::size_t named = 0;
    for (auto at = line.find("KRW-"); at != std::string::npos; at = line.find("KRW-", at + 1)) {
      ++named;
    }
    const auto tail = line.find(" and ");
    const std::size_t rest = tail == std::string::npos ? 0 : std::stoul(line.substr(tail + 5));
    ASSERT_EQ(named + rest, count) << line;
  }
}

}  // namespace
}  // namespace upfeed::test
