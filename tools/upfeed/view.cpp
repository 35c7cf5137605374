#include "view.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace upfeed::program {
namespace {

constexpr std::size_t kPriceColumns = 15;
constexpr std::size_t kSizeColumns = 15;
constexpr std::size_t kBarColumns = 16;
constexpr std::size_t kHeaderRows = 5;

std::string price_text(const std::optional<Price>& price) {
  return price ? price->to_string() : "-";
}

std::string size_text(const std::optional<Level>& level) {
  return level ? fit_number(level->size.to_string(), kSizeColumns - 1) : "";
}

std::string change_text(const std::optional<Decimal>& rate) {
  if (!rate) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%+.2f%%", rate->to_double() * 100);
  return text;
}

Colour change_colour(const std::optional<Decimal>& rate) {
  if (!rate || rate->is_zero()) return Colour::none;
  return rate->mantissa() > 0 ? Colour::green : Colour::red;
}

Colour state_colour(BookState state) {
  return state == BookState::live ? Colour::green : Colour::yellow;
}

Colour health_colour(HealthState state) {
  if (state == HealthState::healthy) return Colour::green;
  return state == HealthState::degraded ? Colour::yellow : Colour::red;
}

std::string age_text(MonoTime now, MonoTime then) {
  if (then.ns == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1fs",
                static_cast<double>(std::max<std::int64_t>(now - then, 0)) / 1e9);
  return text;
}

std::string spread_text(const BoardRow& row) {
  if (!row.best_ask || !row.best_bid) return "-";
  return (row.best_ask->price - row.best_bid->price).to_string();
}

std::string bar(double share) {
  constexpr const char* kBlock = "\xE2\x96\x88";
  std::string text;
  const auto blocks = static_cast<std::size_t>(
      std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(kBarColumns)));
  for (std::size_t i = 0; i < blocks; ++i) text += kBlock;
  return text;
}

void add_level(Line& line, const std::optional<Level>& level, double largest, Colour colour) {
  if (!level) {
    line.left("", kPriceColumns + kSizeColumns + kBarColumns + 2);
    return;
  }
  line.right(level->price.to_string(), kPriceColumns, colour)
      .right(size_text(level), kSizeColumns)
      .text(" ")
      .left(bar(largest > 0 ? level->size.to_double() / largest : 0), kBarColumns + 1, colour);
}

std::string clock_text(const TradeEvent& trade) {
  const std::int64_t ms_of_day = trade.trade_timestamp.unix_ms() % 86'400'000;
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", static_cast<int>(ms_of_day / 3'600'000),
                static_cast<int>(ms_of_day / 60'000 % 60), static_cast<int>(ms_of_day / 1'000 % 60),
                static_cast<int>(ms_of_day % 1'000));
  return text;
}

void add_trade(Line& line, const TradeEvent& trade) {
  const Colour colour = trade.ask_bid == Side::bid ? Colour::green : Colour::red;
  line.left(clock_text(trade), 14)
      .left(trade.code.view(), 13)
      .left(to_string(trade.ask_bid), 4, colour)
      .right(trade.trade_price.to_string(), kPriceColumns, colour)
      .right(fit_number(trade.trade_volume.to_string(), kSizeColumns - 1), kSizeColumns);
}

/// The book from its highest ask shown down to its lowest bid shown, with the trades beside it.
void add_ladder(const Board& board, MonoTime now, std::size_t depth, std::size_t columns,
                std::string& out) {
  const Book empty;
  const Book& book = board.ladder() ? *board.ladder() : empty;
  const std::size_t asks = std::min(book.ask_count_unchecked(), depth);
  const std::size_t bids = std::min(book.bid_count_unchecked(), depth);
  double largest = 0;
  for (std::size_t i = 0; i < asks; ++i) {
    largest = std::max(largest, book.ask_unchecked(i).size.to_double());
  }
  for (std::size_t i = 0; i < bids; ++i) {
    largest = std::max(largest, book.bid_unchecked(i).size.to_double());
  }
  std::string title = std::string(book.code().view()) + "  " + std::string(to_string(book.state()));
  if (book.fault() != BookFault::none) title += " (" + std::string(to_string(book.fault())) + ")";
  title += "  " + age_text(now, book.received_mono());
  out += Line(columns)
             .left(title, kPriceColumns + kSizeColumns + kBarColumns + 2, Colour::reverse)
             .text("  ")
             .left("last trades", 61, Colour::reverse)
             .take();
  const auto& trades = board.trades();
  for (std::size_t i = 0; i < 2 * depth; ++i) {
    Line line(columns);
    if (i < depth) {
      const std::size_t at = depth - 1 - i;
      add_level(line, at < asks ? std::optional(book.ask_unchecked(at)) : std::nullopt, largest,
                Colour::red);
    } else {
      const std::size_t at = i - depth;
      add_level(line, at < bids ? std::optional(book.bid_unchecked(at)) : std::nullopt, largest,
                Colour::green);
    }
    line.text("  ");
    if (i < trades.size()) add_trade(line, trades[i]);
    out += line.take();
  }
}

}  // namespace

