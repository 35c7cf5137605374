// One source at a time: reconnects and their gaps, planned renewals, streams that move between
// connections, and events of no market.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "pipeline_harness.hpp"

namespace upfeed {
namespace {

using detail::Subscription;

/// Everything told, in order, as short text.
struct Told {
  std::vector<std::string> lines;

  Subscription::Callback trades() {
    return TradeCallback([this](const TradeEvent& e) {
      lines.push_back("trade " + std::to_string(e.sequential_id));
    });
  }
  Subscription::Callback tickers() {
    return TickerCallback([this](const TickerEvent& e) {
      lines.push_back("ticker " + std::to_string(e.timestamp.wire()));
    });
  }
  Subscription::Callback books() {
    return OrderbookCallback([this](const OrderbookEvent& e, const Book& book) {
      lines.push_back("book " + std::to_string(e.timestamp.wire()) + " " +
                      std::string(to_string(book.state())));
    });
  }
  Subscription::Callback gaps() {
    return GapCallback([this](const GapEvent& e) {
      lines.push_back("gap " + std::string(to_string(e.gap_kind)) + " " +
                      std::to_string(e.last_sequential_id) + ".." +
                      std::to_string(e.first_sequential_id) + " epoch " +
                      std::to_string(e.epoch_before) + ">" + std::to_string(e.epoch) + " " +
                      std::string(to_string(e.cause)));
    });
  }
};

using Lines = std::vector<std::string>;

// Goal: an outage is told between the last event before and the first after it, with its ids.
// Method: a trade, a loss of the connection, a trade of the next epoch; and of a stream that had
// nothing before, for which there is no gap.
TEST(DispatcherSources, an_outage_is_told_in_order_with_its_bounds) {
  PipelineHarness pipe;
  Told told;
  const auto gaps = pipe.subscribe(EventKind::gap, {}, told.gaps());
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC", "KRW-ETH"}, told.trades());
  const auto books = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, told.books());
  pipe.poll();
  pipe.push(PipelineHarness::trade("KRW-BTC", 7));
  pipe.push(PipelineHarness::book("KRW-BTC", 10, 100));
  pipe.push_status(SessionState::live, SessionState::connecting);
  pipe.epoch = 2;
  pipe.push_status(SessionState::connecting, SessionState::live);
  pipe.push(PipelineHarness::trade("KRW-ETH", 50));
  pipe.push(PipelineHarness::trade("KRW-BTC", 9));
  pipe.push(PipelineHarness::trade("KRW-BTC", 10));
  pipe.push(PipelineHarness::book("KRW-BTC", 11, 100));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 7", "book 10 live", "trade 50",
                               "gap trade 7..9 epoch 1>2 closed_by_peer", "trade 9", "trade 10",
                               "gap orderbook 0..0 epoch 1>2 closed_by_peer", "book 11 live"}));
  EXPECT_EQ(pipe.dispatcher.counters().gaps.get(), 2U);
  EXPECT_EQ(pipe.delivered(EventKind::trade), 4U);
}

// Goal: several lost epochs in a row are one gap, with the first cause. Method: lose twice.
TEST(DispatcherSources, an_outage_of_many_dials_is_one_gap) {
  PipelineHarness pipe;
  Told told;
  const auto gaps = pipe.subscribe(EventKind::gap, {}, told.gaps());
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  pipe.poll();
  pipe.push(PipelineHarness::trade("KRW-BTC", 7));
  pipe.push_status(SessionState::live, SessionState::connecting, StatusCause::silent_peer);
  pipe.epoch = 2;
  pipe.push_status(SessionState::connecting, SessionState::backing_off, StatusCause::tls);
  pipe.epoch = 3;
  pipe.push_status(SessionState::backing_off, SessionState::connecting);
  pipe.push(PipelineHarness::trade("KRW-BTC", 9));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 7", "gap trade 7..9 epoch 1>3 silent_peer", "trade 9"}));
}

