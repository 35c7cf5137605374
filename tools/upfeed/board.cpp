#include "board.hpp"

#include <algorithm>

namespace upfeed::program {

BoardRow& Board::row_of(const EventHeader& event) {
  if (event.market.value >= rows_.size()) rows_.resize(event.market.value + 1);
  BoardRow& row = rows_[event.market.value];
  row.code = event.code;
  ++row.updates;
  return row;
}

void Board::add(const TickerEvent& event) {
  BoardRow& row = row_of(event);
  row.last = event.trade_price;
  row.change_rate = event.signed_change_rate;
}

void Board::add(const TradeEvent& event) {
  row_of(event).last = event.trade_price;
  trades_.push_front(event);
  if (trades_.size() > kTradesKept) trades_.pop_back();
}

void Board::add(const OrderbookEvent& event, const Book& book) {
  BoardRow& row = row_of(event);
  row.book_state = book.state();
  if (book.live()) {
    row.best_ask = book.best_ask();
    row.best_bid = book.best_bid();
    row.book_time = book.received_mono();
  }
  if (ladder_code_.empty()) ladder_code_ = event.code.view();
  if (event.code.view() == ladder_code_) ladder_ = book;
}

void Board::add(const CandleEvent& event) {
  row_of(event).last = event.trade_price;
}

void Board::keep(std::string account_line) {
  account_.push_front(std::move(account_line));
  if (account_.size() > kAccountLinesKept) account_.pop_back();
}

void Board::add(const MyOrderEvent& event) {
  std::string line = "order " + std::string(event.code.view());
  for (const std::string_view word :
       {to_string(event.ask_bid), to_string(event.order_type), to_string(event.state)}) {
    line += " " + std::string(word);
  }
  keep(line + " " + event.price.to_string() + " x " + event.volume.to_string() + "  executed " +
       event.executed_volume.to_string());
}

void Board::add(const MyAssetEvent& event) {
  for (std::size_t i = 0; i < event.asset_count; ++i) {
    const MyAsset& asset = event.assets()[i];
    keep("balance " + std::string(asset.currency.view()) + " " + asset.balance.to_string() +
         "  locked " + asset.locked.to_string());
  }
}

void Board::add(const AnnouncementEvent& event) {
  keep("announcement " + std::string(event.title()));
}

void Board::add(const StatusEvent& event) {
  news_ = describe(event);
  if (event.previous_state != SessionState::live || event.state == SessionState::live) return;
  for (BoardRow& row : rows_) {
    if (row.book_state != BookState::never_seen) row.book_state = BookState::disconnected;
  }
  if (ladder_) ladder_->disconnect(event.epoch);
}

void Board::add(const LossEvent& event) {
  if (event.lost_kind != EventKind::orderbook || event.dropped + event.refused == 0) return;
  if (event.market.value >= rows_.size()) return;
  BoardRow& row = rows_[event.market.value];
  if (row.book_state == BookState::live) row.book_state = BookState::stale;
  if (ladder_ && event.code == ladder_->code()) ladder_->mark_stale(BookFault::records_lost);
}

std::size_t Board::markets_seen() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      rows_.begin(), rows_.end(), [](const BoardRow& row) { return !row.code.empty(); }));
}

std::size_t Board::books_live() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(rows_.begin(), rows_.end(),
                    [](const BoardRow& row) { return row.book_state == BookState::live; }));
}

std::string describe(const StatusEvent& event) {
  std::string line =
      "connection " + std::to_string(event.connection) + " " + std::string(to_string(event.state));
  if (event.cause != StatusCause::none) line += ": " + std::string(to_string(event.cause));
  if (!event.text.empty()) line += " (" + std::string(event.text.view()) + ")";
  if (event.retry_in_ms >= 0) {
    line += ", next dial in " + std::to_string(event.retry_in_ms) + " ms";
  }
  return line;
}

}  // namespace upfeed::program
