#include "verification.hpp"

#include <algorithm>

namespace upfeed::program {
namespace {

/// The exchange sends a trade twice at once or not at all; all ids of a day would not fit in
/// memory.
constexpr std::size_t kTradesRemembered = 4096;
/// A file that is no capture behind its first lines would fill the memory.
constexpr std::size_t kFindingsMax = 10'000;

/// The total may be of more levels than are shown, and where sizes are written as doubles it is the
/// rounded sum of rounded numbers; it is never less.
bool total_too_small(const OrderbookEvent& event) {
  using Field = OrderbookEvent::Field;
  constexpr double kRounding = 1e-9;
  WideQuantity asks;
  WideQuantity bids;
  for (std::size_t i = 0; i < event.unit_count; ++i) {
    asks = asks + event.ask_size(i);
    bids = bids + event.bid_size(i);
  }
  const auto less = [](const Decimal& total, WideQuantity sum) {
    return total.to_double() < sum.to_double() * (1 - kRounding);
  };
  return (event.has(Field::total_ask_size) && less(event.total_ask_size, asks)) ||
         (event.has(Field::total_bid_size) && less(event.total_bid_size, bids));
}

}  // namespace

void Verification::find(std::string what, const CaptureFile& file, Item item, std::string text) {
  const auto found = std::find_if(findings_.begin(), findings_.end(),
                                  [&](const Finding& each) { return each.what == what; });
  Finding& finding = found != findings_.end() ? *found : findings_.emplace_back();
  if (finding.count++ == 0) finding.what = std::move(what);
  if (finding.places.size() < kPlacesKept) {
    finding.places.push_back({file.place(item), std::move(text)});
  }
}

void Verification::add(const CaptureFile& file, const CaptureItem& item) {
  if (item.kind == CaptureItemKind::damage) {
    add_damage(file, item);
    return;
  }
  ++records_;
  if (file.kind() == CaptureKind::upcap) check_number(file, item);
  damage_before_ = false;
  switch (item.kind) {
    case CaptureItemKind::frame:
      ++frames_;
      check_frame(file, item);
      break;
    case CaptureItemKind::loss: {
      const auto loss = capture::read_loss(item.record.payload);
      if (loss) records_lost_ += loss->records;
      if (!loss) find("loss record that cannot be read", file, item);
      break;
    }
    default:
      break;
  }
}

void Verification::add_damage(const CaptureFile& file, Item item) {
  damage_before_ = true;
  if (file.kind() == CaptureKind::upcap) {
    missing_.records += item.lost_records.value_or(0);
    missing_.all_known = missing_.all_known && item.lost_records.has_value();
  }
  if (findings_.size() >= kFindingsMax) {
    find("further damage", file, item);
    return;
  }
  // Each is a place of its own, so none is counted into another.
  findings_.push_back({"damage", {{file.place(item), std::string(item.reason)}}, 1});
}

void Verification::check_number(const CaptureFile& file, Item item) {
  if (blocks_ == 0 || block_offset_ != item.offset_bytes) {
    block_offset_ = item.offset_bytes;
    ++blocks_;
  }
  // Whole blocks that were cut out or put elsewhere show only here.
  if (item.number != last_number_ + 1 && !damage_before_) {
    find("record numbers that do not follow", file, item,
         "record " + std::to_string(last_number_ + 1) + " should come here");
    if (item.number > last_number_) missing_.records += item.number - last_number_ - 1;
  }
  last_number_ = item.number;
}

void Verification::check_frame(const CaptureFile& file, Item item) {
  FrameMeta meta;
  meta.connection = item.record.connection;
  meta.epoch = std::max(item.record.epoch, 1U);  // text says none
  const Decoded& decoded = decoder_.decode(item.record.payload, meta);
  if (is_refused(decoded)) find(describe_other(decoded, item.record.payload), file, item);
  const EventHeader* const event = decoder_.event();
  if (event == nullptr) return;
  ++events_;
  if (event->kind == EventKind::orderbook) {
    check_book(static_cast<const OrderbookEvent&>(*event), file, item);
  } else if (event->kind == EventKind::trade) {
    check_trade(static_cast<const TradeEvent&>(*event), file, item);
  }
}

void Verification::check_book(const OrderbookEvent& event, const CaptureFile& file, Item item) {
  ++books_;
  Book& book =
      book_of_[{event.connection, std::string(event.code.view()), event.level.to_string()}];
  const std::string code(event.code.view());
  if (total_too_small(event)) find("book total below the sum of its levels", file, item, code);
  const BookFault fault = book.apply(event).fault;
  // Of a planned renewal both lives of a connection are recorded side by side.
  if (fault == BookFault::none || fault == BookFault::old_epoch) return;
  find("book " + std::string(to_string(fault)), file, item, code);
}

void Verification::check_trade(const TradeEvent& event, const CaptureFile& file, Item item) {
  ++trades_;
  const std::string code(event.code.view());
  if (event.sequential_id == 0) {
    find("trade without an id", file, item, code);
    return;
  }
  // The snapshot is the last trade once more.
  if (event.stream_type == StreamType::snapshot) return;
  auto& lives = trades_of_[{event.connection, code}];
  RecentTrades& recent = lives[event.epoch];
  if (lives.size() > 2 && lives.begin()->first != event.epoch) lives.erase(lives.begin());
  if (!recent.ids.insert(event.sequential_id).second) {
    find("trade id twice", file, item, code + " " + std::to_string(event.sequential_id));
    return;
  }
  recent.order.push_back(event.sequential_id);
  if (recent.order.size() > kTradesRemembered) {
    recent.ids.erase(recent.order.front());
    recent.order.pop_front();
  }
}

}  // namespace upfeed::program
