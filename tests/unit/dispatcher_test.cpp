#include "dispatcher.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "pipeline_harness.hpp"

namespace {

using namespace upfeed;

using Times = std::vector<std::int64_t>;

OrderbookCallback note_times(Times& times) {
  return OrderbookCallback([&times](const OrderbookEvent& event, const Book&) {
    times.push_back(event.timestamp.wire());
  });
}

// Goal: a client of fewer units gets event and book cut to them, another one the whole. Method: two
// subscriptions of one code, one frame of 30 units.
TEST(Dispatcher, each_client_sees_the_units_it_asked_for) {
  PipelineHarness pipe;
  std::size_t units_small = 0;
  std::size_t units_large = 0;
  std::size_t levels_small = 0;
  const auto small =
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"},
                     OrderbookCallback([&](const OrderbookEvent& event, const Book& book) {
                       units_small = event.units().size();
                       levels_small = book.ask_count();
                       EXPECT_EQ(event.size_bytes, OrderbookEvent::record_bytes(5, false));
                     }),
                     StreamMode::both, 5);
  const auto large =
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"},
                     OrderbookCallback([&](const OrderbookEvent& event, const Book&) {
                       units_large = event.units().size();
                     }));
  pipe.poll();
  ASSERT_TRUE(pipe.wanted_changed);
  const WantedSet wanted = pipe.wanted();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].units, 30);
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100, 30));
  pipe.drain();
  EXPECT_EQ(units_small, 5U);
  EXPECT_EQ(levels_small, 5U);
  EXPECT_EQ(units_large, 30U);
}

// Goal: different price groupings are different books. Method: frames of both levels.
TEST(Dispatcher, levels_are_different_books) {
  PipelineHarness pipe;
  Times plain;
  Times grouped;
  const auto a = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(plain));
  auto subscription = std::make_shared<detail::Subscription>();
  subscription->kind = EventKind::orderbook;
  subscription->level = *Decimal::parse("10000");
  subscription->callback = note_times(grouped);
  subscription->codes = a->codes;
  subscription->markets = a->markets;
  subscription->served.resize(1);
  pipe.dispatcher.submit({subscription, true});
  pipe.poll();
  EXPECT_EQ(pipe.wanted().size(), 2U);
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100));
  pipe.push(PipelineHarness::book("KRW-BTC", 2, 10000, 5, "REALTIME", "10000"));
  pipe.drain();
  EXPECT_EQ(plain, Times{1});
  EXPECT_EQ(grouped, Times{2});
}

// Goal: each mode gets what it promises when the wire carries the union. Method: three clients, a
// snapshot and two changes.
TEST(Dispatcher, modes_are_filtered_per_client) {
  PipelineHarness pipe;
  std::vector<std::uint64_t> both;
  std::vector<std::uint64_t> snapshot;
  std::vector<std::uint64_t> realtime;
  const auto note = [](std::vector<std::uint64_t>& into) {
    return TradeCallback([&into](const TradeEvent& e) { into.push_back(e.sequential_id); });
  };
  const auto a = pipe.subscribe(EventKind::trade, {"KRW-BTC"}, note(both));
  const auto b =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, note(snapshot), StreamMode::snapshot_only);
  const auto c =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, note(realtime), StreamMode::realtime_only);
  pipe.poll();
  const WantedSet wanted = pipe.wanted();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].mode, StreamMode::both);
  pipe.push(PipelineHarness::trade("KRW-BTC", 1, "SNAPSHOT"));
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.push(PipelineHarness::trade("KRW-BTC", 3));
  pipe.drain();
  EXPECT_EQ(both, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(snapshot, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(realtime, (std::vector<std::uint64_t>{2, 3}));
}

// Goal: a late subscriber of a live stream is served from memory at once, marked as such, and no
// fresh snapshot is asked. Method: data first, then the second client.
TEST(Dispatcher, a_late_subscriber_is_served_from_memory) {
  PipelineHarness pipe;
  Times early;
  const auto a = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(early));
  pipe.poll();
  EXPECT_EQ(pipe.wanted().size(), 1U);
  pipe.push(PipelineHarness::book("KRW-BTC", 7, 100, 30, "SNAPSHOT"));
  pipe.drain();
  std::size_t units = 0;
  bool from_memory = false;
  const auto b =
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"},
                     OrderbookCallback([&](const OrderbookEvent& event, const Book& book) {
                       units = event.units().size();
                       from_memory = (event.flags & kFromMemory) != 0;
                       EXPECT_TRUE(book.live());
                       EXPECT_EQ(event.timestamp.wire(), 7);
                       EXPECT_EQ(book.best_bid()->price, Price::from_raw(100 * kFixedScale));
                     }),
                     StreamMode::both, 5);
  pipe.poll();
  EXPECT_EQ(units, 5U);
  EXPECT_TRUE(from_memory);
  EXPECT_FALSE(pipe.wanted_changed);  // nothing more is asked of the exchange
}

