#pragma once

// What the terminal view shows: one row a market, one whole book, the last trades. Filled on the
// dispatcher's thread, copied by whoever draws. No locks: the owner has one.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "upfeed/book.hpp"
#include "upfeed/events.hpp"

namespace upfeed::program {

struct BoardRow {
  MarketCode code;
  std::optional<Price> last;
  std::optional<Decimal> change_rate;  ///< signed fraction, of the last ticker
  std::optional<Level> best_bid;       ///< of the last book, whatever its state now
  std::optional<Level> best_ask;
  BookState book_state = BookState::never_seen;
  MonoTime book_time;  ///< of the last book
  std::uint64_t updates = 0;
};

class Board {
 public:
  /// ladder  the market whose whole book is kept; empty: the first one that comes.
  explicit Board(std::string ladder) : ladder_code_(std::move(ladder)) {}

  void add(const TickerEvent& event);
  void add(const TradeEvent& event);
  void add(const OrderbookEvent& event, const Book& book);
  void add(const CandleEvent& event);
  void add(const MyOrderEvent& event);
  void add(const MyAssetEvent& event);
  void add(const AnnouncementEvent& event);
  void add(const StatusEvent& event);
  void add(const LossEvent& event);
  /// The board has no place for anything else.
  void add(const EventHeader&) noexcept {}

  /// By market id; rows of markets not seen have an empty code.
  [[nodiscard]] const std::vector<BoardRow>& rows() const noexcept { return rows_; }
  [[nodiscard]] const std::optional<Book>& ladder() const noexcept { return ladder_; }
  /// Latest first.
  [[nodiscard]] const std::deque<TradeEvent>& trades() const noexcept { return trades_; }
  /// What happened to the account, one line each, latest first.
  [[nodiscard]] const std::deque<std::string>& account() const noexcept { return account_; }
  /// The last status that said something.
  [[nodiscard]] const std::string& news() const noexcept { return news_; }
  [[nodiscard]] std::size_t markets_seen() const noexcept;
  [[nodiscard]] std::size_t books_live() const noexcept;

 private:
  BoardRow& row_of(const EventHeader& event);
  void keep(std::string account_line);

  static constexpr std::size_t kTradesKept = 32;
  static constexpr std::size_t kAccountLinesKept = 5;
  std::string ladder_code_;
  std::vector<BoardRow> rows_;
  std::optional<Book> ladder_;
  std::deque<TradeEvent> trades_;
  std::deque<std::string> account_;
  std::string news_;
};

/// One line for a person: "connection lost: closed_by_peer, next dial in 120 ms".
[[nodiscard]] std::string describe(const StatusEvent& event);

}  // namespace upfeed::program