// Goal: bytes of an epoch that is over reach nobody. Method: a late trade and book of epoch 1
// behind those of epoch 2.
TEST(DispatcherSources, an_old_epoch_is_not_delivered) {
  PipelineHarness pipe;
  Told told;
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  const auto books = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, told.books());
  pipe.poll();
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 8));
  pipe.push(PipelineHarness::book("KRW-BTC", 10, 100));
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 9));
  pipe.push(PipelineHarness::book("KRW-BTC", 11, 200));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 8", "book 10 live"}));
  EXPECT_EQ(pipe.dispatcher.counters().superseded[1].get(), 1U);
  EXPECT_EQ(pipe.dispatcher.counters().superseded[2].get(), 1U);
  EXPECT_EQ(pipe.dispatcher.counters().book_faults.get(), 0U);
}

// Goal: a planned renewal loses no trade, repeats none, and takes no book back. Method: two epochs
// interleaved, each with what the other has and has not.
TEST(DispatcherSources, a_renewal_loses_and_repeats_nothing) {
  PipelineHarness pipe;
  Told told;
  const auto gaps = pipe.subscribe(EventKind::gap, {}, told.gaps());
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  const auto books = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, told.books());
  pipe.poll();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push(PipelineHarness::book("KRW-BTC", 10, 100));
  pipe.push_status(SessionState::live, SessionState::live, StatusCause::renewed);
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 3, "SNAPSHOT"));
  pipe.push(PipelineHarness::book("KRW-BTC", 9, 50, 5, "SNAPSHOT"));  // older than what is known
  pipe.push(PipelineHarness::book("KRW-BTC", 12, 120, 5));
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));
  pipe.push(PipelineHarness::book("KRW-BTC", 13, 130));  // the younger one speaks now
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));
  pipe.push(PipelineHarness::trade("KRW-BTC", 5));
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 6));
  pipe.epoch = 2;
  pipe.push_status(SessionState::connecting, SessionState::live, StatusCause::renewed);
  pipe.push(PipelineHarness::trade("KRW-BTC", 6));  // had come of the older one already
  pipe.push(PipelineHarness::trade("KRW-BTC", 7));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 1", "book 10 live", "trade 2", "trade 3", "book 12 live",
                               "trade 4", "trade 5", "trade 6", "trade 7"}));
}

// Goal: a stream that moves is asked of the new connection first and dropped by the old one only
// after the new one has spoken for a second. Method: reshard, look into both mailboxes at each
// step.
TEST(DispatcherSources, a_stream_moves_without_a_hole) {
  PipelineHarness pipe(64U << 10U, 256, {.connections = 1}, 2);
  Told told;
  const auto gaps = pipe.subscribe(EventKind::gap, {}, told.gaps());
  const auto trades =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades(), StreamMode::realtime_only);
  const auto tickers = pipe.subscribe(EventKind::ticker, {"KRW-BTC"}, told.tickers());
  pipe.poll();
  EXPECT_EQ(pipe.wanted(0).size(), 2U);
  pipe.received_mono = mono_now();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push(PipelineHarness::ticker("KRW-BTC", 5));
  pipe.poll();

  // Dealt by type to two, tickers stay on the first and trades go to the second.
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::type}});
  pipe.poll();
  EXPECT_EQ(pipe.changed, 0b10U);
  const WantedSet moved = pipe.wanted(1);
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_EQ(moved[0].kind, EventKind::trade);
  EXPECT_EQ(moved[0].mode, StreamMode::both);  // its snapshot shows that it is carried
  EXPECT_EQ(pipe.dispatcher.plan().size(), 3U);

  pipe.connection = 1;
  pipe.epoch = 9;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2, "SNAPSHOT"));
  pipe.connection = 0;
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.connection = 1;
  pipe.epoch = 9;
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));
  pipe.poll();
  EXPECT_EQ(pipe.changed, 0U);  // the old connection is not told yet
  pipe.received_mono = MonoTime{};
  pipe.drain();
  // A realtime_only client is shown no snapshots, but this one is news to it.
  EXPECT_EQ(told.lines, (Lines{"trade 1", "ticker 5", "trade 2", "trade 3", "trade 4"}));

  // The overlap is over when a second has passed since the new connection spoke.
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::type}});
  EXPECT_TRUE(pipe.dispatcher.has_timers());
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  pipe.poll();
  EXPECT_FALSE(pipe.dispatcher.has_timers());
  EXPECT_EQ(pipe.changed, 0b01U);
  const WantedSet left = pipe.wanted(0);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].kind, EventKind::ticker);
  pipe.connection = 0;
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));  // a leftover
  pipe.connection = 1;
  pipe.epoch = 9;
  pipe.push(PipelineHarness::trade("KRW-BTC", 5));
  pipe.drain();
  EXPECT_EQ(told.lines.back(), "trade 5");
  EXPECT_EQ(told.lines.size(), 6U);
}

