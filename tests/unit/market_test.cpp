#include "upfeed/market.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace upfeed {
namespace {

MarketCode code_of(const std::string& text) {
  const std::optional<MarketCode> code = MarketCode::parse(text);
  EXPECT_TRUE(code.has_value()) << text;
  return code.value_or(MarketCode());
}

// A code is what the exchange writes, QUOTE-BASE of at most 16 characters; the rest is refused.
TEST(Market, codes_of_the_exchange_are_accepted_and_no_others) {
  for (const char* const text : {"KRW-BTC", "BTC-1INCH", "USDT-ETC", "A-B", "KRW-ABCDEFGHIJKL"}) {
    const std::optional<MarketCode> code = MarketCode::parse(text);
    ASSERT_TRUE(code.has_value()) << text;
    EXPECT_EQ(code->view(), text);
    EXPECT_FALSE(code->empty());
  }
  for (const char* const text : {"", "KRW", "KRWBTC", "-BTC", "KRW-", "-", "krw-btc", "KRW-BTC.15",
                                 "KRW BTC", "KRW_BTC", "KRW-ABCDEFGHIJKLM", "KRW-B\xc3\x84"}) {
    EXPECT_FALSE(MarketCode::parse(text)) << text;
  }
  EXPECT_FALSE(MarketCode::parse(std::string_view("KRW-B\0C", 7)));
  EXPECT_EQ(code_of("KRW-BTC").quote(), "KRW");
  EXPECT_TRUE(MarketCode().empty());
  EXPECT_EQ(MarketCode().view(), "");
}

// Codes compare as their texts do, also where one begins the other, and by all 16 characters.
TEST(Market, codes_compare_as_texts) {
  EXPECT_EQ(code_of("KRW-BTC"), code_of("KRW-BTC"));
  EXPECT_LT(code_of("KRW-BTC"), code_of("KRW-BTCX"));
  EXPECT_LT(code_of("BTC-ETH"), code_of("KRW-ADA"));
  EXPECT_NE(code_of("KRW-ABCDEFGHIJKL"), code_of("KRW-ABCDEFGHIJKM"));
  EXPECT_EQ(code_of("KRW-BTC").words(), code_of("KRW-BTC").words());
}

// Ids are dense from 0, the same code keeps its id, and both directions agree.
TEST(Market, interning_gives_dense_ids_that_stay) {
  MarketTable table(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_FALSE(table.find(code_of("KRW-C" + std::to_string(i))).valid());
    EXPECT_EQ(table.intern(code_of("KRW-C" + std::to_string(i))).value, i);
    EXPECT_EQ(table.count(), i + 1);
  }
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const MarketCode code = code_of("KRW-C" + std::to_string(i));
    EXPECT_EQ(table.find(code).value, i);
    EXPECT_EQ(table.intern(code).value, i);
    EXPECT_EQ(table.code(MarketId{i}), code);
  }
  EXPECT_EQ(table.count(), 1000U);
  EXPECT_FALSE(table.find(MarketCode()).valid());
}

// A full table refuses new codes with an invalid id and still knows the old ones; so does the
// smallest. Capacities out of range throw.
TEST(Market, full_table_refuses_and_stays_intact) {
  MarketTable one(1);
  EXPECT_EQ(one.intern(code_of("KRW-BTC")).value, 0U);
  EXPECT_FALSE(one.intern(code_of("KRW-ETH")).valid());
  EXPECT_FALSE(one.find(code_of("KRW-ETH")).valid());
  EXPECT_EQ(one.intern(code_of("KRW-BTC")).value, 0U);
  EXPECT_EQ(one.count(), 1U);
  EXPECT_EQ(one.capacity(), 1U);

  MarketTable largest(65'536);
  for (std::uint32_t i = 0; i < 65'536; ++i) {
    ASSERT_EQ(largest.intern(code_of("A-" + std::to_string(i))).value, i);
  }
  EXPECT_FALSE(largest.intern(code_of("A-65536")).valid());
  EXPECT_EQ(largest.find(code_of("A-65535")).value, 65'535U);

  EXPECT_THROW(MarketTable(0), std::invalid_argument);
  EXPECT_THROW(MarketTable(65'537), std::invalid_argument);
}

// While one thread adds, readers find for each code either nothing or its final id with the code
// behind it, and once found never lose it. Runs under ThreadSanitizer too.
TEST(Market, readers_see_whole_entries_while_another_thread_adds) {
  constexpr std::uint32_t kMarkets = 2000;
  std::vector<MarketCode> codes;
  for (std::uint32_t i = 0; i < kMarkets; ++i) codes.push_back(code_of("T-" + std::to_string(i)));
  MarketTable table(kMarkets);
  // One reader learns of new codes by the table alone, the other by the count first: each way of
  // synchronising has to be enough by itself.
  std::atomic<int> started{0};
  const auto find_all = [&] {
    ++started;
    for (std::uint32_t known = 0; known < kMarkets;) {
      const MarketId id = table.find(codes[known]);
      if (!id.valid()) {
        std::this_thread::yield();
        continue;
      }
      ASSERT_EQ(id.value, known);
      ASSERT_EQ(table.code(id), codes[known]);
      ++known;
    }
  };
  const auto count_all = [&] {
    ++started;
    std::uint32_t counted = 0;
    while (counted < kMarkets) {
      const std::uint32_t count = table.count();
      ASSERT_GE(count, counted);
      if (count == counted) std::this_thread::yield();
      for (; counted < count; ++counted) {
        ASSERT_EQ(table.code(MarketId{counted}), codes[counted]);
        ASSERT_EQ(table.find(codes[counted]).value, counted);
      }
    }
  };
  std::thread first(find_all);
  std::thread second(count_all);
  while (started.load() < 2) std::this_thread::yield();
  for (const MarketCode& code : codes) {
    ASSERT_TRUE(table.intern(code).valid());
    if (table.count() % 64 == 0) std::this_thread::yield();
  }
  first.join();
  second.join();
}

// Threads that intern the same codes at once agree on every id.
TEST(Market, concurrent_interning_gives_one_id_per_code) {
  constexpr std::uint32_t kMarkets = 500;
  MarketTable table(kMarkets);
  std::vector<std::vector<MarketId>> ids(3);
  std::vector<std::thread> threads;
  for (std::vector<MarketId>& own : ids) {
    threads.emplace_back([&table, &own] {
      for (std::uint32_t i = 0; i < kMarkets; ++i) {
        own.push_back(table.intern(*MarketCode::parse("T-" + std::to_string(i))));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(table.count(), kMarkets);
}

}  // namespace
}  // namespace upfeed
