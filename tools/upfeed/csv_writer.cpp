// Tables of events: what the receiver knew, then every key of the frame under its own name, in the
// documented order. Numbers are exact plain decimals; a key that was absent or null is an empty
// cell.
//
//   received_unix_ns,kernel_unix_ns,connection,epoch,type,code,timestamp,...
//   orderbook_units becomes ask_price_1,ask_size_1,bid_price_1,bid_size_1,ask_price_2,...

#include <concepts>
#include <type_traits>
#include <variant>

#include "decode/fields.hpp"
#include "frame_decoder.hpp"
#include "frame_writer.hpp"

namespace upfeed::program {
namespace {

using detail::CodeSlot;
using detail::FieldEntry;
using detail::TypeSlot;
using detail::UnitsSlot;

/// One row: cells parted by commas, quoted where they must be (RFC 4180).
class Row {
 public:
  explicit Row(std::string& out) : out_(out) {}
  ~Row() { out_ += '\n'; }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  void empty() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void cell(std::string_view text) {
    empty();
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
      out_ += text;
      return;
    }
    out_ += '"';
    for (const char c : text) {
      if (c == '"') out_ += '"';
      out_ += c;
    }
    out_ += '"';
  }
  void cell(bool value) { cell(value ? std::string_view("true") : std::string_view("false")); }
  void cell(std::integral auto value) { cell(std::string_view(std::to_string(value))); }
  void cell(ExchangeTime value) { cell(value.wire()); }
  template <class Number>
  requires requires(char* out, const Number& value) { upfeed::to_chars(out, value); }
  void cell(const Number& value) {
    char text[kNumberTextMax];
    cell(std::string_view(text, static_cast<std::size_t>(upfeed::to_chars(text, value) - text)));
  }
  template <std::size_t kCapacity>
  void cell(const InlineText<kCapacity>& text) {
    cell(text.view());
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void cell(Enum value) { cell(to_string(value)); }
  /// 0: not known.
  void time(std::int64_t value) {
    if (value == 0) return empty();
    cell(value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

template <class Event>
class CsvWriter final : public FrameWriter {
 public:
  explicit CsvWriter(std::size_t depth) : depth_(depth) {}
  [[nodiscard]] bool needs_event() const override { return true; }

  void begin(const CaptureAbout&, std::string& out) override {
    Row row(out);
    for (const char* name : {"received_unix_ns", "kernel_unix_ns", "connection", "epoch"}) {
      row.cell(std::string_view(name));
    }
    for (const FieldEntry<Event>& entry : detail::kFields<Event>) {
      if (!std::holds_alternative<UnitsSlot>(entry.slot)) {
        row.cell(entry.name);
        continue;
      }
      for (std::size_t i = 1; i <= depth_; ++i) {
        for (const char* name : {"ask_price_", "ask_size_", "bid_price_", "bid_size_"}) {
          row.cell(std::string_view(name + std::to_string(i)));
        }
      }
    }
  }

  std::string_view put(const CaptureItem& item, const EventHeader* header,
                       std::string& out) override {
    if (item.kind != CaptureItemKind::frame) return "record that is no frame";
    if (header->kind != Event::kKind) return "frame of another stream";
    const auto& event = static_cast<const Event&>(*header);
    Row row(out);
    row.time(item.record.unix_ns);
    row.time(item.record.kernel_unix_ns);
    row.cell(item.record.connection);
    row.cell(item.record.epoch);
    for (const FieldEntry<Event>& entry : detail::kFields<Event>) {
      std::visit([&](auto slot) { add(row, event, entry, slot); }, entry.slot);
    }
    return {};
  }

 private:
  using Entry = FieldEntry<Event>;
  static void add(Row& row, const Event& event, const Entry&, TypeSlot) {
    row.cell(std::string_view(stream_name(event)));
  }
  static void add(Row& row, const Event& event, const Entry&, CodeSlot) {
    row.cell(event.code.view());
  }
  void add(Row& row, const Event& event, const Entry&, UnitsSlot) const {
    if constexpr (std::is_same_v<Event, OrderbookEvent>) {
      for (std::size_t i = 0; i < depth_; ++i) {
        if (i >= event.unit_count) {
          for (int cell = 0; cell < 4; ++cell) row.empty();
          continue;
        }
        row.cell(event.units()[i].ask_price);
        row.cell(event.ask_size(i));
        row.cell(event.units()[i].bid_price);
        row.cell(event.bid_size(i));
      }
    }
  }
  template <class Value>
  static void add(Row& row, const Event& event, const Entry& entry, Value Event::*member) {
    if (!event.has(entry.field) || event.is_null(entry.field)) return row.empty();
    if constexpr (requires { row.cell(event.*member); }) row.cell(event.*member);
  }
  /// Slots that only streams of an account have.
  template <class Other>
  requires(!std::is_member_object_pointer_v<Other>) static void add(Row&, const Event&,
                                                                    const Entry&, Other) {}

  const std::size_t depth_;
};

}  // namespace

std::unique_ptr<FrameWriter> make_csv_writer(EventKind kind, std::size_t depth) {
  switch (kind) {
    case EventKind::ticker:
      return std::make_unique<CsvWriter<TickerEvent>>(depth);
    case EventKind::trade:
      return std::make_unique<CsvWriter<TradeEvent>>(depth);
    case EventKind::orderbook:
      return std::make_unique<CsvWriter<OrderbookEvent>>(depth);
    case EventKind::candle:
      return std::make_unique<CsvWriter<CandleEvent>>(depth);
    default:
      return nullptr;
  }
}

}  // namespace upfeed::program
