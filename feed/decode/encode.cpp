#include "upfeed/encode.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <type_traits>
#include <variant>

#include "decode/account_fields.hpp"
#include "decode/json_text.hpp"

namespace upfeed {
namespace {

using namespace detail;

class FrameWriter {
 public:
  FrameWriter(bool simple, std::string& out) : simple_(simple), out_(out) {}

  template <class Event>
  void write(const Event& event) {
    char separator = '{';
    for (const FieldEntry<Event>& entry : kFields<Event>) {
      if (!event.has(entry.field) && !always_written(entry)) continue;
      write_key(separator, entry.key(simple_));
      separator = ',';
      if (event.is_null(entry.field)) {
        out_ += "null";
      } else {
        std::visit([&](auto slot) { write_slot(event, slot); }, entry.slot);
      }
    }
    out_ += '}';
  }

 private:
  template <class Event>
  static bool always_written(const FieldEntry<Event>& entry) {
    return std::holds_alternative<TypeSlot>(entry.slot) ||
           (is_market_stream(Event::kKind) && std::holds_alternative<CodeSlot>(entry.slot));
  }

  void write_key(char separator, std::string_view key) {
    out_ += separator;
    out_ += '"';
    out_ += key;
    out_ += "\":";
  }

  template <class Event>
  void write_slot(const Event& event, TypeSlot) {
    out_ += '"';
    out_ += kTypeTexts[static_cast<std::size_t>(Event::kKind)];
    if constexpr (std::is_same_v<Event, CandleEvent>) {
      out_ += kCandleUnitTexts[static_cast<std::size_t>(event.unit)];
    }
    out_ += '"';
  }
  template <class Event>
  void write_slot(const Event& event, CodeSlot) {
    append_json_string(event.code.view(), out_);
  }
  template <class Event>
  void write_slot(const Event& event, UnitsSlot) {
    if constexpr (std::is_same_v<Event, OrderbookEvent>) write_units(event);
  }
  template <class Event>
  void write_slot(const Event& event, AssetsSlot) {
    if constexpr (std::is_same_v<Event, MyAssetEvent>) write_assets(event);
  }
  template <class Event>
  void write_slot(const Event& event, TextPart Event::*member) {
    write_text((event.*member).in(reinterpret_cast<const std::byte*>(&event) + sizeof(Event)));
  }
  template <class Event, class Enum>
  void write_slot(const Event& event, WordSlot<Event, Enum> slot) {
    write_text(word_of(event, slot));
  }
  template <class Event, class T>
  void write_slot(const Event& event, T Event::*member) {
    write_value(event.*member);
  }

  void write_assets(const MyAssetEvent& event) {
    const auto write = [&](char separator, AssetField field, const auto& value) {
      write_key(separator, kAssetFields[static_cast<std::size_t>(field)].key(simple_));
      write_value(value);
    };
    out_ += '[';
    for (const MyAsset& asset : event.assets()) {
      if (&asset != event.assets().data()) out_ += ',';
      write('{', AssetField::currency, asset.currency);
      write(',', AssetField::balance, asset.balance);
      write(',', AssetField::locked, asset.locked);
      out_ += '}';
    }
    out_ += ']';
  }

  void write_units(const OrderbookEvent& event) {
    const auto write_number = [&](char separator, UnitField field, auto value) {
      write_key(separator, kUnitFields[static_cast<std::size_t>(field)].key(simple_));
      write_value(value);
    };
    out_ += '[';
    for (std::size_t i = 0; i < event.unit_count; ++i) {
      if (i != 0) out_ += ',';
      write_number('{', UnitField::ask_price, event.units()[i].ask_price);
      write_number(',', UnitField::bid_price, event.units()[i].bid_price);
      write_number(',', UnitField::ask_size, event.ask_size(i));
      write_number(',', UnitField::bid_size, event.bid_size(i));
      out_ += '}';
    }
    out_ += ']';
  }

  template <class Number>
  requires requires(char* out, Number value) { upfeed::to_chars(out, value); }
  void write_value(const Number& value) {
    std::array<char, kNumberTextMax> text;
    out_.append(text.data(), upfeed::to_chars(text.data(), value));
  }
  void write_value(std::uint64_t value) {
    std::array<char, 20> text;
    out_.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
  }
  void write_value(ExchangeTime value) { write_value(static_cast<std::uint64_t>(value.wire())); }
  void write_value(bool value) { out_ += value ? "true" : "false"; }
  template <std::size_t kCapacity>
  void write_value(const InlineText<kCapacity>& value) {
    append_json_string(value.view(), out_);
  }
  void write_value(Side value) { write_text(kSideTexts[static_cast<std::size_t>(value)]); }
  void write_value(Change value) { write_text(kChangeTexts[static_cast<std::size_t>(value)]); }
  void write_value(StreamType value) {
    write_text(kStreamTypeTexts[static_cast<std::size_t>(value)]);
  }
  void write_text(std::string_view text) { append_json_string(text, out_); }

  bool simple_;
  std::string& out_;
};

}  // namespace

std::size_t encode(const EventHeader& event, WireFormat format, std::string& out) {
  const std::size_t size_before = out.size();
  const bool list = format == WireFormat::json_list || format == WireFormat::simple_list;
  const bool simple = format == WireFormat::simple || format == WireFormat::simple_list;
  visit(event, [&](const auto& typed) {
    using Event = std::remove_cvref_t<decltype(typed)>;
    if constexpr (kHasJson<Event>) {
      if (typed.simple_names != simple) return;
      if (list) out += '[';
      out += typed.json();
      if (list) out += ']';
    } else if constexpr (requires { FieldTable<Event>::kEntries; }) {
      if (list) out += '[';
      FrameWriter(simple, out).write(typed);
      if (list) out += ']';
    }
  });
  return out.size() - size_before;
}

}  // namespace upfeed