std::string View::render(const ViewInput& input, Screen::Size size) {
  update_rates(input);
  std::string out;
  add_header(input, size.columns, out);
  for (const std::string& line : input.board.account()) out += Line(size.columns).text(line).take();
  const std::size_t taken = kHeaderRows + input.board.account().size();
  const std::size_t rows = size.rows > taken ? size.rows - taken : 0;
  const std::size_t depth = std::clamp<std::size_t>(rows / 4, 1, 15);
  const std::size_t ladder_rows = 2 * depth + 1;
  if (rows > ladder_rows + 1) {
    add_markets(input, rows - ladder_rows - 1, size.columns, out);
  }
  add_ladder(input.board, input.now, depth, size.columns, out);
  return out;
}

void View::update_rates(const ViewInput& input) {
  const double elapsed = input.seconds - seconds_;
  if (elapsed <= 0) return;
  // About two seconds of memory: steady enough to read, quick enough to follow.
  const double weight = 1 - std::exp(-elapsed / 2);
  const auto smooth = [&](double& rate, std::uint64_t before, std::uint64_t now) {
    rate += weight * (static_cast<double>(now - before) / elapsed - rate);
  };
  smooth(frames_per_second_, frames_, input.metrics.frames);
  frames_ = input.metrics.frames;
  seconds_ = input.seconds;
  const auto& rows = input.board.rows();
  busy_.resize(std::max(busy_.size(), rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    smooth(busy_[i].per_second, busy_[i].updates, rows[i].updates);
    busy_[i].updates = rows[i].updates;
  }
}

std::vector<std::size_t> View::busiest(const Board& board, std::size_t count) const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < board.rows().size(); ++i) {
    if (!board.rows()[i].code.empty()) order.push_back(i);
  }
  count = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [this](std::size_t a, std::size_t b) { return busy_[a].per_second > busy_[b].per_second; });
  order.resize(count);
  return order;
}

void View::add_header(const ViewInput& input, std::size_t columns, std::string& out) const {
  char rate[64];
  std::snprintf(rate, sizeof rate, "  %.0f frames/s  ", frames_per_second_);
  const auto used = used_connections(input.metrics);
  const SessionState state = used.empty() ? input.metrics.state : used.front().state;
  const bool live = state == SessionState::live;
  char clock[32];
  std::snprintf(clock, sizeof clock, "  %.0f s", input.seconds);
  out += Line(columns)
             .text(input.title, Colour::bold)
             .text("  ")
             .text(to_string(state), live ? Colour::green : Colour::yellow)
             .text("  epoch " + std::to_string(used.empty() ? 0 : used.front().epoch))
             .text(rate, Colour::bold)
             .text(grouped(input.board.books_live()) + " of " +
                   grouped(input.board.markets_seen()) + " books live")
             .text(clock, Colour::dim)
             .take();
  out += Line(columns).text(health_text(input.health), health_colour(input.health.state)).take();
  out += Line(columns).text(accounting_text(input.metrics.total())).take();
  out += Line(columns).text(input.latency).take();
  out += Line(columns).text(input.board.news(), Colour::dim).take();
}

void View::add_markets(const ViewInput& input, std::size_t rows, std::size_t columns,
                       std::string& out) const {
  out += Line(columns)
             .left("market", 12, Colour::reverse)
             .right("last", kPriceColumns, Colour::reverse)
             .right("change", 9, Colour::reverse)
             .right("bid", kPriceColumns, Colour::reverse)
             .right("ask", kPriceColumns, Colour::reverse)
             .right("state", 13, Colour::reverse)
             .right("age", 7, Colour::reverse)
             .right("upd/s", 7, Colour::reverse)
             .right("spread", kPriceColumns, Colour::reverse)
             .right("bid size", kSizeColumns, Colour::reverse)
             .right("ask size", kSizeColumns, Colour::reverse)
             .take();
  for (const std::size_t index : busiest(input.board, rows)) {
    const BoardRow& row = input.board.rows()[index];
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.1f", busy_[index].per_second);
    const auto price_of = [](const std::optional<Level>& level) {
      return level ? level->price.to_string() : std::string("-");
    };
    out += Line(columns)
               .left(row.code.view(), 12)
               .right(price_text(row.last), kPriceColumns, Colour::bold)
               .right(change_text(row.change_rate), 9, change_colour(row.change_rate))
               .right(price_of(row.best_bid), kPriceColumns, Colour::green)
               .right(price_of(row.best_ask), kPriceColumns, Colour::red)
               .right(to_string(row.book_state), 13, state_colour(row.book_state))
               .right(age_text(input.now, row.book_time), 7)
               .right(rate, 7)
               .right(spread_text(row), kPriceColumns)
               .right(size_text(row.best_bid), kSizeColumns)
               .right(size_text(row.best_ask), kSizeColumns)
               .take();
  }
}

}  // namespace upfeed::program