// Goal: a value nobody follows is never passed off as current. Method: a snapshot_only subscriber
// holds the stream's only value; a later one waits for a fresh snapshot.
TEST(Dispatcher, a_lone_snapshot_is_not_served_again_from_memory) {
  PipelineHarness pipe;
  Times first;
  Times second;
  const auto a = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(first),
                                StreamMode::snapshot_only);
  pipe.poll();
  const WantedSet before = pipe.wanted();
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100, 30, "SNAPSHOT"));
  pipe.drain();
  const auto b = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(second),
                                StreamMode::snapshot_only);
  pipe.poll();
  EXPECT_EQ(first, Times{1});
  EXPECT_TRUE(second.empty());
  EXPECT_NE(pipe.wanted(), before);
}

// Goal: frames of the request before do not fill a book that asks for more units. Method: 5 units
// flow, 30 are asked; a frame of 5, then one of 30.
TEST(Dispatcher, a_deeper_book_waits_for_deeper_frames) {
  PipelineHarness pipe;
  Times shallow;
  Times deep;
  const auto a =
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(shallow), StreamMode::both, 5);
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100, 5));
  pipe.drain();
  const auto b = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(deep));
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 2, 100, 5));
  pipe.push(PipelineHarness::book("KRW-BTC", 3, 100, 30));
  pipe.drain();
  EXPECT_EQ(shallow, (Times{1, 2, 3}));
  EXPECT_EQ(deep, Times{3});
}

// Goal: a removal that overtakes its subscription leaves nothing behind (the queue keeps no order
// between threads). Method: the removal first.
TEST(Dispatcher, a_removal_before_its_subscription_leaves_no_ghost) {
  PipelineHarness pipe;
  auto subscription = std::make_shared<detail::Subscription>();
  subscription->kind = EventKind::trade;
  subscription->callback = TradeCallback{};
  subscription->codes.push_back(*MarketCode::parse("KRW-BTC"));
  subscription->markets.push_back(pipe.markets.intern(subscription->codes[0]));
  subscription->served.resize(1);
  subscription->alive = false;
  pipe.dispatcher.submit({subscription, false});
  pipe.dispatcher.submit({subscription, true});
  pipe.poll();
  EXPECT_TRUE(pipe.wanted().empty());
}

// Goal: what nobody wanted for a while is not believed afterwards. Method: unsubscribe, subscribe
// again: nothing from memory, and the wanted set asks for a fresh snapshot.
TEST(Dispatcher, a_stream_left_alone_is_forgotten_and_asked_afresh) {
  PipelineHarness pipe;
  Times times;
  const auto a = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(times));
  pipe.poll();
  const WantedSet before = pipe.wanted();
  pipe.push(PipelineHarness::book("KRW-BTC", 7, 100));
  pipe.drain();
  pipe.unsubscribe(a);
  const auto b = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(times));
  pipe.poll();
  EXPECT_EQ(times, Times{7});
  const WantedSet after = pipe.wanted();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_NE(after[0].refresh, before[0].refresh);
}

