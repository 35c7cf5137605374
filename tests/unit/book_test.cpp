#include "upfeed/book.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "book_frame.hpp"
#include "seed.hpp"

namespace upfeed {
namespace {

const BookFrame::Side kAsks = {{"101", "1"}, {"102", "2"}, {"103", "3"}};
const BookFrame::Side kBids = {{"100", "4"}, {"99", "5"}, {"98", "6"}};

/// All accessors that promise to be empty unless the book is live.
void expect_nothing_to_see(const Book& book) {
  EXPECT_FALSE(book.live());
  EXPECT_EQ(book.ask_count(), 0U);
  EXPECT_EQ(book.bid_count(), 0U);
  EXPECT_FALSE(book.best_ask());
  EXPECT_FALSE(book.best_bid());
  EXPECT_FALSE(book.spread());
  EXPECT_FALSE(book.mid());
  EXPECT_FALSE(book.microprice());
  EXPECT_FALSE(book.imbalance(30));
  EXPECT_FALSE(book.depth_to_notional(Side::ask, Price::from_raw(1)));
  EXPECT_FALSE(book.walk_quantity(Side::bid, WideQuantity::from_raw(1)));
  EXPECT_FALSE(book.vwap(Side::ask, WideQuantity::from_raw(1)));
}

// A good frame is held exactly as it came and makes the book live.
TEST(Book, good_frame_is_held_exactly) {
  Book book;
  EXPECT_EQ(book.state(), BookState::never_seen);
  expect_nothing_to_see(book);
  EXPECT_FALSE(book.age_ns(MonoTime{5}));

  BookFrame frame(kAsks, kBids, 3);
  frame.event().received_mono = MonoTime{1000};
  frame.event().level = *Decimal::parse("10000");
  const BookChange change = book.apply(frame.event());
  EXPECT_TRUE(change.applied());
  EXPECT_EQ(change.asks, 0b111U);
  EXPECT_EQ(change.bids, 0b111U);
  EXPECT_TRUE(book.live());
  EXPECT_EQ(book.fault(), BookFault::none);
  EXPECT_EQ(book.code().view(), "KRW-BTC");
  EXPECT_EQ(book.level(), *Decimal::parse("10000"));
  EXPECT_EQ(book.epoch(), 3U);
  EXPECT_EQ(book.update_count(), 1U);
  EXPECT_EQ(book.timestamp(), frame.event().timestamp);
  EXPECT_EQ(book.age_ns(MonoTime{1250}), 250);
  ASSERT_EQ(book.ask_count(), 3U);
  ASSERT_EQ(book.bid_count(), 3U);
  EXPECT_EQ(book.ask(2)->price.to_string(), "103");
  EXPECT_EQ(book.bid(1)->size.to_string(), "5");
  EXPECT_FALSE(book.ask(3));
  EXPECT_FALSE(book.bid(3));
  EXPECT_TRUE(std::ranges::equal(book.units_unchecked(), frame.event().units()));
}

// Each way a frame can be wrong marks the book stale with that cause, keeps what it held, hides it
// from the stale-proof accessors, and is healed by the next good frame.
TEST(Book, faulty_frame_is_told_apart_and_leaves_the_levels) {
  struct Case {
    BookFault fault;
    BookFrame frame;
  };
  std::vector<Case> cases;
  const auto add = [&](BookFault fault, const BookFrame::Side& asks, const BookFrame::Side& bids) {
    cases.push_back({fault, BookFrame(asks, bids)});
  };
  add(BookFault::unsorted, {{"102", "1"}, {"101", "1"}}, kBids);
  add(BookFault::unsorted, {{"101", "1"}, {"101", "2"}}, kBids);
  add(BookFault::unsorted, kAsks, {{"100", "1"}, {"99", "1"}, {"99.5", "1"}});
  add(BookFault::unsorted, kAsks, {{"100", "1"}, {"100", "1"}});
  add(BookFault::crossed, {{"100", "1"}}, {{"100", "1"}});
  add(BookFault::crossed, {{"100", "1"}, {"102", "1"}}, {{"101", "1"}});
  add(BookFault::padding_inside, {{"101", "1"}, {"0", "0"}, {"102", "1"}}, kBids);
  add(BookFault::padding_inside, {{"0", "0"}, {"101", "1"}}, kBids);
  add(BookFault::padding_inside, kAsks, {{"100", "1"}, {"0", "0"}, {"99", "1"}});
  add(BookFault::padding_inside, kAsks, {{"100", "1"}, {"0", "0.00000001"}});
  add(BookFault::padding_inside, {{"101", "1"}, {"0", "2436173744924"}},
      {{"100", "1"}, {"99", "1"}});
  add(BookFault::negative, {{"-1", "1"}, {"101", "1"}}, {});
  add(BookFault::negative, kAsks, {{"100", "1"}, {"-99", "1"}});
  add(BookFault::negative, {{"101", "-0.00000001"}}, kBids);
  add(BookFault::negative, {{"101", "-2436173744924"}}, kBids);
  add(BookFault::negative, {{"101", "2436173744924"}, {"102", "-1"}}, kBids);
  cases.push_back({BookFault::time_backwards, BookFrame(kAsks, kBids, 1, 1'699'999'999'999)});

  const BookFrame good(kAsks, kBids);
  for (const Case& c : cases) {
    SCOPED_TRACE(to_string(c.fault));
    Book book;
    ASSERT_TRUE(book.apply(good.event()).applied());
    const BookChange change = book.apply(c.frame.event());
    EXPECT_EQ(change.fault, c.fault);
    EXPECT_EQ(change.asks | change.bids, 0U);
    EXPECT_EQ(book.state(), BookState::stale);
    EXPECT_EQ(book.fault(), c.fault);
    expect_nothing_to_see(book);
    EXPECT_EQ(book.update_count(), 1U);
    EXPECT_EQ(book.timestamp(), good.event().timestamp);
    EXPECT_TRUE(std::ranges::equal(book.units_unchecked(), good.event().units()));
    EXPECT_EQ(book.ask_unchecked(0).price.to_string(), "101");
    EXPECT_EQ(book.bid_count_unchecked(), 3U);

    const BookChange healed = book.apply(good.event());
    EXPECT_TRUE(healed.applied());
    EXPECT_EQ(healed.asks | healed.bids, 0U) << "nothing differs from what the book held";
    EXPECT_TRUE(book.live());
    EXPECT_EQ(book.fault(), BookFault::none);
  }
}

// Zero slots at the end of a side are no levels; a size 0 at a live price is one.
TEST(Book, padding_is_dropped_and_empty_levels_are_kept) {
  Book book;
  ASSERT_TRUE(book.apply(BookFrame(kAsks, {{"100", "0"}}).event()).applied());
  EXPECT_EQ(book.ask_count(), 3U);
  ASSERT_EQ(book.bid_count(), 1U);
  EXPECT_EQ(book.best_bid()->size, WideQuantity());
  EXPECT_EQ(book.units_unchecked().size(), 3U);
}

// A book without one side, or without any level, is live and has no best there.
TEST(Book, empty_sides_are_legal) {
  Book book;
  ASSERT_TRUE(book.apply(BookFrame({}, kBids).event()).applied());
  EXPECT_TRUE(book.live());
  EXPECT_FALSE(book.best_ask());
  EXPECT_TRUE(book.best_bid());
  EXPECT_FALSE(book.spread());
  EXPECT_FALSE(book.mid());
  EXPECT_FALSE(book.microprice());
  EXPECT_EQ(book.imbalance(3), 1.0);
  const BookChange change = book.apply(BookFrame({}, {}).event());
  EXPECT_TRUE(change.applied());
  EXPECT_EQ(change.asks, 0U);
  EXPECT_EQ(change.bids, 0b111U);
  EXPECT_TRUE(book.live());
  EXPECT_FALSE(book.best_bid());
  EXPECT_FALSE(book.imbalance(30));
  EXPECT_FALSE(book.walk_quantity(Side::ask, WideQuantity::from_raw(1))->filled);
  BookFrame padding({{"0", "0"}, {"0", "0"}}, {});
  EXPECT_TRUE(book.apply(padding.event()).applied());
}

// Only the first `depth` units are held, compared and judged.
TEST(Book, units_beyond_the_depth_do_not_count) {
  const BookFrame bad_tail({{"101", "1"}, {"102", "2"}, {"90", "3"}}, kBids);
  Book book;
  EXPECT_EQ(book.apply(bad_tail.event(), 3).fault, BookFault::unsorted);
  EXPECT_TRUE(book.apply(bad_tail.event(), 2).applied());
  EXPECT_EQ(book.ask_count(), 2U);
  EXPECT_EQ(book.bid_count(), 2U);
  EXPECT_EQ(book.units_unchecked().size(), 2U);
  const BookChange cut = book.apply(bad_tail.event(), 1);
  EXPECT_EQ(cut.asks, 0b10U);
  EXPECT_EQ(cut.bids, 0b10U);
  const BookChange grown = book.apply(BookFrame(kAsks, kBids).event(), 30);
  EXPECT_EQ(grown.asks, 0b110U);
  EXPECT_EQ(grown.bids, 0b110U);
}

// Time may stand still or, after a reconnect, go back; within one connection it may not go back.
TEST(Book, time_is_compared_within_one_epoch_only) {
  Book book;
  EXPECT_TRUE(book.apply(BookFrame(kAsks, kBids, 1, 5000).event()).applied());
  EXPECT_TRUE(book.apply(BookFrame(kAsks, kBids, 1, 5000).event()).applied());
  EXPECT_EQ(book.apply(BookFrame(kAsks, kBids, 1, 4999).event()).fault, BookFault::time_backwards);
  EXPECT_TRUE(book.apply(BookFrame(kAsks, kBids, 2, 1000).event()).applied());
  EXPECT_EQ(book.timestamp().wire(), 1000);
}

// Frames of a dead connection change nothing; a disconnected book lives again only by a good frame
// of a later one.
TEST(Book, frames_of_a_dead_connection_are_not_believed) {
  const BookFrame epoch1(kAsks, kBids, 1);
  const BookFrame epoch2({{"201", "1"}}, {{"200", "1"}}, 2);
  const BookFrame bad3({{"201", "1"}}, {{"300", "1"}}, 3);
  Book book;
  ASSERT_TRUE(book.apply(epoch2.event()).applied());
  EXPECT_EQ(book.apply(epoch1.event()).fault, BookFault::old_epoch);
  EXPECT_TRUE(book.live()) << "a late frame says nothing about this connection";

  book.disconnect(1);
  EXPECT_TRUE(book.live()) << "told late about a connection that is no longer ours";
  book.disconnect(2);
  EXPECT_EQ(book.state(), BookState::disconnected);
  EXPECT_EQ(book.fault(), BookFault::connection_lost);
  expect_nothing_to_see(book);
  EXPECT_EQ(book.apply(epoch2.event()).fault, BookFault::old_epoch);
  EXPECT_EQ(book.state(), BookState::disconnected);
  book.mark_stale(BookFault::silent);
  EXPECT_EQ(book.state(), BookState::disconnected) << "stale would promise a living connection";

  EXPECT_EQ(book.apply(bad3.event()).fault, BookFault::crossed);
  EXPECT_EQ(book.state(), BookState::stale);
  EXPECT_EQ(book.apply(epoch2.event()).fault, BookFault::old_epoch);
  EXPECT_EQ(book.state(), BookState::stale);
  EXPECT_TRUE(book.apply(BookFrame(kAsks, kBids, 3).event()).applied());
  EXPECT_TRUE(book.live());
  EXPECT_EQ(book.epoch(), 3U);
}

// Losses and silence make a live book stale; a book that never saw a frame stays so, yet remembers
// the dead connection.
TEST(Book, outside_trouble_marks_what_was_seen) {
  Book book;
  book.mark_stale(BookFault::records_lost);
  EXPECT_EQ(book.state(), BookState::never_seen);
  book.disconnect(1);
  EXPECT_EQ(book.state(), BookState::never_seen);
  EXPECT_EQ(book.apply(BookFrame(kAsks, kBids, 1).event()).fault, BookFault::old_epoch);
  EXPECT_EQ(book.state(), BookState::never_seen);
  ASSERT_TRUE(book.apply(BookFrame(kAsks, kBids, 2).event()).applied());
  book.mark_stale(BookFault::records_lost);
  EXPECT_EQ(book.state(), BookState::stale);
  EXPECT_EQ(book.fault(), BookFault::records_lost);
  expect_nothing_to_see(book);
  EXPECT_TRUE(book.apply(BookFrame(kAsks, kBids, 2).event()).applied());
  EXPECT_TRUE(book.live());
}

// Sizes beyond int64 stay exact, and a change between two of them is seen although their narrow
// form is the same marker.
TEST(Book, wide_sizes_are_exact_and_compared) {
  Book book;
  const BookFrame first({{"101", "2436173744924.71"}, {"102", "2"}}, kBids);
  const BookFrame second({{"101", "2436173744924.72"}, {"102", "2"}}, kBids);
  ASSERT_TRUE(book.apply(first.event()).applied());
  EXPECT_EQ(book.best_ask()->size.to_string(), "2436173744924.71");
  EXPECT_EQ(book.ask(1)->size.to_string(), "2");
  BookChange change = book.apply(second.event());
  EXPECT_EQ(change.asks, 0b1U);
  EXPECT_EQ(change.bids, 0U);
  EXPECT_EQ(book.best_ask()->size.to_string(), "2436173744924.72");
  change = book.apply(BookFrame({{"101", "7"}, {"102", "2"}}, kBids).event());
  EXPECT_EQ(change.asks, 0b1U);
  EXPECT_EQ(book.best_ask()->size.to_string(), "7");
  change = book.apply(second.event());
  EXPECT_EQ(change.asks, 0b1U);
  EXPECT_EQ(change.bids, 0U);
  change = book.apply(BookFrame({{"101", "7"}, {"102", "2"}}, kBids).event());
  change = book.apply(BookFrame({{"101", "7"}, {"102", "2"}}, {{"100", "8E29"}}).event());
  EXPECT_EQ(change.fault, BookFault::none);
  EXPECT_EQ(change.asks, 0U);
  EXPECT_EQ(change.bids, 0b111U) << "one changed, two vanished";
}

/// Sorted random levels; few distinct values, so that frames often agree in part.
BookFrame random_frame(std::mt19937_64& random, std::vector<std::string>& texts) {
  texts.clear();
  texts.reserve(200);
  const auto side = [&](bool asks) {
    BookFrame::Side levels;
    std::uint64_t price = 1000;
    for (std::uint64_t n = random() % (kBookDepthMax + 1); n > 0; --n) {
      const std::uint64_t step = 1 + (random() % 8 == 0 ? 1 : 0);
      price = asks ? price + step : price - step;
      const std::string& price_text = texts.emplace_back(std::to_string(price));
      const bool huge = random() % 64 == 0;
      const std::string& size_text =
          texts.emplace_back(huge ? "99999999999999.0000000" + std::to_string(1 + random() % 2)
                                  : std::to_string(1 + random() % 2));
      levels.emplace_back(price_text, size_text);
    }
    return levels;
  };
  const BookFrame::Side asks = side(true);
  return BookFrame(asks, side(false));
}

// Over random frames of random depths the masks name exactly the levels that a comparison of the
// book before and after finds to differ.
TEST(Book, change_masks_name_exactly_what_differs) {
  std::mt19937_64 random(test_seed());
  std::vector<std::string> texts;
  Book book;
  const auto level_of = [](const Book& of, bool ask, std::size_t i) {
    return ask ? of.ask(i) : of.bid(i);
  };
  for (int round = 0; round < 20'000; ++round) {
    const BookFrame frame = random_frame(random, texts);
    const Book before = book;
    const BookChange change = book.apply(frame.event(), 1 + random() % kBookDepthMax);
    ASSERT_TRUE(change.applied());
    for (std::size_t i = 0; i < 32; ++i) {
      const std::uint32_t bit = std::uint32_t{1} << i;
      ASSERT_EQ((change.asks & bit) != 0, level_of(before, true, i) != level_of(book, true, i));
      ASSERT_EQ((change.bids & bit) != 0, level_of(before, false, i) != level_of(book, false, i));
    }
    for (std::size_t i = 0; i < book.ask_count(); ++i) {
      ASSERT_EQ(book.ask(i)->size, frame.event().ask_size(i));
    }
    for (std::size_t i = 0; i < book.bid_count(); ++i) {
      ASSERT_EQ(book.bid(i)->size, frame.event().bid_size(i));
    }
  }
}

// Swapping, zeroing or negating one price of a valid frame never leaves the book live with a wrong
// top: either a fault, or the frame is still sorted and uncrossed.
TEST(Book, no_damaged_frame_makes_a_live_book_wrong) {
  std::mt19937_64 random(test_seed());
  std::vector<std::string> texts;
  int faults = 0;
  for (int round = 0; round < 50'000; ++round) {
    BookFrame frame = random_frame(random, texts);
    const std::size_t count = frame.event().unit_count;
    if (count == 0) continue;
    BookUnit& one = frame.unit(random() % count);
    BookUnit& other = frame.unit(random() % count);
    switch (random() % 5) {
      case 0:
        std::swap(one.ask_price, other.ask_price);
        break;
      case 1:
        std::swap(one.bid_price, other.bid_price);
        break;
      case 2:
        one.ask_price = Price();
        break;
      case 3:
        one.bid_price = Price::from_raw(-one.bid_price.raw());
        break;
      case 4:
        std::swap(one.ask_price, one.bid_price);
        break;
    }
    frame.count_levels();
    Book book;
    if (!book.apply(frame.event()).applied()) {
      ++faults;
      continue;
    }
    for (std::size_t i = 0; i < book.ask_count(); ++i) {
      ASSERT_GT(book.ask(i)->price, i == 0 ? Price() : book.ask(i - 1)->price);
    }
    for (std::size_t i = 0; i < book.bid_count(); ++i) {
      ASSERT_GT(book.bid(i)->price, Price());
      ASSERT_TRUE(i == 0 || book.bid(i)->price < book.bid(i - 1)->price);
    }
    if (book.best_ask() && book.best_bid()) {
      ASSERT_GT(*book.spread(), Price());
    }
    // Nothing of the frame was dropped silently either.
    for (std::size_t i = book.ask_count(); i < count; ++i) {
      ASSERT_TRUE(frame.unit(i).ask_price == Price() && frame.unit(i).ask_size == Quantity());
    }
    for (std::size_t i = book.bid_count(); i < count; ++i) {
      ASSERT_TRUE(frame.unit(i).bid_price == Price() && frame.unit(i).bid_size == Quantity());
    }
  }
  EXPECT_GT(faults, 10'000);
}

}  // namespace
}  // namespace upfeed
