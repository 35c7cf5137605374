#include "verification.hpp"

#include <algorithm>

namespace upfeed::program {
namespace {

/// The exchange sends a trade twice at once or not at all; all ids of a day would not fit in
/// memory.
constexpr std::size_t kTradesRemembered = 4096;
/// A file that is no capture behind its first lines would fill the memory.
constexpr std::size_t kFindingsMax = 10'000;

}  // namespace

void Verification::find(std::string what, const CaptureFile& file, Place item, std::string text) {
  const auto found = std::find_if(findings_.begin(), findings_.end(),
                                  [&](const Finding& each) { return each.what == what; });
  if (found != findings_.end()) {
    ++found->count;
  } else {
    findings_.push_back({std::move(what), file.place(item), std::move(text), 1});
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

void Verification::add_damage(const CaptureFile& file, Place item) {
  damage_before_ = true;
  if (findings_.size() >= kFindingsMax) {
    find("further damage", file, item);
    return;
  }
  // Each is a place of its own, so none is counted into another.
  std::string text(item.reason);
  if (item.lost_bytes > 0) text += "; " + std::to_string(item.lost_bytes) + " bytes lost";
  findings_.push_back({"damage", file.place(item), std::move(text), 1});
}

void Verification::check_number(const CaptureFile& file, Place item) {
  if (blocks_ == 0 || block_offset_ != item.offset_bytes) {
    block_offset_ = item.offset_bytes;
    ++blocks_;
  }
  // Whole blocks that were cut out or put elsewhere show only here.
  if (item.number != last_number_ + 1 && !damage_before_) {
    find("record numbers that do not follow", file, item,
         "record " + std::to_string(last_number_ + 1) + " should come here");
  }
  last_number_ = item.number;
}

void Verification::check_frame(const CaptureFile& file, Place item) {
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

void Verification::check_book(const OrderbookEvent& event, const CaptureFile& file, Place item) {
  ++books_;
  Book& book =
      book_of_[{event.connection, std::string(event.code.view()), event.level.to_string()}];
  const BookFault fault = book.apply(event).fault;
  // Of a planned renewal both lives of a connection are recorded side by side.
  if (fault == BookFault::none || fault == BookFault::old_epoch) return;
  find("book " + std::string(to_string(fault)), file, item, std::string(event.code.view()));
}

void Verification::check_trade(const TradeEvent& event, const CaptureFile& file, Place item) {
  ++trades_;
  const std::string code(event.code.view());
  if (event.sequential_id == 0) {
    find("trade without an id", file, item, code);
    return;
  }
  // The snapshot is the last trade once more.
  if (event.stream_type == StreamType::snapshot) return;
  RecentTrades& recent = trades_of_[{event.connection, event.epoch, code}];
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