// Goal: a repeated snapshot (another client's change re-requests every book) reaches nobody twice,
// unless it carries news. Method: the same snapshot again, then one with a change.
TEST(Dispatcher, a_repeated_snapshot_is_no_news) {
  PipelineHarness pipe;
  Times both;
  Times realtime;
  const auto a = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(both));
  const auto b = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, note_times(realtime),
                                StreamMode::realtime_only);
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100, 5, "SNAPSHOT"));
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100, 5, "SNAPSHOT"));
  pipe.push(PipelineHarness::book("KRW-BTC", 2, 101, 5, "SNAPSHOT"));
  pipe.drain();
  EXPECT_EQ(both, (Times{1, 2}));
  EXPECT_EQ(realtime, Times{2});
}

// Goal: the end of a connection takes every book and memory with it; only the new epoch heals.
// Method: end of epoch 1, a late frame of it, then one of epoch 2.
TEST(Dispatcher, a_lost_connection_disconnects_books_until_the_new_epoch) {
  PipelineHarness pipe;
  const Book* book = nullptr;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"},
                     OrderbookCallback([&](const OrderbookEvent&, const Book& b) { book = &b; })));
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 10, 100));
  pipe.push_status(SessionState::live, SessionState::backing_off);
  pipe.drain();
  ASSERT_NE(book, nullptr);
  EXPECT_EQ(book->state(), BookState::disconnected);
  EXPECT_FALSE(book->best_ask().has_value());
  pipe.push(PipelineHarness::book("KRW-BTC", 11, 100));
  pipe.drain();
  EXPECT_EQ(book->state(), BookState::disconnected);
  pipe.epoch = 2;
  pipe.push(PipelineHarness::book("KRW-BTC", 9, 100));
  pipe.drain();
  EXPECT_TRUE(book->live());
}

// Goal: a faulty book is delivered with its flag and the book is not trusted. Method: a crossed
// one.
TEST(Dispatcher, a_crossed_book_is_flagged_and_stale) {
  PipelineHarness pipe;
  bool flagged = false;
  BookState state = BookState::never_seen;
  const auto a = pipe.subscribe(EventKind::orderbook, {"KRW-BTC"},
                                OrderbookCallback([&](const OrderbookEvent& e, const Book& b) {
                                  flagged = (e.flags & kBookFault) != 0;
                                  state = b.state();
                                }));
  pipe.poll();
  std::string crossed = PipelineHarness::book("KRW-BTC", 1, 100, 1);
  crossed.replace(crossed.find("\"ask_price\":101"), 15, "\"ask_price\":099");
  EXPECT_FALSE(pipe.push(crossed).ok()) << "a leading zero is no JSON number";
  crossed.replace(crossed.find("\"ask_price\":099"), 15, "\"ask_price\":99 ");
  ASSERT_TRUE(pipe.push(crossed).ok());
  pipe.drain();
  EXPECT_TRUE(flagged);
  EXPECT_EQ(state, BookState::stale);
  EXPECT_EQ(pipe.dispatcher.counters().book_faults.get(), 1U);
}

// Goal: a callback that throws is contained and counted, the others still run. Method: one thrower.
TEST(Dispatcher, a_throwing_callback_is_contained) {
  PipelineHarness pipe;
  int calls = 0;
  const auto a =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"},
                     TradeCallback([](const TradeEvent&) { throw std::runtime_error("user"); }));
  const auto b = pipe.subscribe(EventKind::trade, {"KRW-BTC"},
                                TradeCallback([&](const TradeEvent&) { ++calls; }));
  pipe.poll();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  pipe.drain();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(pipe.dispatcher.counters().callback_errors.get(), 2U);
}