// Goal: a stream that has sent nothing yet is not dropped by its connection when it moves, for its
// first event may be under way. Method: reshard before any event; the first comes from the old one.
TEST(DispatcherSources, a_stream_that_was_silent_so_far_moves_without_a_hole) {
  PipelineHarness pipe(64U << 10U, 256, {.connections = 1}, 2);
  Told told;
  const auto trades =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades(), StreamMode::realtime_only);
  pipe.poll();
  static_cast<void>(pipe.wanted(0));
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::type}});
  pipe.poll();
  EXPECT_EQ(pipe.changed, 0b10U);  // the old connection keeps it
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.connection = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2, "SNAPSHOT"));
  pipe.connection = 0;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 1", "trade 2"}));
}

// Goal: a stream that moves twice before its first event is not dropped by the connection that was
// asked first, and moved back, stays there. Method: reshard three times without an event.
TEST(DispatcherSources, a_stream_that_was_silent_so_far_may_move_twice) {
  for (const bool back : {false, true}) {
    PipelineHarness pipe(64U << 10U, 256, {.connections = 1}, 4);
    Told told;
    const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
    pipe.poll();
    const auto reshard = [&](std::uint32_t connections, ShardBy by) {
      pipe.dispatcher.submit({.sharding = Sharding{.connections = connections, .by = by}});
      pipe.poll();
    };
    reshard(2, ShardBy::type);
    const std::uint32_t second = pipe.dispatcher.plan().back().connection;
    ASSERT_EQ(second, 1U);
    if (back) {
      reshard(1, ShardBy::type);
      ASSERT_EQ(pipe.dispatcher.plan().size(), 1U);
      EXPECT_EQ(pipe.dispatcher.plan()[0].connection, 0U);
      continue;
    }
    for (std::uint32_t n = 3; n <= 4 && pipe.dispatcher.plan().back().connection < 2; ++n) {
      reshard(n, ShardBy::market);
    }
    ASSERT_GE(pipe.dispatcher.plan().back().connection, 2U) << "it moves to a third connection";
    EXPECT_EQ(pipe.dispatcher.plan().front().connection, 0U) << "the first one still carries it";
  }
}

// Goal: a renewal that begins while a stream moves to that connection outlasts the move, and loses
// and repeats nothing. Method: reshard, begin the renewal, end the move; then two epochs, of which
// the younger one is ahead by one trade and behind by another.
TEST(DispatcherSources, a_renewal_that_begins_within_a_move_loses_and_repeats_nothing) {
  PipelineHarness pipe(64U << 10U, 256, {.connections = 1}, 2);
  Told told;
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  pipe.poll();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.poll();
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::type}});
  pipe.poll();
  pipe.received_mono = mono_now();
  pipe.connection = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2, "SNAPSHOT"));
  pipe.push_status(SessionState::live, SessionState::live, StatusCause::renewed);
  pipe.poll();
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  pipe.poll();
  ASSERT_FALSE(pipe.dispatcher.has_timers());  // the move is over
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 3, "SNAPSHOT"));
  pipe.push(PipelineHarness::trade("KRW-BTC", 6));
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 5));
  pipe.push(PipelineHarness::trade("KRW-BTC", 6));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 1", "trade 2", "trade 3", "trade 4", "trade 6", "trade 5"}));
}

// Goal: a renewal of the connection a stream moves away from does not end the move. Method: the
// renewed one speaks, a second passes; the new one has said nothing.
TEST(DispatcherSources, a_move_outlasts_a_renewal_of_the_former_connection) {
  PipelineHarness pipe(64U << 10U, 256, {.connections = 1}, 2);
  Told told;
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  pipe.poll();
  static_cast<void>(pipe.wanted(0));
  pipe.received_mono = mono_now();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push_status(SessionState::live, SessionState::live, StatusCause::renewed);
  pipe.poll();
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::type}});
  pipe.poll();
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2, "SNAPSHOT"));
  pipe.push_status(SessionState::connecting, SessionState::live, StatusCause::renewed);
  pipe.poll();
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  pipe.poll();
  EXPECT_TRUE(pipe.dispatcher.has_timers());
  EXPECT_EQ(pipe.changed, 0U);  // the former connection keeps it
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 1", "trade 2", "trade 3"}));
}

