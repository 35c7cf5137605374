#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "book_frame.hpp"
#include "upfeed/book.hpp"

namespace upfeed {
namespace {

constexpr std::size_t kLevels = kBookDepthMax;

/// Every number of the frame follows from n, so that a copy mixed of two frames shows.
void fill(BookFrame& frame, std::int64_t n) {
  OrderbookEvent& event = frame.event();
  event.timestamp = ExchangeTime(n);
  event.received_mono = MonoTime{n};
  for (std::size_t i = 0; i < kLevels; ++i) {
    const auto at = static_cast<std::int64_t>(i);
    frame.unit(i) = {.ask_price = Price::from_raw(1000 + n + at),
                     .bid_price = Price::from_raw(999 + n - at),
                     .ask_size = Quantity::from_raw(n),
                     .bid_size = Quantity::from_raw(n + 1)};
  }
  event.unit_count = kLevels;
  frame.count_levels();
}

/// The n of a book, or -1 where its parts do not agree.
std::int64_t pattern_of(const Book& book) {
  const std::int64_t n = book.timestamp().wire();
  if (!book.live() || book.ask_count() != kLevels || book.bid_count() != kLevels) return -1;
  if (book.received_mono().ns != n) return -1;
  if (book.update_count() != static_cast<std::uint64_t>(n)) return -1;
  for (std::size_t i = 0; i < kLevels; ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const Level ask = book.ask_unchecked(i);
    const Level bid = book.bid_unchecked(i);
    if (ask.price.raw() != 1000 + n + at || bid.price.raw() != 999 + n - at) return -1;
    if (ask.size.raw() != n || bid.size.raw() != n + 1) return -1;
  }
  return n;
}

// Before the first publication there is nothing to read; after it, the very same book.
TEST(SharedBook, reads_what_was_published) {
  SharedBook shared;
  EXPECT_FALSE(shared.read());
  Book book;
  shared.publish(book);
  ASSERT_TRUE(shared.read());
  EXPECT_EQ(shared.read()->state(), BookState::never_seen);
  const BookFrame frame({{"101", "2436173744924.71"}}, {{"100", "4"}});
  ASSERT_TRUE(book.apply(frame.event()).applied());
  shared.publish(book);
  const std::optional<Book> copy = shared.read();
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy->live());
  EXPECT_EQ(copy->code(), book.code());
  EXPECT_EQ(copy->best_ask(), book.best_ask());
  EXPECT_EQ(copy->best_ask()->size.to_string(), "2436173744924.71");
  EXPECT_EQ(copy->best_bid(), book.best_bid());
  EXPECT_FALSE(shared.read(0)) << "no attempt, no book";
}

// Readers racing a writer see whole books only, never older than one they saw before. The writer
// goes on until both have read often enough. Runs under ThreadSanitizer too.
TEST(SharedBook, readers_never_see_a_torn_or_older_book) {
#ifdef __SANITIZE_THREAD__
  constexpr std::uint64_t kReadsEach = 20'000;  // enough: it needs no unlucky moment
#else
  constexpr std::uint64_t kReadsEach = 400'000;
#endif
  SharedBook shared;
  std::atomic<int> reading{2};
  const auto read = [&] {
    std::int64_t last = 0;
    std::uint64_t reads = 0;
    bool right = true;
    while (right && reads < kReadsEach) {
      const std::optional<Book> copy = shared.read();
      if (!copy) continue;
      const std::int64_t n = pattern_of(*copy);
      right = n >= last && n != -1;
      EXPECT_NE(n, -1) << "a torn book";
      EXPECT_GE(n, last) << "an older book";
      ++reads;
      last = n;
    }
    --reading;
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back(read);
  BookFrame frame({{"2", "1"}}, {{"1", "1"}});
  Book book;
  std::int64_t n = 0;
  while (reading.load() > 0) {
    fill(frame, ++n);
    EXPECT_TRUE(book.apply(frame.event()).applied());
    shared.publish(book);
    if (n % 16 == 0) std::this_thread::yield();  // else two cores starve the third thread
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(pattern_of(*shared.read()), n);
}

}  // namespace
}  // namespace upfeed