// Goal: an unsubscribed callback is not called again, even for events already in the ring, and
// ending a subscription within a callback takes effect at once. Method: both cases.
TEST(Dispatcher, nothing_is_called_after_its_end) {
  PipelineHarness pipe;
  int first = 0;
  int second = 0;
  std::shared_ptr<detail::Subscription> b;
  const auto a =
      pipe.subscribe(EventKind::trade, {"KRW-BTC"}, TradeCallback([&](const TradeEvent&) {
                       ++first;
                       pipe.unsubscribe(b);
                     }));
  b = pipe.subscribe(EventKind::trade, {"KRW-BTC"},
                     TradeCallback([&](const TradeEvent&) { ++second; }));
  pipe.poll();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.drain();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  pipe.push(PipelineHarness::trade("KRW-BTC", 2));
  a->alive = false;
  pipe.drain();
  EXPECT_EQ(first, 1);
}

// Goal: wanted sets merge over clients as documented. Method: overlapping subscriptions.
TEST(Dispatcher, wanted_sets_merge_over_clients) {
  PipelineHarness pipe;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(EventKind::ticker, {"KRW-BTC", "KRW-ETH"}, TickerCallback{},
                                StreamMode::snapshot_only));
  kept.push_back(
      pipe.subscribe(EventKind::ticker, {"KRW-ETH"}, TickerCallback{}, StreamMode::realtime_only));
  kept.push_back(
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, OrderbookCallback{}, StreamMode::both, 1));
  kept.push_back(
      pipe.subscribe(EventKind::orderbook, {"KRW-BTC"}, OrderbookCallback{}, StreamMode::both, 15));
  pipe.poll();
  const WantedSet wanted = pipe.wanted();
  ASSERT_EQ(wanted.size(), 3U);
  EXPECT_EQ(wanted[0].code.view(), "KRW-BTC");
  EXPECT_EQ(wanted[0].mode, StreamMode::snapshot_only);
  EXPECT_EQ(wanted[1].code.view(), "KRW-ETH");
  EXPECT_EQ(wanted[1].mode, StreamMode::both);
  EXPECT_EQ(wanted[2].units, 15);
  for (auto& each : kept) pipe.unsubscribe(each);
  pipe.poll();
  EXPECT_TRUE(pipe.wanted_changed);
  EXPECT_TRUE(pipe.wanted().empty());
}

// Goal: a ring that is full does not keep another one waiting. Method: two rings, a thousand trades
// in the first and one in the second; the one comes after a batch at most.
TEST(Dispatcher, rings_are_served_in_turns) {
  PipelineHarness first(1U << 20U);
  SpscRing second_ring(64U << 10U, kEventBytesMax);
  IntakeCounters second_counters;
  Outlet second_outlet(second_ring, second_counters, 16);
  Intake second(first.markets, UnknownMarkets::intern, 1U << 16U, second_outlet, second_counters);
  std::vector<detail::WantedMailbox> mailboxes(detail::ConnectionPlan(first.config).count());
  detail::Dispatcher dispatcher(first.markets, {&first.ring, &second_ring},
                                detail::ConnectionPlan(first.config), mailboxes, false);
  for (std::uint64_t id = 1; id <= 1000; ++id) first.push(PipelineHarness::trade("KRW-BTC", id));
  std::string text = PipelineHarness::trade("KRW-ETH", 1);
  const std::size_t size = text.size();
  text.append(kDecodePadding, ' ');
  static_cast<void>(second.accept({text.data(), size}, {.connection = 1, .epoch = 1},
                                  [](const EventHeader&) noexcept {}));
  ASSERT_FALSE(first.outlet.pending()) << "the ring is large enough";
  static_cast<void>(dispatcher.begin_poll());
  std::size_t before_eth = 0;
  for (;; ++before_eth) {
    const detail::Dispatched next = dispatcher.next();
    ASSERT_NE(next.event, nullptr);
    const bool found = next.event->code.view() == "KRW-ETH";
    dispatcher.finish();
    if (found) break;
  }
  dispatcher.end_poll();
  EXPECT_EQ(before_eth, 64U);
}

}  // namespace