// Goal: pinned streams stay where they are. Method: pin, reshard.
TEST(DispatcherSources, a_pinned_stream_stays) {
  PipelineHarness pipe(64U << 10U, 256, {.connections = 2, .by = ShardBy::type});
  Told told;
  const auto trades =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades(), StreamMode::both, 30, 0);
  pipe.poll();
  EXPECT_EQ(pipe.wanted(0).size(), 1U);
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::market}});
  pipe.dispatcher.submit({.sharding = Sharding{.connections = 2, .by = ShardBy::type}});
  pipe.poll();
  EXPECT_EQ(pipe.changed, 0U);
}

// Goal: losing one connection touches only its own streams. Method: two books on two connections,
// one connection lost.
TEST(DispatcherSources, a_lost_connection_takes_only_its_own_books) {
  PipelineHarness pipe(64U << 10U, 256, {.connections = 2});
  Told told;
  const auto a =
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, told.books(), StreamMode::both, 30, 0);
  const auto b =
      pipe.subscribe(EventKind::orderbook, {"KRW-ETH"}, told.books(), StreamMode::both, 30, 1);
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100));
  pipe.connection = 1;
  pipe.push(PipelineHarness::book("KRW-ETH", 2, 100));
  pipe.push_status(SessionState::live, SessionState::connecting);
  pipe.connection = 0;
  pipe.push(PipelineHarness::book("KRW-BTC", 3, 100));
  pipe.drain();
  const auto gaps = pipe.subscribe(EventKind::gap, {}, told.gaps());
  pipe.poll();
  pipe.connection = 1;
  pipe.epoch = 2;
  pipe.push(PipelineHarness::book("KRW-ETH", 4, 100));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"book 1 live", "book 2 live", "book 3 live",
                               "gap orderbook 0..0 epoch 1>2 closed_by_peer", "book 4 live"}));
}

// Goal: in a replay nobody knows the plan: a stream moves to the connection that begins to send it,
// and back with a snapshot; nothing is lost, repeated or taken back, whatever the connections'
// numbers. Method: two connections that no plan has interleaved; a client that comes meanwhile.
TEST(DispatcherSources, a_recorded_move_is_told_by_its_events) {
  PipelineHarness pipe;
  detail::ReplayClock now{0};
  pipe.dispatcher.replay_into(now, 64);
  Told told;
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  const auto books = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, told.books());
  pipe.poll();
  const auto speak = [&pipe](std::uint32_t connection, std::uint32_t epoch) {
    pipe.connection = connection;
    pipe.epoch = epoch;
  };
  speak(33, 5);
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push(PipelineHarness::book("KRW-BTC", 10, 100));
  speak(40, 2);
  pipe.push(PipelineHarness::book("KRW-BTC", 9, 90, 5, "SNAPSHOT"));  // older than what is known
  pipe.push(PipelineHarness::trade("KRW-BTC", 2, "SNAPSHOT"));
  speak(33, 5);
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.push(PipelineHarness::book("KRW-BTC", 11, 110));
  speak(40, 2);
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));
  pipe.push(PipelineHarness::book("KRW-BTC", 12, 120));
  speak(33, 5);
  pipe.push(PipelineHarness::book("KRW-BTC", 13, 130));  // the other one speaks now
  pipe.drain();
  const auto tickers = pipe.subscribe(EventKind::ticker, {"KRW-BTC"}, told.tickers());
  pipe.poll();
  EXPECT_EQ(pipe.changed, 0U);  // there is nobody to ask
  pipe.push(PipelineHarness::trade("KRW-BTC", 4, "SNAPSHOT"));
  pipe.push(PipelineHarness::book("KRW-BTC", 14, 140, 5, "SNAPSHOT"));
  pipe.push(PipelineHarness::trade("KRW-BTC", 5));
  speak(40, 2);
  pipe.push(PipelineHarness::trade("KRW-BTC", 5));
  pipe.push(PipelineHarness::trade("KRW-BTC", 6));
  pipe.push(PipelineHarness::book("KRW-BTC", 15, 150));
  pipe.push(PipelineHarness::ticker("KRW-BTC", 7));
  pipe.drain();
  EXPECT_EQ(told.lines,
            (Lines{"trade 1", "book 10 live", "trade 2", "trade 3", "book 11 live", "trade 4",
                   "book 12 live", "book 14 live", "trade 5", "trade 6", "ticker 7"}));
  EXPECT_EQ(now.load(), static_cast<std::int64_t>(pipe.frames));
}

