// Streams that are lost while their connection lives: their gaps, and trades that wait because
// nobody knows yet whether those before them were missed.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline_harness.hpp"

namespace upfeed {
namespace {

using detail::Subscription;
using Lines = std::vector<std::string>;

/// A pipeline whose trades, gaps and losses of one market are told in order, as short text.
struct Told {
  explicit Told(StreamMode mode = StreamMode::both) {
    keep.push_back(pipe.subscribe(EventKind::gap, {}, GapCallback([this](const GapEvent& e) {
                                    gap = e;
                                    lines.push_back("gap " + std::to_string(e.last_sequential_id) +
                                                    ".." + std::to_string(e.first_sequential_id) +
                                                    " epoch " + std::to_string(e.epoch_before) +
                                                    ">" + std::to_string(e.epoch) + " " +
                                                    std::string(to_string(e.cause)));
                                  })));
    keep.push_back(pipe.subscribe(EventKind::status, {}, StatusCallback([this](const auto& e) {
                                    lines.push_back(std::string(to_string(e.cause)));
                                  })));
    keep.push_back(pipe.subscribe(EventKind::trade, {"KRW-BTC"},
                                  TradeCallback([this](const TradeEvent& e) {
                                    lines.push_back(std::to_string(e.sequential_id));
                                  }),
                                  mode));
    pipe.poll();
  }
  void realtime(std::uint64_t id) { pipe.push(PipelineHarness::trade("KRW-BTC", id)); }
  void snapshot(std::uint64_t id) { pipe.push(PipelineHarness::trade("KRW-BTC", id, "SNAPSHOT")); }
  void lost() { pipe.push_lost(EventKind::trade, "KRW-BTC"); }
  Lines take() {
    pipe.drain();
    return std::exchange(lines, {});
  }
  void expect_all_counted() {
    const auto& trades = pipe.stream(EventKind::trade);
    EXPECT_EQ(trades.received.get(),
              pipe.delivered(EventKind::trade) + pipe.dispatcher.counters().superseded[1].get());
  }

