#include "on_demand.hpp"

#include <simdjson.h>

#include <type_traits>
#include <utility>
#include <variant>

#include "decode/fields.hpp"

#define UPFEED_TEXT_OF_TOKEN(name) #name
#define UPFEED_TEXT_OF(macro) UPFEED_TEXT_OF_TOKEN(macro)

namespace upfeed::bench {
namespace {

using namespace upfeed::detail;
namespace ondemand = simdjson::ondemand;

static_assert(kDecodePadding >= simdjson::SIMDJSON_PADDING);

bool read_units(ondemand::array units, bool simple, DoubleRecord& out) {
  const auto read = [simple](ondemand::object& unit, UnitField field, double& value) {
    const auto& key = kUnitFields[static_cast<std::size_t>(field)];
    return unit.find_field(key.key(simple)).get_double().get(value) == simdjson::SUCCESS;
  };
  out.unit_count = 0;
  for (auto element : units) {
    ondemand::object unit;
    if (out.unit_count == out.units.size() || element.get_object().get(unit)) return false;
    DoubleUnit& next = out.units[out.unit_count++];
    if (!read(unit, UnitField::ask_price, next.ask_price) ||
        !read(unit, UnitField::bid_price, next.bid_price) ||
        !read(unit, UnitField::ask_size, next.ask_size) ||
        !read(unit, UnitField::bid_size, next.bid_size)) {
      return false;
    }
  }
  return true;
}

template <class Event, std::size_t kIndex>
bool read_field(ondemand::document& document, bool simple, DoubleRecord& out) {
  constexpr const auto& kEntry = kFields<Event>[kIndex];
  constexpr auto kMember = std::get<kEntry.slot.index()>(kEntry.slot);
  using Member = std::remove_const_t<decltype(kMember)>;
  auto value = document.find_field(kEntry.key(simple));
  if constexpr (kEntry.nullable()) {
    if (value.is_null()) return true;
  }
  simdjson::error_code error = simdjson::SUCCESS;
  if constexpr (std::is_same_v<Member, TypeSlot> || std::is_same_v<Member, CodeSlot> ||
                std::is_same_v<Member, InlineText<15> Event::*> ||
                std::is_same_v<Member, InlineText<23> Event::*> ||
                std::is_same_v<Member, Side Event::*> || std::is_same_v<Member, Change Event::*> ||
                std::is_same_v<Member, StreamType Event::*>) {
    error = value.get_string().get(out.texts[kIndex]);
  } else if constexpr (std::is_same_v<Member, UnitsSlot>) {
    ondemand::array units;
    return value.get_array().get(units) == simdjson::SUCCESS && read_units(units, simple, out);
  } else if constexpr (std::is_same_v<Member, ExchangeTime Event::*> ||
                       std::is_same_v<Member, std::uint64_t Event::*>) {
    error = value.get_uint64().get(out.integers[kIndex]);
  } else if constexpr (std::is_same_v<Member, bool Event::*>) {
    bool flag = false;
    error = value.get_bool().get(flag);
    out.integers[kIndex] = flag ? 1 : 0;
  } else {
    error = value.get_double().get(out.numbers[kIndex]);
  }
  return error == simdjson::SUCCESS;
}

template <class Event, std::size_t... kIndex>
bool read_fields(ondemand::document& document, bool simple, DoubleRecord& out,
                 std::index_sequence<kIndex...>) {
  return (read_field<Event, kIndex>(document, simple, out) && ...);
}

}  // namespace

struct SimdjsonOnDemand::Impl {
  ondemand::parser parser;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;
};

SimdjsonOnDemand::SimdjsonOnDemand() : impl_(std::make_unique<Impl>()) {
  constexpr std::size_t kFrameBytesMax = 1U << 16U;
  if (simdjson::get_active_implementation()->create_dom_parser_implementation(
          kFrameBytesMax, 16, impl_->stages) != simdjson::SUCCESS) {
    throw std::bad_alloc();
  }
}
SimdjsonOnDemand::~SimdjsonOnDemand() = default;

template <class Event>
bool SimdjsonOnDemand::read(const Frame& frame, bool simple, DoubleRecord& out) {
  const std::string_view text = frame.text();
  ondemand::document document;
  if (impl_->parser.iterate(text.data(), text.size(), text.size() + kDecodePadding).get(document) !=
      simdjson::SUCCESS) {
    return false;
  }
  return read_fields<Event>(document, simple, out,
                            std::make_index_sequence<kFields<Event>.size()>());
}

bool SimdjsonOnDemand::stage1(const Frame& frame) {
  const std::string_view text = frame.text();
  return impl_->stages->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                               simdjson::stage1_mode::regular) == simdjson::SUCCESS;
}

std::string SimdjsonOnDemand::description() {
  return simdjson::get_active_implementation()->name() + " (stage 1), On-Demand of " +
         UPFEED_TEXT_OF(SIMDJSON_BUILTIN_IMPLEMENTATION);
}

template bool SimdjsonOnDemand::read<TickerEvent>(const Frame&, bool, DoubleRecord&);
template bool SimdjsonOnDemand::read<TradeEvent>(const Frame&, bool, DoubleRecord&);
template bool SimdjsonOnDemand::read<OrderbookEvent>(const Frame&, bool, DoubleRecord&);
template bool SimdjsonOnDemand::read<CandleEvent>(const Frame&, bool, DoubleRecord&);

}  // namespace upfeed::bench
