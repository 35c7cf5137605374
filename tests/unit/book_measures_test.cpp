#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "book/exact.hpp"
#include "book_frame.hpp"
#include "seed.hpp"
#include "upfeed/book.hpp"

namespace upfeed {
namespace {

using Integer = boost::multiprecision::cpp_int;

Integer integer_of(Uint128 value) {
  return (Integer(static_cast<std::uint64_t>(value >> 64)) << 64) +
         static_cast<std::uint64_t>(value);
}

/// The double nearest to numerator / denominator, by trying the neighbours of a rough quotient
/// against the exact fraction.
bool is_nearest(double result, const Integer& numerator, const Integer& denominator) {
  int exponent = 0;
  const double fraction = std::frexp(result, &exponent);
  const Integer mantissa(static_cast<std::int64_t>(std::ldexp(fraction, 53)));
  exponent -= 53;  // result = mantissa x 2^exponent
  // 2 |numerator/denominator - result| <= 2^exponent, and a tie only for an even mantissa. A power
  // of two has a nearer neighbour below, at half the distance.
  Integer left = numerator;
  Integer right = denominator;
  (exponent >= 0 ? right : left) <<= std::abs(exponent);
  const Integer error = 2 * (left - mantissa * right);
  const bool power_of_two = mantissa == (Integer(1) << 52);
  if (error < 0 && power_of_two) return -2 * error <= right;
  const Integer distance = abs(error);
  return distance < right || (distance == right && mantissa % 2 == 0);
}

Book book_of(const BookFrame::Side& asks, const BookFrame::Side& bids) {
  Book book;
  EXPECT_TRUE(book.apply(BookFrame(asks, bids).event()).applied());
  return book;
}

Price price(std::string_view text) {
  return *Price::parse(text);
}
WideQuantity quantity(std::string_view text) {
  return *WideQuantity::parse(text);
}

// Quotients of random integers up to 2^255 are the nearest doubles, cpp_int being the judge.
TEST(Exact, quotients_are_correctly_rounded) {
  std::mt19937_64 random(test_seed());
  const auto pick = [&](int bits) {
    detail::Uint256 value{Uint128{random()} << 64 | random(), Uint128{random()} << 64 | random()};
    value.high = bits > 128 ? value.high >> (256 - bits) : 0;
    if (bits < 128) value.low >>= 128 - bits;
    return value;
  };
  const auto wide = [](const detail::Uint256& value) {
    return Integer((integer_of(value.high) << 128) + integer_of(value.low));
  };
  for (int i = 0; i < 100'000; ++i) {
    const detail::Uint256 numerator = pick(static_cast<int>(1 + random() % 254));
    const detail::Uint256 denominator = pick(static_cast<int>(1 + random() % 254));
    if (denominator.is_zero()) continue;
    const double result = detail::nearest_quotient(numerator, denominator);
    if (numerator.is_zero()) {
      ASSERT_EQ(result, 0.0);
      continue;
    }
    ASSERT_TRUE(is_nearest(result, wide(numerator), wide(denominator)))
        << wide(numerator) << " / " << wide(denominator) << " = " << result;
  }
}

// Ties between two doubles go to the even one, and small quotients are those of the machine.
TEST(Exact, quotients_round_ties_to_even) {
  const auto ratio = [](Uint128 a, Uint128 b) { return detail::nearest_quotient({0, a}, {0, b}); };
  const Uint128 two_54 = Uint128{1} << 54;
  EXPECT_EQ(ratio(two_54 + 2, 2), 0x1p53);
  EXPECT_EQ(ratio(two_54 + 6, 2), 0x1p53 + 4);
  EXPECT_EQ(ratio(two_54 * 2 - 1, 2), 0x1p54) << "the carry runs through the mantissa";
  for (unsigned a = 0; a < 300; ++a) {
    for (unsigned b = 1; b < 300; ++b) {
      ASSERT_EQ(ratio(a, b), static_cast<double>(a) / static_cast<double>(b));
    }
  }
}

// Products of 128 and 64 bits are those of cpp_int.
TEST(Exact, products_are_exact) {
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 10'000; ++i) {
    const Uint128 a = (Uint128{random()} << 64 | random()) >> random() % 128;
    const std::uint64_t b = random() >> random() % 64;
    const detail::Uint256 product = detail::multiply(a, b);
    ASSERT_EQ((integer_of(product.high) << 128) + integer_of(product.low), integer_of(a) * b);
  }
}

// Spread and mid are exact; mid takes the one decimal more that it may need.
TEST(BookMeasures, spread_and_mid_are_exact) {
  const Book book = book_of({{"0.00000690", "1"}}, {{"0.00000689", "1"}});
  EXPECT_EQ(book.spread()->to_string(), "0.00000001");
  EXPECT_EQ(book.mid()->to_string(), "0.000006895");
  const Book largest = book_of({{"92233720368.54775807", "1"}}, {{"92233720368.54775806", "1"}});
  EXPECT_EQ(largest.mid()->to_string(), "92233720368.547758065");
}

// Hand-computed values of every measure on one small book.
TEST(BookMeasures, small_book_has_the_values_computed_by_hand) {
  const Book book =
      book_of({{"101", "1"}, {"102", "2"}, {"104", "3"}}, {{"100", "3"}, {"99", "4"}, {"97", "5"}});
  EXPECT_EQ(book.microprice(), 100.75);  // (101 x 3 + 100 x 1) / 4
  EXPECT_EQ(book.imbalance(), 0.5);
  EXPECT_EQ(book.imbalance(2), 0.4);
  EXPECT_EQ(book.imbalance(30), 6.0 / 18.0);
  EXPECT_FALSE(book.imbalance(0));

  std::optional<BookWalk> walk = book.walk_quantity(Side::ask, quantity("2.5"));
  ASSERT_TRUE(walk);
  EXPECT_EQ(walk->quantity, quantity("2.5"));
  EXPECT_EQ(walk->notional.to_string(), "254");
  EXPECT_EQ(walk->worst_price, price("102"));
  EXPECT_EQ(walk->levels, 2U);
  EXPECT_TRUE(walk->filled);
  EXPECT_EQ(book.vwap(Side::ask, quantity("2.5")), 101.6);
  EXPECT_EQ(book.vwap(Side::bid, quantity("7")), 696.0 / 7.0);
  EXPECT_EQ(book.vwap(Side::ask, quantity("6")), 617.0 / 6.0);
  EXPECT_FALSE(book.vwap(Side::ask, quantity("6.00000001")));
  EXPECT_FALSE(book.vwap(Side::ask, quantity("0")));

  walk = book.walk_quantity(Side::bid, quantity("100"));
  EXPECT_FALSE(walk->filled);
  EXPECT_EQ(walk->quantity, quantity("12"));
  EXPECT_EQ(walk->levels, 3U);

  walk = book.depth_to_notional(Side::ask, price("305"));  // both first levels, whole
  EXPECT_TRUE(walk->filled);
  EXPECT_EQ(walk->quantity, quantity("3"));
  EXPECT_EQ(walk->levels, 2U);
  walk = book.depth_to_notional(Side::ask, price("200"));
  EXPECT_EQ(walk->quantity, quantity("1.97058823"));  // 1 + floor(99 / 102)
  EXPECT_EQ(walk->notional.to_string(), "199.99999946");
  EXPECT_EQ(walk->worst_price, price("102"));
  walk = book.depth_to_notional(Side::bid, price("100000"));
  EXPECT_FALSE(walk->filled);
  EXPECT_EQ(walk->notional.to_string(), "1181");
}

// Targets of zero are reached at once, negative ones and no side are refused.
TEST(BookMeasures, odd_targets_have_defined_answers) {
  const Book book = book_of({{"101", "0"}, {"102", "2"}}, {{"100", "0"}});
  EXPECT_TRUE(book.walk_quantity(Side::ask, quantity("0"))->filled);
  EXPECT_EQ(book.depth_to_notional(Side::ask, price("0"))->levels, 0U);
  EXPECT_FALSE(book.walk_quantity(Side::ask, quantity("-1")));
  EXPECT_FALSE(book.depth_to_notional(Side::bid, price("-1")));
  EXPECT_FALSE(book.vwap(Side::bid, quantity("-1")));
  EXPECT_FALSE(book.walk_quantity(Side::absent, quantity("1")));
  EXPECT_FALSE(book.microprice()) << "both best sizes are 0";
  EXPECT_FALSE(book.imbalance(1));
  EXPECT_EQ(book.imbalance(2), -1.0);
  const std::optional<BookWalk> walk = book.walk_quantity(Side::ask, quantity("1"));
  EXPECT_EQ(walk->levels, 1U) << "the empty level is not touched";
  EXPECT_EQ(walk->worst_price, price("102"));
  // Less than one unit of 1e-8 can be bought: nothing is.
  const std::optional<BookWalk> crumb = book.depth_to_notional(Side::ask, price("0.00000101"));
  EXPECT_TRUE(crumb->filled);
  EXPECT_EQ(crumb->levels, 0U);
}

// BTT-class sizes stay exact in every measure; a notional that no Decimal holds is refused, while
// the average, which needs none, is still given.
TEST(BookMeasures, wide_sizes_are_exact) {
  const Book book = book_of({{"0.000953", "2436173744924.71"}, {"0.000954", "1"}},
                            {{"0.000952", "1163452300398.66"}});
  EXPECT_EQ(book.walk_quantity(Side::ask, quantity("2436173744925.71"))->notional.to_string(),
            "2321673578.91420263");  // 0.000953 x 2436173744924.71 + 0.000954 x 1
  EXPECT_EQ(book.imbalance(), (1163452300398.66 - 2436173744924.71) / 3599626045323.37);

  const Book absurd = book_of({{"90000000000", "800000000000000000000000000000"}}, {});
  EXPECT_FALSE(absurd.walk_quantity(Side::ask, quantity("800000000000000000000000000000")));
  EXPECT_EQ(absurd.vwap(Side::ask, quantity("800000000000000000000000000000")), 9e10);
  EXPECT_EQ(absurd.depth_to_notional(Side::ask, price("92233720368.54775807"))->levels, 1U);
}

// On random books microprice, imbalance, walks and averages agree with cpp_int arithmetic.
TEST(BookMeasures, random_books_agree_with_big_integers) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 10'000; ++round) {
    // Raw numbers of every magnitude; ask prices ascend from a random bid.
    const int price_bits = 4 + static_cast<int>(random() % 50);
    const int size_bits = 1 + static_cast<int>(random() % 100);
    const auto size = [&] {
      const Uint128 bits = (Uint128{random()} << 64 | random()) >> (128 - size_bits);
      return WideQuantity::from_raw(static_cast<Int128>(bits)).to_string();
    };
    const std::size_t count = 1 + random() % 5;
    std::uint64_t raw = count + 1 + (random() >> (64 - price_bits));
    std::vector<std::string> texts;
    texts.reserve(4 * count);
    BookFrame::Side bids;
    BookFrame::Side asks;
    const auto push = [&](BookFrame::Side& side, std::uint64_t raw_price) {
      const auto value = Price::from_raw(static_cast<std::int64_t>(raw_price));
      const std::string& price_text = texts.emplace_back(value.to_string());
      side.emplace_back(price_text, texts.emplace_back(size()));
    };
    for (std::size_t i = 0; i < count; ++i) push(bids, raw - i);
    for (std::size_t i = 0; i < count; ++i) push(asks, raw += 1 + random() % 1000);
    const Book book = book_of(asks, bids);

