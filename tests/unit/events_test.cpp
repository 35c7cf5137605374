#include "upfeed/events.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "book_frame.hpp"
#include "upfeed/time.hpp"

namespace upfeed {
namespace {

struct AlignedBytes {
  alignas(OrderbookEvent) std::byte bytes[kEventBytesMax];
};

// Every enumerator has a name of its own; those of the wire are spelled as on the wire.
TEST(Events, every_enumerator_has_its_own_name) {
  const auto expect_distinct = [](auto last) {
    using Enum = decltype(last);
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(last); ++i) names.insert(to_string(static_cast<Enum>(i)));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
    EXPECT_EQ(to_string(static_cast<Enum>(static_cast<int>(last) + 1)), "");
  };
  expect_distinct(CandleUnit::m240);
  expect_distinct(EventKind::gap);
  expect_distinct(StreamType::realtime);
  expect_distinct(Side::bid);
  expect_distinct(Change::fall);
  expect_distinct(SessionState::stopped);
  expect_distinct(StatusCause::recording);
  expect_distinct(OrderType::other);
  expect_distinct(OrderState::other);
  expect_distinct(TimeInForce::other);
  expect_distinct(SmpType::other);
  EXPECT_EQ(to_string(CandleUnit::s1), "1s");
  EXPECT_EQ(to_string(CandleUnit::m240), "240m");
  EXPECT_EQ(to_string(StreamType::snapshot), "SNAPSHOT");
  EXPECT_EQ(to_string(Side::ask), "ASK");
  EXPECT_EQ(to_string(Change::even), "EVEN");
}

// Text that fits is kept whole, text that does not changes nothing.
TEST(Events, inline_text_is_never_cut) {
  InlineText<7> text;
  EXPECT_TRUE(text.empty());
  EXPECT_TRUE(text.assign("ACTIVE"));
  EXPECT_FALSE(text.assign("DELISTED"));
  EXPECT_EQ(text.view(), "ACTIVE");
  InlineText<7> other;
  EXPECT_TRUE(other.assign("1234567"));
  EXPECT_TRUE(other.assign("ACTIVE"));
  EXPECT_EQ(text, other) << "what an earlier text left behind must not count";
}

// A field's bit in `present` and `null` is the field's own, up to the last.
TEST(Events, has_and_is_null_read_the_fields_own_bit) {
  TickerEvent event;
  event.present = 1ULL << static_cast<unsigned>(TickerEvent::Field::stream_type) |
                  1ULL << static_cast<unsigned>(TickerEvent::Field::delisting_date);
  event.null = 1ULL << static_cast<unsigned>(TickerEvent::Field::delisting_date);
  EXPECT_TRUE(event.has(TickerEvent::Field::stream_type));
  EXPECT_TRUE(event.has(TickerEvent::Field::delisting_date));
  EXPECT_FALSE(event.has(TickerEvent::Field::type));
  EXPECT_TRUE(event.is_null(TickerEvent::Field::delisting_date));
  EXPECT_FALSE(event.is_null(TickerEvent::Field::stream_type));
}

// visit() calls with the event's own type, for every kind.
TEST(Events, visit_finds_the_type_of_every_kind) {
  const auto kind_of = [](const EventHeader& header) {
    return visit(header, [](const auto& event) { return event.kKind; });
  };
  const auto expect_kind = [&](auto event) {
    event.kind = event.kKind;
    EXPECT_EQ(kind_of(event), event.kKind);
  };
  expect_kind(TickerEvent());
  expect_kind(TradeEvent());
  expect_kind(OrderbookEvent());
  expect_kind(CandleEvent());
  expect_kind(StatusEvent());
  expect_kind(LossEvent());
}

// A copy holds the same units and exact sizes, cut to the depth asked for, and its own byte count.
TEST(Events, order_book_copy_keeps_units_and_wide_sizes_up_to_its_depth) {
  const BookFrame narrow({{"101", "1"}, {"102", "2"}, {"103", "3"}}, {{"100", "4"}});
  const BookFrame wide({{"101", "1"}, {"102", "2436173744924"}, {"103", "3"}}, {{"100", "4"}});
  const auto out = std::make_unique<AlignedBytes>();
  for (const BookFrame* const frame : {&narrow, &wide}) {
    const OrderbookEvent& event = frame->event();
    for (std::size_t depth = 1; depth <= 4; ++depth) {
      const OrderbookEvent& copied = *event.copy(depth, out->bytes);
      const std::size_t kept = std::min<std::size_t>(depth, 3);
      ASSERT_EQ(copied.unit_count, kept);
      EXPECT_EQ(copied.ask_count, kept);
      EXPECT_EQ(copied.bid_count, 1);
      EXPECT_EQ(copied.code, event.code);
      EXPECT_EQ(copied.size_bytes, OrderbookEvent::record_bytes(kept, frame == &wide));
      for (std::size_t i = 0; i < kept; ++i) {
        EXPECT_EQ(copied.units()[i], event.units()[i]);
        EXPECT_EQ(copied.ask_size(i), event.ask_size(i));
        EXPECT_EQ(copied.bid_size(i), event.bid_size(i));
      }
    }
  }
  EXPECT_TRUE(narrow.event().wide_sizes().empty());
  EXPECT_EQ(wide.event().ask_size(1).to_string(), "2436173744924");
}

// Milliseconds and microseconds on the wire are told apart by magnitude and compare as instants;
// no number on the wire is beyond what the type can hold.
TEST(Events, exchange_times_of_both_units_compare) {
  const ExchangeTime ms(1'700'000'000'123);
  const ExchangeTime us(1'700'000'000'123'456);
  EXPECT_FALSE(ms.in_microseconds());
  EXPECT_TRUE(us.in_microseconds());
  EXPECT_EQ(us.unix_ms(), ms.unix_ms());
  EXPECT_EQ(ms.unix_us(), 1'700'000'000'123'000);
  EXPECT_LT(ms, us);
  EXPECT_EQ(ms, ExchangeTime(1'700'000'000'123'000));
  EXPECT_EQ(us.wire(), 1'700'000'000'123'456);
  EXPECT_LT(ExchangeTime(INT64_MIN), ExchangeTime(0));
  EXPECT_LT(ms, ExchangeTime(INT64_MAX));
  EXPECT_EQ(ExchangeTime(1'000'000'000'000'000).unix_us(), 1'000'000'000'000'000'000);
}

}  // namespace
}  // namespace upfeed