// Goal: a realtime_only client is shown the snapshot with which a recorded move brings news, as it
// was live, and that of a reconnect long after only where it ends a gap, whose bounds it is not in.
// Method: a move; two lost connections later; the second snapshot brings nothing new.
TEST(DispatcherSources, a_recorded_move_ends_with_the_next_life_of_its_connection) {
  PipelineHarness pipe;
  detail::ReplayClock now{0};
  pipe.dispatcher.replay_into(now, 64);
  Told told;
  const auto trades =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades(), StreamMode::realtime_only);
  pipe.poll();
  pipe.received_mono = MonoTime{1'000'000'000};
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.connection = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2, "SNAPSHOT"));
  pipe.received_mono = MonoTime{6'000'000'000};
  pipe.push_status(SessionState::live, SessionState::connecting);
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 3, "SNAPSHOT"));
  pipe.push(PipelineHarness::trade("KRW-BTC", 4));
  pipe.push_status(SessionState::live, SessionState::connecting);
  pipe.epoch = 3;
  pipe.push(PipelineHarness::trade("KRW-BTC", 4, "SNAPSHOT"));
  pipe.push(PipelineHarness::trade("KRW-BTC", 5));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 1", "trade 2", "trade 3", "trade 4", "trade 5"}));
}

// Goal: a replay may have more connections than any plan, and renewals of each. Method: one of
// connection 63; what both lives bring is told once.
TEST(DispatcherSources, a_recorded_renewal_of_any_connection_repeats_nothing) {
  PipelineHarness pipe;
  detail::ReplayClock now{0};
  pipe.dispatcher.replay_into(now, 64);
  Told told;
  const auto trades = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, told.trades());
  pipe.poll();
  pipe.connection = 63;
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push_status(SessionState::live, SessionState::live, StatusCause::renewed);
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-BTC", 1, "SNAPSHOT"));
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.epoch = 1;
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.drain();
  EXPECT_EQ(told.lines, (Lines{"trade 1", "trade 2", "trade 3"}));
}

std::string my_order(std::string_view code) {
  return R"({"type":"myOrder","code":")" + std::string(code) +
         R"(","uuid":"ac2dc2a3-fce9-40a2-a4f6-5987c25c438f","ask_bid":"BID","order_type":"limit",)"
         R"("state":"wait","price":1000,"volume":0.5,"timestamp":1788335180423,)"
         R"("stream_type":"REALTIME"})";
}

// Goal: own orders go to those who want them, of all markets or of some; balances to all. Method:
// three subscriptions, two orders, one of a market nobody subscribed anything of.
TEST(DispatcherSources, account_events_find_their_listeners) {
  PipelineHarness pipe;
  std::vector<std::string> all;
  std::vector<std::string> some;
  const auto a = pipe.subscribe(
      EventKind::my_order, {},
      MyOrderCallback([&](const MyOrderEvent& e) { all.emplace_back(e.code.view()); }));
  const auto b = pipe.subscribe(
      EventKind::my_order, {"KRW-BTC"},
      MyOrderCallback([&](const MyOrderEvent& e) { some.emplace_back(e.code.view()); }));
  pipe.poll();
  const WantedSet wanted = pipe.wanted(1);  // private, behind the one public connection
  ASSERT_EQ(wanted.size(), 1U);             // all of them cover the others
  EXPECT_TRUE(wanted[0].code.view().empty());
  pipe.connection = 1;
  pipe.push(my_order("KRW-BTC"));
  pipe.push(my_order("KRW-XRP"));
  pipe.drain();
  EXPECT_EQ(all, (std::vector<std::string>{"KRW-BTC", "KRW-XRP"}));
  EXPECT_EQ(some, (std::vector<std::string>{"KRW-BTC"}));
  pipe.unsubscribe(a);
  pipe.poll();
  ASSERT_EQ(pipe.wanted(1).size(), 1U);
  EXPECT_EQ(pipe.delivered(EventKind::my_order), 2U);
}

}  // namespace
}  // namespace upfeed