    const auto price_of = [](const Level& level) { return Integer(level.price.raw()); };
    const auto size_of = [](const Level& level) {
      return integer_of(static_cast<Uint128>(level.size.raw()));
    };
    const Level ask = *book.best_ask();
    const Level bid = *book.best_bid();
    const Integer sizes = size_of(ask) + size_of(bid);
    ASSERT_EQ(book.microprice().has_value(), sizes != 0);
    if (sizes != 0) {
      ASSERT_TRUE(is_nearest(*book.microprice(),
                             price_of(ask) * size_of(bid) + price_of(bid) * size_of(ask),
                             sizes * kFixedScale));
    }
    Integer ask_sum = 0;
    Integer bid_sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      ask_sum += size_of(*book.ask(i));
      bid_sum += size_of(*book.bid(i));
    }
    if (ask_sum + bid_sum != 0) {
      const double imbalance = *book.imbalance(count);
      const Integer difference = bid_sum - ask_sum;
      ASSERT_EQ(std::signbit(imbalance), difference < 0);
      ASSERT_TRUE(difference == 0 ||
                  is_nearest(std::abs(imbalance), abs(difference), ask_sum + bid_sum));
    }
    if (ask_sum == 0) continue;

    const auto half = static_cast<Int128>(ask_sum / 2 + 1);
    Integer left(half);
    Integer notional = 0;
    for (std::size_t i = 0; i < count && left > 0; ++i) {
      const Integer available = size_of(*book.ask(i));
      const Integer taken = available < left ? available : left;
      left -= taken;
      notional += taken * price_of(*book.ask(i));
    }
    ASSERT_EQ(left, 0);
    ASSERT_TRUE(is_nearest(*book.vwap(Side::ask, WideQuantity::from_raw(half)), notional,
                           Integer(half) * kFixedScale));
    const auto walk = book.walk_quantity(Side::ask, WideQuantity::from_raw(half));
    ASSERT_EQ(walk.has_value(), notional < (Integer(1) << 127));
    if (walk) {
      ASSERT_EQ(walk->notional, *Decimal::from_parts(static_cast<Int128>(notional), -16));
    }
    // Walking to a notional and then to the quantity it bought costs the same, and one unit of
    // quantity more would exceed the target.
    const Price target =
        Price::from_raw(static_cast<std::int64_t>(random() >> (1 + random() % 60)));
    const auto depth = book.depth_to_notional(Side::ask, target);
    ASSERT_TRUE(depth.has_value());
    ASSERT_EQ(book.walk_quantity(Side::ask, depth->quantity)->notional, depth->notional);
    ASSERT_TRUE(Decimal::compare(depth->notional, Decimal::from(target)) <= 0);
    if (depth->filled) {
      const auto more = book.walk_quantity(Side::ask, depth->quantity + WideQuantity::from_raw(1));
      ASSERT_TRUE(!more->filled || Decimal::compare(more->notional, Decimal::from(target)) > 0);
    } else {
      ASSERT_EQ(integer_of(static_cast<Uint128>(depth->quantity.raw())), ask_sum);
    }
  }
}

}  // namespace
}  // namespace upfeed