  PipelineHarness pipe;
  Lines lines;
  GapEvent gap;
  std::vector<std::shared_ptr<Subscription>> keep;
};

// Goal: a stream that is lost alone has a gap like one whose connection is lost, with its ids, its
// start and its cause; later losses have gaps of their own. Method: loss told before the stream is
// asked for again, as a list of subscriptions tells it.
TEST(DispatcherSilence, a_lost_stream_has_a_gap_with_its_bounds) {
  Told told;
  told.realtime(7);
  EXPECT_EQ(told.take(), (Lines{"7"}));
  told.lost();
  EXPECT_EQ(told.take(), (Lines{"stream_silent"}));
  told.snapshot(9);
  told.realtime(10);
  EXPECT_EQ(told.take(), (Lines{"gap 7..9 epoch 1>1 stream_silent", "9", "10"}));
  EXPECT_EQ(told.gap.started_mono.ns, 1);
  EXPECT_EQ(told.gap.lost_mono.ns, 1);
  EXPECT_EQ(told.gap.ended_mono.ns, 2);
  EXPECT_EQ(told.gap.gap_kind, EventKind::trade);
  told.pipe.push_lost(EventKind::trade, "KRW-BTC", 0, "0", StatusCause::audit_mismatch);
  told.realtime(12);
  EXPECT_EQ(told.take(), (Lines{"audit_mismatch", "gap 10..12 epoch 1>1 audit_mismatch", "12"}));
  EXPECT_EQ(told.pipe.dispatcher.counters().gaps.get(), 2U);
  told.expect_all_counted();
}

// Goal: where the answer to a probe is what proves the loss, the gap is told behind the loss and in
// front of that answer; what answers in between have shown comes within it. All of it reaches a
// client of realtime frames, too. Method: one or two newer snapshots in front of the loss.
TEST(DispatcherSilence, an_answer_that_shows_the_loss_comes_behind_its_gap) {
  for (const StreamMode mode : {StreamMode::both, StreamMode::realtime_only}) {
    Told told(mode);
    told.realtime(7);
    told.snapshot(9);
    EXPECT_EQ(told.take(), (Lines{"7"})) << "in doubt";
    told.lost();
    EXPECT_EQ(told.take(), (Lines{"stream_silent", "gap 7..9 epoch 1>1 stream_silent", "9"}));
    told.realtime(10);
    told.snapshot(12);
    told.snapshot(14);
    told.lost();
    EXPECT_EQ(told.take(),
              (Lines{"10", "stream_silent", "gap 10..14 epoch 1>1 stream_silent", "12", "14"}));
    told.realtime(14);  // late
    told.realtime(15);
    EXPECT_EQ(told.take(), (Lines{"15"}));
    told.expect_all_counted();
  }
}

// Goal: a snapshot with news that hides nothing loses, repeats and reorders nothing. Method: a
// table of what may follow it.
TEST(DispatcherSilence, news_of_a_snapshot_that_hide_nothing_are_told_once_and_in_order) {
  for (const StreamMode mode : {StreamMode::both, StreamMode::realtime_only}) {
    Told overtaken(mode);
    overtaken.realtime(7);
    overtaken.snapshot(8);
    overtaken.realtime(8);
    EXPECT_EQ(overtaken.take(), (Lines{"7", "8"}));
    overtaken.expect_all_counted();

    Told far_overtaken(mode);
    far_overtaken.realtime(7);
    far_overtaken.snapshot(9);
    far_overtaken.realtime(8);
    far_overtaken.realtime(9);
    EXPECT_EQ(far_overtaken.take(), (Lines{"7", "8", "9"}));
    far_overtaken.expect_all_counted();

    Told swallowed(mode);
    swallowed.realtime(7);
    swallowed.snapshot(8);
    swallowed.realtime(9);
    swallowed.realtime(8);  // not swallowed after all
    swallowed.realtime(10);
    EXPECT_EQ(swallowed.take(), (Lines{"7", "8", "9", "10"}));
    swallowed.expect_all_counted();

    Told quiet(mode);
    quiet.realtime(7);
    quiet.snapshot(8);
    EXPECT_EQ(quiet.take(), (Lines{"7"}));
    quiet.snapshot(8);
    EXPECT_EQ(quiet.take(), (Lines{"8"}));
    quiet.snapshot(8);
    quiet.realtime(9);
    EXPECT_EQ(quiet.take(), (Lines{"9"}));
    quiet.expect_all_counted();
  }
}

// Goal: in a replay a doubt ends by recorded time, in its place between the other events, whatever
// the speed. Method: a day's worth of recorded seconds at once; events of another stream before and
// behind the time.
TEST(DispatcherSilence, a_doubt_ends_by_recorded_time_in_a_replay) {
  Told told;
  detail::ReplayClock clock{0};
  told.pipe.dispatcher.replay_into(clock, 32);
  told.keep.push_back(
      told.pipe.subscribe(EventKind::ticker, {"KRW-BTC"}, TickerCallback([&](const TickerEvent& e) {
                            told.lines.push_back("ticker " + std::to_string(e.timestamp.wire()));
                          })));
  told.pipe.poll();
  const auto at = [&told](std::int64_t second) {
    told.pipe.received_mono = MonoTime{second * 1'000'000'000};
  };
  at(1'000);
  told.realtime(7);
  at(1'001);
  told.snapshot(9);
  for (const std::int64_t second : {1'002, 1'015, 1'016, 1'017}) {
    at(second);
    told.pipe.push(PipelineHarness::ticker("KRW-BTC", second));
  }
  EXPECT_EQ(told.take(),
            (Lines{"7", "ticker 1002", "ticker 1015", "9", "ticker 1016", "ticker 1017"}));
  at(1'018);
  told.realtime(9);  // its own frame, late
  told.realtime(10);
  EXPECT_EQ(told.take(), (Lines{"10"}));
  told.expect_all_counted();
}

// Goal: what was in doubt when its connection ended is told within the gap of that outage, and when
// the feed ends, before it ends. Method: a newer snapshot, then the end; the next epoch shows more,
// or the same.
TEST(DispatcherSilence, what_is_in_doubt_at_the_end_of_a_connection_is_not_lost) {
  for (const std::uint64_t next : {12U, 8U}) {
    Told told;
    told.realtime(7);
    told.snapshot(8);
    told.pipe.push_status(SessionState::live, SessionState::connecting, StatusCause::stream_silent);
    told.pipe.epoch = 2;
    told.snapshot(next);
    const std::string gap = "gap 7.." + std::to_string(next) + " epoch 1>2 stream_silent";
    EXPECT_EQ(told.take(), (next == 8 ? Lines{"7", "stream_silent", gap, "8"}
                                      : Lines{"7", "stream_silent", gap, "8", "12"}));
    told.expect_all_counted();
  }
  for (const StatusCause cause : {StatusCause::requested, StatusCause::end_of_capture}) {
    Told told;
    told.realtime(7);
    told.snapshot(8);
    told.pipe.push_status(SessionState::live, SessionState::stopped, cause);
    EXPECT_EQ(told.take(), (Lines{"7", "8", std::string(to_string(cause))}));
    told.expect_all_counted();
  }
  Told within;  // the outage never ends
  within.realtime(7);
  within.snapshot(8);
  within.pipe.push_status(SessionState::live, SessionState::connecting);
  within.pipe.push_status(SessionState::connecting, SessionState::stopped, StatusCause::requested);
  EXPECT_EQ(within.take(),
            (Lines{"7", "closed_by_peer", "gap 7..8 epoch 1>1 closed_by_peer", "8", "requested"}));
  within.expect_all_counted();
  Told left;
  left.realtime(7);
  left.snapshot(8);
  left.take();
  left.pipe.unsubscribe(left.keep.back());
  left.pipe.poll();
  left.expect_all_counted();
}

// Goal: an exchange that only sends snapshots is not waited for without end. Method: more of them
// than may be in doubt.
TEST(DispatcherSilence, doubts_are_bounded) {
  Told told;
  told.realtime(1);
  for (std::uint64_t id = 2; id <= 40; ++id) told.snapshot(id);
  EXPECT_EQ(told.take().size(), 33U) << "the rest waits";
  EXPECT_TRUE(told.pipe.dispatcher.has_timers());
}

// Goal: a loss touches the lost book alone, which is not live until its next frame, and that frame
// alone ends the gap. Method: two levels of one market; the grouped one is lost.
TEST(DispatcherSilence, a_lost_book_is_stale_until_its_next_frame) {
  PipelineHarness pipe;
  Lines lines;
  const auto gaps = pipe.subscribe(EventKind::gap, {}, GapCallback([&](const GapEvent& e) {
                                     lines.push_back("gap " + e.level.to_string());
                                     EXPECT_EQ(e.started_mono.ns, 2);
                                   }));
  const auto subscribe = [&](std::string_view level) {
    auto subscription = std::make_shared<Subscription>();
    subscription->kind = EventKind::orderbook;
    subscription->level = *Decimal::parse(level);
    subscription->codes = {*MarketCode::parse("KRW-BTC")};
    subscription->markets = {pipe.markets.intern(subscription->codes[0])};
    subscription->served.resize(1);
    subscription->shared = std::make_shared<SharedBook>();
    subscription->callback = OrderbookCallback([&](const OrderbookEvent& e, const Book&) {
      lines.push_back(e.level.to_string() + " " + std::to_string(e.timestamp.wire()));
    });
    pipe.dispatcher.submit({subscription, true});
    return subscription;
  };
  const auto plain = subscribe("0");
  const auto grouped = subscribe("10000");
  pipe.poll();
  const auto state = [](const auto& subscription) { return subscription->shared->read()->state(); };
  pipe.push(PipelineHarness::book("KRW-BTC", 10, 100));
  pipe.push(PipelineHarness::book("KRW-BTC", 11, 100, 5, "REALTIME", "10000"));
  pipe.push_lost(EventKind::orderbook, "KRW-BTC", 0, "10000");
  pipe.drain();
  EXPECT_EQ(state(plain), BookState::live);
  EXPECT_EQ(state(grouped), BookState::stale);
  EXPECT_EQ(grouped->shared->read()->fault(), BookFault::silent);
  pipe.push(PipelineHarness::book("KRW-BTC", 12, 100));
  pipe.push(PipelineHarness::book("KRW-BTC", 13, 100, 5, "SNAPSHOT", "10000"));
  pipe.drain();
  EXPECT_EQ(state(grouped), BookState::live);
  EXPECT_EQ(lines, (Lines{"0 10", "10000 11", "0 12", "gap 10000", "10000 13"}));
}

// Goal: values are not held back, and their outage begins before the answer that showed it. Method:
// a ticker whose newer snapshot comes first, then the loss.
TEST(DispatcherSilence, an_outage_of_values_begins_at_their_last_sign_of_life) {
  PipelineHarness pipe;
  Lines lines;
  const auto gaps = pipe.subscribe(
      EventKind::gap, {}, GapCallback([&](const GapEvent& e) {
        lines.push_back(std::to_string(e.started_mono.ns) + ".." + std::to_string(e.ended_mono.ns));
      }));
  const auto tickers =
      pipe.subscribe(EventKind::ticker, {"KRW-BTC"}, TickerCallback([&](const TickerEvent& e) {
                       lines.push_back("ticker " + std::to_string(e.timestamp.wire()));
                     }));
  pipe.poll();
  pipe.received_mono = MonoTime{100};
  pipe.push(PipelineHarness::ticker("KRW-BTC", 5));
  pipe.received_mono = MonoTime{160};
  pipe.push(PipelineHarness::ticker("KRW-BTC", 6, "SNAPSHOT"));
  pipe.drain();
  EXPECT_EQ(lines, (Lines{"ticker 5", "ticker 6"}));
  pipe.push_lost(EventKind::ticker, "KRW-BTC", 60);
  pipe.received_mono = MonoTime{170};
  pipe.push(PipelineHarness::ticker("KRW-BTC", 7));
  pipe.drain();
  EXPECT_EQ(lines, (Lines{"ticker 5", "ticker 6", "100..170", "ticker 7"}));
}

// Goal: a loss that its connection alone saw is none where another connection carries the stream
// now. Method: a stream that has moved; the old connection tells the loss.
TEST(DispatcherSilence, a_loss_on_a_former_connection_is_no_gap) {
  Told told;
  told.realtime(7);
  told.pipe.epoch = 2;
  told.snapshot(8);
  told.pipe.epoch = 1;
  told.lost();
  told.pipe.epoch = 2;
  told.realtime(9);
  EXPECT_EQ(told.take(), (Lines{"7", "8", "stream_silent", "9"}));
}

// Goal: with several rings, a record that waits for its gap is the next one, too. Method: the last
// record of a ring's turn ends a gap while the other ring holds an event of a former epoch.
TEST(DispatcherSilence, the_record_behind_a_gap_comes_before_another_ring) {
  PipelineHarness pipe;
  SpscRing other_ring(64U << 10U, kEventBytesMax);
  IntakeCounters other_counters;
  Outlet other_outlet(other_ring, other_counters, 256);
  const detail::ConnectionPlan plan(pipe.config);
  std::vector<detail::WantedMailbox> mailboxes(plan.count());
  detail::Dispatcher dispatcher(pipe.markets, {&pipe.ring, &other_ring}, plan, mailboxes, false);
  Lines lines;
  const auto subscribe = [&](EventKind kind, const char* code, Subscription::Callback callback) {
    auto subscription = std::make_shared<Subscription>();
    subscription->kind = kind;
    subscription->callback = std::move(callback);
    if (is_market_stream(kind)) {
      subscription->codes = {*MarketCode::parse(code)};
      subscription->markets = {pipe.markets.intern(subscription->codes[0])};
    }
    subscription->served.resize(subscription->codes.size());
    dispatcher.submit({subscription, true});
    return subscription;
  };
  const auto push_late = [&] {
    TradeEvent late;
    late.size_bytes = sizeof late;
    late.kind = EventKind::trade;
    late.stream_type = StreamType::realtime;
    late.epoch = 1;
    late.code = *MarketCode::parse("KRW-ETH");
    late.market = pipe.markets.find(late.code);
    late.sequential_id = 4;
    std::byte* room = other_outlet.claim(sizeof late).data();
    std::memcpy(room, static_cast<const void*>(&late), sizeof late);
    other_outlet.commit(*std::launder(reinterpret_cast<EventHeader*>(room)));
  };
  const auto note = [&](const TradeEvent& e) {
    lines.push_back(std::string(e.code.view()) + " " + std::to_string(e.sequential_id));
    if (e.sequential_id == 62) push_late();
  };
  const auto btc = subscribe(EventKind::trade, "KRW-BTC", TradeCallback(note));
  const auto eth = subscribe(EventKind::trade, "KRW-ETH", TradeCallback(note));
  const auto gaps =
      subscribe(EventKind::gap, "", GapCallback([&](const GapEvent&) { lines.push_back("gap"); }));
  const auto poll = [&] {
    static_cast<void>(dispatcher.begin_poll());
    while (dispatcher.next().event != nullptr) dispatcher.finish();
    dispatcher.end_poll();
  };
  pipe.epoch = 2;
  pipe.push(PipelineHarness::trade("KRW-ETH", 5));
  pipe.epoch = 1;
  poll();
  for (std::uint64_t id = 1; id <= 62; ++id) pipe.push(PipelineHarness::trade("KRW-BTC", id));
  pipe.push_lost(EventKind::trade, "KRW-BTC");
  pipe.push(PipelineHarness::trade("KRW-BTC", 70));  // the 64th record of the ring's turn
  poll();
  ASSERT_GE(lines.size(), 3U);
  EXPECT_EQ(Lines(lines.end() - 3, lines.end()), (Lines{"KRW-BTC 62", "gap", "KRW-BTC 70"}));
  EXPECT_EQ(lines.size(), 1U + 62 + 2);
}

}  // namespace
}  // namespace upfeed
