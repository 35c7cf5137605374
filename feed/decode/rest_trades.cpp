#include "decode/rest_trades.hpp"

#include <simdjson.h>

#include "decode/value.hpp"

namespace upfeed::detail {

namespace {

namespace ondemand = simdjson::ondemand;
using Field = TradeEvent::Field;

/// The member that a key names, and the bit that says it was there.
class TradeReader {
 public:
  explicit TradeReader(TradeEvent& event) : event_(event) {}

  [[nodiscard]] bool read(std::string_view key, ondemand::value value) {
    if (key == "trade_date_utc") return text(value, event_.trade_date, Field::trade_date);
    if (key == "trade_time_utc") return text(value, event_.trade_time, Field::trade_time);
    if (key == "ask_bid") return text(value, event_.ask_bid, Field::ask_bid);
    if (key == "timestamp") return number(value, event_.trade_timestamp, Field::trade_timestamp);
    if (key == "trade_price") return number(value, event_.trade_price, Field::trade_price);
    if (key == "trade_volume") return number(value, event_.trade_volume, Field::trade_volume);
    if (key == "sequential_id") return number(value, event_.sequential_id, Field::sequential_id);
    if (key == "prev_closing_price") {
      return number(value, event_.prev_closing_price, Field::prev_closing_price);
    }
    if (key == "change_price") {
      // Signed here, absolute on the WebSocket.
      if (!number(value, event_.change_price, Field::change_price)) return false;
      const std::int64_t raw = event_.change_price.raw();
      if (raw < 0) event_.change_price = Price::from_raw(-raw);
    }
    return true;
  }
  [[nodiscard]] bool complete() const {
    return event_.has(Field::trade_timestamp) && event_.has(Field::trade_price) &&
           event_.has(Field::trade_volume) && event_.has(Field::ask_bid) &&
           event_.has(Field::sequential_id);
  }

 private:
  void there(Field field) { event_.present |= std::uint64_t{1} << static_cast<unsigned>(field); }

  template <class T>
  bool number(ondemand::value value, T& member, Field field) {
    std::string_view token = value.raw_json_token();
    while (!token.empty() && token.back() <= ' ') token.remove_suffix(1);
    there(field);
    return parse_value(token, member) == DecodeErrc::ok;
  }
  template <class T>
  bool text(ondemand::value value, T& member, Field field) {
    std::string_view found;
    if (value.get_string().get(found)) return false;
    there(field);
    return parse_value(found, member) == DecodeErrc::ok;
  }

  TradeEvent& event_;
};

bool read_trade(ondemand::object object, TradeEvent& event) {
  event.kind = EventKind::trade;
  event.size_bytes = sizeof event;
  event.flags = kBackfilled;
  TradeReader reader(event);
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) || field.value().get(value)) return false;
    if (!reader.read(key, value)) return false;
  }
  return reader.complete();
}

}  // namespace

bool read_rest_trades(const std::string& body, std::vector<TradeEvent>& out) {
  const std::size_t before = out.size();
  const simdjson::padded_string padded(body);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::array rows;
  bool good = !parser.iterate(padded).get(document) && !document.get_array().get(rows);
  if (good) {
    for (auto row : rows) {
      ondemand::object object;
      good = !row.get_object().get(object) && read_trade(object, out.emplace_back());
      if (!good) break;
    }
  }
  good = good && document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  if (!good) out.resize(before);
  return good;
}

}  // namespace upfeed::detail
