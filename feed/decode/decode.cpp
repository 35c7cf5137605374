#include "decode/decode.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "decode/account_fields.hpp"
#include "decode/fast/fast.hpp"
#include "decode/json_text.hpp"
#include "decode/json_walk.hpp"
#include "decode/value.hpp"
#include "upfeed/assert.hpp"

namespace upfeed {

using namespace detail;

static_assert(kDecodePadding >= simdjson::SIMDJSON_PADDING);

namespace {

using Shape = Value::Shape;

/// What the first walk found out about a frame.
struct Identity {
  FrameClass frame_class = FrameClass::unknown;
  EventKind kind = EventKind::status;
  CandleUnit unit = CandleUnit::m1;
  bool simple = false;  ///< aliases, not full names
};

/// The keys that tell frames that are no market data apart.
struct ControlKey {
  std::string_view name;
  std::string_view alias;
  FrameClass frame_class;
  std::string_view only_value;
};
constexpr std::array<ControlKey, 3> kControlKeys{
    {{"status", "status", FrameClass::status_up, "UP"},
     {"error", "error", FrameClass::error, {}},
     {"method", "mthd", FrameClass::subscriptions, "LIST_SUBSCRIPTIONS"}}};

/// A required value came as something else.
DecodeErrc wrong_shape(const Value& value) noexcept {
  return value.shape == Shape::null ? DecodeErrc::unexpected_null : DecodeErrc::wrong_value_type;
}

}  // namespace

class Decoder::Impl {
 public:
  Impl(MarketTable& markets, UnknownMarkets policy, std::size_t frame_bytes_max,
       DecodeKernel kernel)
      : markets_(markets),
        policy_(policy),
        frame_bytes_max_(frame_bytes_max),
        fast_decode_(fast_decoder(kernel)),
        scratch_buffer_(std::make_unique<char[]>(frame_bytes_max)) {
    // The frame's nesting, the bracket of a list, and what simdjson counts on top of them.
    if (parser_.allocate(frame_bytes_max, kDecodeDepthMax + 4) != simdjson::SUCCESS) {
      throw std::bad_alloc();
    }
  }

  Decoded decode(std::span<const char> payload, const FrameMeta& meta,
                 std::span<std::byte> slot) noexcept {
    UPFEED_ASSERT(slot.size() >= event_room_bytes(payload.size()));
    UPFEED_ASSERT(reinterpret_cast<std::uintptr_t>(slot.data()) % alignof(EventHeader) == 0);
    const std::string_view text = trim({payload.data(), payload.size()});
    Decoded decoded;  // where the caller wants it: to copy what was just written would stall
    decoded.fast = decode_fast(text, meta, slot.data(), decoded);
    if (decoded.fast) return decoded;
    decoded_ = {};
    room_bytes_ = event_room_bytes(payload.size());
    decoded_.errc = decode_text(text, meta, slot.data());
    if (!decoded_.ok()) decoded_.size_bytes = 0;
    decoded = decoded_;
    return decoded;
  }

 private:
  bool decode_fast(std::string_view text, const FrameMeta& meta, std::byte* slot,
                   Decoded& decoded) noexcept {
    if (fast_decode_ == nullptr || text.size() > frame_bytes_max_) return false;
    const FastContext context{markets_, policy_ == UnknownMarkets::intern, wide_};
    return fast_decode_(text, meta, slot, context, decoded);
  }
  DecodeErrc decode_text(std::string_view text, const FrameMeta& meta, std::byte* slot) noexcept;
  DecodeErrc identify(ondemand::object object, Identity& identity) noexcept;
  DecodeErrc identify_type(const Value& value, Identity& identity) noexcept;
  DecodeErrc decode_control(ondemand::object object, FrameClass frame_class) noexcept;
  DecodeErrc read_server_error(const Value& value) noexcept;
  DecodeErrc decode_object(ondemand::object object, const Identity& identity, const FrameMeta& meta,
                           std::byte* slot) noexcept;
  template <class Event>
  DecodeErrc decode_event(ondemand::object object, const Identity& identity, const FrameMeta& meta,
                          std::byte* slot) noexcept;
  template <class Event>
  DecodeErrc read_field(const FieldEntry<Event>& entry, const Value& value, bool simple,
                        Event& event) noexcept;
  template <class T>
  DecodeErrc read_member(const Value& value, bool quotable, T& member) noexcept;
  DecodeErrc read_code(const Value& value, EventHeader& event) noexcept;
  template <class Enum>
  DecodeErrc read_word(const Value& value, Enum& word, InlineText<23>& text) noexcept;
  DecodeErrc leave_out(const Value& value, EventHeader& event) noexcept;
  DecodeErrc read_behind(const Value& value, std::size_t event_bytes, EventHeader& event,
                         TextPart& part) noexcept;
  DecodeErrc append_text(std::string_view text, std::size_t event_bytes, EventHeader& event,
                         TextPart& part) noexcept;
  template <class Event>
  DecodeErrc read_records(const Value& value, bool simple, Event& event) noexcept;
  DecodeErrc read_assets(const Value& value, bool simple, MyAssetEvent& event) noexcept;
  DecodeErrc read_asset(const Value& value, bool simple, MyAsset& asset) noexcept;
  DecodeErrc read_units(const Value& value, bool simple, OrderbookEvent& event) noexcept;
  DecodeErrc read_unit(const Value& value, bool simple, BookUnit& unit,
                       WideUnitSizes& wide) noexcept;
  template <class Entries>
  DecodeErrc find_key(Key key, const Entries& entries, bool simple, std::size_t expected,
                      std::size_t& index) noexcept;
  DecodeErrc key_text(Key key, std::string_view& text) noexcept {
    return scratch_.unescape(key.escaped(), text);
  }

  MarketTable& markets_;
  UnknownMarkets policy_;
  std::size_t frame_bytes_max_;
  FastDecode fast_decode_;
  simdjson::ondemand::parser parser_;
  std::unique_ptr<char[]> scratch_buffer_;
  TextScratch scratch_;
  std::size_t room_bytes_ = 0;    // of the slot
  std::string_view object_text_;  // the frame without a list's brackets
  std::array<WideUnitSizes, kBookDepthMax> wide_;
  Decoded decoded_;
};

/// text  without white space around it.
DecodeErrc Decoder::Impl::decode_text(std::string_view text, const FrameMeta& meta,
                                      std::byte* slot) noexcept {
  if (text.size() > frame_bytes_max_) return DecodeErrc::too_big;
  if (text.empty()) return DecodeErrc::bad_json;
  const bool list = text.front() == '[';
  if (!list && text.front() != '{') return DecodeErrc::not_an_object;
  object_text_ = list ? trim(text.substr(1, text.size() - 2)) : text;

  ondemand::document document;
  if (const auto error =
          parser_.iterate(text.data(), text.size(), text.size() + kDecodePadding).get(document)) {
    return errc_of(error);
  }
  Root root(document, list);
  ondemand::object object;
  Identity identity;
  scratch_.reset(scratch_buffer_.get());
  DecodeErrc errc = root.open(object);
  if (errc == DecodeErrc::ok) errc = identify(object, identity);
  if (errc != DecodeErrc::ok) return errc;

  decoded_.frame_class = identity.frame_class;
  scratch_.reset(scratch_buffer_.get());
  errc = root.open(object);
  if (errc != DecodeErrc::ok) return errc;
  if (identity.frame_class == FrameClass::event) {
    decoded_.has_kind = true;
    decoded_.kind = identity.kind;
    errc = decode_object(object, identity, meta, slot);
  } else {
    errc = decode_control(object, identity.frame_class);
    if (identity.frame_class == FrameClass::subscriptions) decoded_.subscriptions_json = text;
  }
  if (errc != DecodeErrc::ok) return errc;
  return root.close();
}

/// Walks as far as the first of `type` and `ty`, which then decides the names of all other keys;
/// a frame that has neither is walked to its end.
DecodeErrc Decoder::Impl::identify(ondemand::object object, Identity& identity) noexcept {
  for (auto element : object) {
    Key key;
    Value value;
    std::string_view name;
    DecodeErrc errc = read_pair(std::move(element), key, value);
    if (errc == DecodeErrc::ok) errc = key_text(key, name);
    if (errc != DecodeErrc::ok) return errc;
    if (name == "type" || name == "ty") {
      identity.simple = name == "ty";
      return identify_type(value, identity);
    }
    for (const ControlKey& control : kControlKeys) {
      if (name == control.name || name == control.alias) {
        identity.frame_class = std::min(identity.frame_class, control.frame_class);
      }
    }
    errc = check_value(value, 1, scratch_);
    if (errc != DecodeErrc::ok) return errc;
  }
  return identity.frame_class == FrameClass::unknown ? DecodeErrc::missing_type : DecodeErrc::ok;
}

DecodeErrc Decoder::Impl::identify_type(const Value& value, Identity& identity) noexcept {
  if (value.shape != Shape::text) return wrong_shape(value);
  std::string_view text;
  const DecodeErrc errc = scratch_.unescape(value.token, text);
  if (errc != DecodeErrc::ok) return errc;
  identity.frame_class = FrameClass::event;
  return parse_type(text, identity.kind, identity.unit);
}

DecodeErrc Decoder::Impl::decode_control(ondemand::object object, FrameClass frame_class) noexcept {
  const ControlKey& control =
      *std::find_if(kControlKeys.begin(), kControlKeys.end(),
                    [&](const ControlKey& entry) { return entry.frame_class == frame_class; });
  bool seen = false;
  return for_each_key(object, [&](Key key, const Value& value) {
    std::string_view text;
    const DecodeErrc errc = key_text(key, text);
    if (errc != DecodeErrc::ok) return errc;
    if (text != control.name && text != control.alias) return check_value(value, 1, scratch_);
    if (seen) return DecodeErrc::duplicate_key;
    seen = true;
    if (frame_class == FrameClass::error) return read_server_error(value);
    if (value.shape != Shape::text) return wrong_shape(value);
    const DecodeErrc read = scratch_.unescape(value.token, text);
    if (read != DecodeErrc::ok) return read;
    return text == control.only_value ? DecodeErrc::ok : DecodeErrc::unknown_type;
  });
}

DecodeErrc Decoder::Impl::read_server_error(const Value& value) noexcept {
  if (value.shape != Shape::object) return wrong_shape(value);
  ondemand::object object;
  ondemand::value node = value.node;
  if (const auto error = node.get_object().get(object)) return errc_of(error);
  std::array<std::string_view*, 2> pending{&decoded_.error.name, &decoded_.error.message};
  return for_each_key(object, [&](Key key, const Value& member) {
    std::string_view text;
    const DecodeErrc errc = key_text(key, text);
    if (errc != DecodeErrc::ok) return errc;
    if (text != "name" && text != "message") return check_value(member, 2, scratch_);
    std::string_view* const out = std::exchange(pending[text == "name" ? 0 : 1], nullptr);
    if (out == nullptr) return DecodeErrc::duplicate_key;
    if (member.shape == Shape::text) return scratch_.unescape(member.token, *out);
    if (member.shape != Shape::number) return wrong_shape(member);
    *out = member.token;  // REST writes the HTTP status as `name`
    return check_value(member, 2, scratch_);
  });
}

DecodeErrc Decoder::Impl::decode_object(ondemand::object object, const Identity& identity,
                                        const FrameMeta& meta, std::byte* slot) noexcept {
  switch (identity.kind) {
    case EventKind::ticker:
      return decode_event<TickerEvent>(object, identity, meta, slot);
    case EventKind::trade:
      return decode_event<TradeEvent>(object, identity, meta, slot);
    case EventKind::orderbook:
      return decode_event<OrderbookEvent>(object, identity, meta, slot);
    case EventKind::candle:
      return decode_event<CandleEvent>(object, identity, meta, slot);
    case EventKind::my_order:
      return decode_event<MyOrderEvent>(object, identity, meta, slot);
    case EventKind::my_asset:
      return decode_event<MyAssetEvent>(object, identity, meta, slot);
    case EventKind::announcement:
      return decode_event<AnnouncementEvent>(object, identity, meta, slot);
    case EventKind::indicator:
      return decode_event<IndicatorEvent>(object, identity, meta, slot);
    case EventKind::indicator_signal:
      return decode_event<IndicatorSignalEvent>(object, identity, meta, slot);
    default:
      break;
  }
  return DecodeErrc::unknown_type;
}

template <class Event>
DecodeErrc Decoder::Impl::decode_event(ondemand::object object, const Identity& identity,
                                       const FrameMeta& meta, std::byte* slot) noexcept {
  Event& event = *new (slot) Event;
  event.kind = Event::kKind;
  event.size_bytes = sizeof(Event);
  stamp(event, meta);
  if constexpr (std::is_same_v<Event, CandleEvent>) event.unit = identity.unit;

  std::size_t expected = 0;  // the documented order, until a frame differs
  std::uint64_t seen = 0;
  DecodeErrc errc = for_each_key(object, [&](Key key, const Value& value) {
    std::size_t index = 0;
    const DecodeErrc found = find_key(key, kFields<Event>, identity.simple, expected, index);
    if (found != DecodeErrc::ok) return found;
    if (index == kFields<Event>.size()) return check_value(value, 1, scratch_);
    expected = index + 1;
    const FieldEntry<Event>& entry = kFields<Event>[index];
    if ((seen & entry.bit()) != 0) return DecodeErrc::duplicate_key;
    seen |= entry.bit();
    const DecodeErrc read = read_field(entry, value, identity.simple, event);
    if (read != DecodeErrc::ok && entry.left_out()) return leave_out(value, event);
    event.present |= entry.bit();
    return read;
  });
  if (errc != DecodeErrc::ok) return errc;
  if ((seen & kRequiredMask<Event>) != kRequiredMask<Event>) return DecodeErrc::missing_field;
  if constexpr (kHasJson<Event>) {
    event.simple_names = identity.simple;
    errc = append_text(object_text_, sizeof(Event), event, event.json_part);
    if (errc != DecodeErrc::ok) return errc;
  }
  decoded_.size_bytes = event.size_bytes;
  return DecodeErrc::ok;
}

/// index  of the entry that key names, entries.size() when it names none. The entry after the last
/// one found is tried first: in frames as documented each key costs one comparison.
template <class Entries>
DecodeErrc Decoder::Impl::find_key(Key key, const Entries& entries, bool simple,
                                   std::size_t expected, std::size_t& index) noexcept {
  index = expected;
  if (expected < entries.size() && key.is(entries[expected].key(simple))) return DecodeErrc::ok;
  std::string_view text;
  const DecodeErrc errc = key_text(key, text);
  if (errc != DecodeErrc::ok) return errc;
  for (index = 0; index < entries.size(); ++index) {
    if (entries[index].key(simple) == text) break;
  }
  return DecodeErrc::ok;
}

template <class Event>
DecodeErrc Decoder::Impl::read_field(const FieldEntry<Event>& entry, const Value& value,
                                     bool simple, Event& event) noexcept {
  if (value.shape == Shape::null) {
    if (!entry.nullable()) return DecodeErrc::unexpected_null;
    event.null |= entry.bit();
    return DecodeErrc::ok;
  }
  return std::visit(
      [&](auto slot) -> DecodeErrc {
        using SlotType = decltype(slot);
        if constexpr (std::is_same_v<SlotType, TypeSlot>) {
          return DecodeErrc::ok;  // the first walk read it
        } else if constexpr (std::is_same_v<SlotType, CodeSlot>) {
          return read_code(value, event);
        } else if constexpr (std::is_same_v<SlotType, TextPart Event::*>) {
          return read_behind(value, sizeof(Event), event, event.*slot);
        } else if constexpr (std::is_member_object_pointer_v<SlotType>) {
          return read_member(value, entry.quotable(), event.*slot);
        } else if constexpr (std::is_same_v<SlotType, UnitsSlot> ||
                             std::is_same_v<SlotType, AssetsSlot>) {
          return read_records(value, simple, event);
        } else {
          return read_word(value, event.*slot.value, event.*slot.text);
        }
      },
      entry.slot);
}

template <class T>
DecodeErrc Decoder::Impl::read_member(const Value& value, bool quotable, T& member) noexcept {
  if constexpr (std::is_same_v<T, bool>) {
    if (value.shape != Shape::boolean) return wrong_shape(value);
    member = value.token == "true";
    return DecodeErrc::ok;
  } else {
    if (value.shape == Shape::text && (kWrittenAsText<T> || quotable)) {
      std::string_view text;
      const DecodeErrc errc = scratch_.unescape(value.token, text);
      return errc != DecodeErrc::ok ? errc : parse_value(text, member);
    }
    if (value.shape != Shape::number || kWrittenAsText<T>) return wrong_shape(value);
    return parse_value(value.token, member);
  }
}

DecodeErrc Decoder::Impl::read_code(const Value& value, EventHeader& event) noexcept {
  if (value.shape != Shape::text) return wrong_shape(value);
  std::string_view text;
  const DecodeErrc errc = scratch_.unescape(value.token, text);
  if (errc != DecodeErrc::ok) return errc;
  const auto code = MarketCode::parse(text);
  if (!code) return DecodeErrc::bad_code;
  event.code = *code;
  event.market = markets_.find(*code);
  // An own order counts whether or not anybody subscribed its market.
  const bool own = event.kind == EventKind::my_order;
  if (!event.market.valid() && (own || policy_ == UnknownMarkets::intern)) {
    event.market = markets_.intern(*code);
  }
  decoded_.market = event.market;
  return own || event.market.valid() ? DecodeErrc::ok : DecodeErrc::unknown_market;
}

template <class Enum>
DecodeErrc Decoder::Impl::read_word(const Value& value, Enum& word, InlineText<23>& text) noexcept {
  if (value.shape != Shape::text) return wrong_shape(value);
  std::string_view unescaped;
  const DecodeErrc errc = scratch_.unescape(value.token, unescaped);
  return errc != DecodeErrc::ok ? errc : parse_word(unescaped, word, text);
}

/// For a value that its member did not take: still all of it must be JSON.
DecodeErrc Decoder::Impl::leave_out(const Value& value, EventHeader& event) noexcept {
  event.flags = static_cast<std::uint16_t>(event.flags | kIncomplete);
  return check_value(value, 1, scratch_);
}

DecodeErrc Decoder::Impl::read_behind(const Value& value, std::size_t event_bytes,
                                      EventHeader& event, TextPart& part) noexcept {
  if (value.shape != Shape::text) return wrong_shape(value);
  std::string_view text;
  const DecodeErrc errc = scratch_.unescape(value.token, text);
  return errc != DecodeErrc::ok ? errc : append_text(text, event_bytes, event, part);
}

DecodeErrc Decoder::Impl::append_text(std::string_view text, std::size_t event_bytes,
                                      EventHeader& event, TextPart& part) noexcept {
  if (text.size() > room_bytes_ - event.size_bytes) return DecodeErrc::too_big;
  std::memcpy(reinterpret_cast<std::byte*>(&event) + event.size_bytes, text.data(), text.size());
  part.offset_bytes = static_cast<std::uint32_t>(event.size_bytes - event_bytes);
  part.size_bytes = static_cast<std::uint32_t>(text.size());
  event.size_bytes += part.size_bytes;
  return DecodeErrc::ok;
}

template <class Event>
DecodeErrc Decoder::Impl::read_records(const Value& value, bool simple, Event& event) noexcept {
  if constexpr (std::is_same_v<Event, OrderbookEvent>) {
    return read_units(value, simple, event);
  } else if constexpr (std::is_same_v<Event, MyAssetEvent>) {
    return read_assets(value, simple, event);
  } else {
    return DecodeErrc::wrong_value_type;  // no other table has records
  }
}

DecodeErrc Decoder::Impl::read_assets(const Value& value, bool simple,
                                      MyAssetEvent& event) noexcept {
  if (value.shape != Shape::array) return wrong_shape(value);
  ondemand::array array;
  ondemand::value node = value.node;
  if (const auto error = node.get_array().get(array)) return errc_of(error);
  return for_each_element(array, [&](const Value& element) {
    if (sizeof(MyAsset) > room_bytes_ - event.size_bytes) return DecodeErrc::too_big;
    MyAsset& asset = *new (event.asset_array() + event.asset_count) MyAsset;
    ++event.asset_count;
    event.size_bytes += static_cast<std::uint32_t>(sizeof(MyAsset));
    return read_asset(element, simple, asset);
  });
}

DecodeErrc Decoder::Impl::read_asset(const Value& value, bool simple, MyAsset& asset) noexcept {
  if (value.shape != Shape::object) return wrong_shape(value);
  ondemand::object object;
  ondemand::value node = value.node;
  if (const auto error = node.get_object().get(object)) return errc_of(error);
  std::size_t expected = 0;
  unsigned present = 0;
  const DecodeErrc errc = for_each_key(object, [&](Key key, const Value& member) {
    std::size_t index = 0;
    const DecodeErrc found = find_key(key, kAssetFields, simple, expected, index);
    if (found != DecodeErrc::ok) return found;
    if (index == kAssetFields.size()) return check_value(member, 3, scratch_);
    expected = index + 1;
    if ((present >> index & 1U) != 0) return DecodeErrc::duplicate_key;
    present |= 1U << index;
    switch (static_cast<AssetField>(index)) {
      case AssetField::currency:
        return read_member(member, false, asset.currency);
      case AssetField::balance:
        return read_member(member, true, asset.balance);
      case AssetField::locked:
        return read_member(member, true, asset.locked);
    }
    return DecodeErrc::ok;
  });
  if (errc != DecodeErrc::ok) return errc;
  return present == 0b111 ? DecodeErrc::ok : DecodeErrc::missing_field;
}

DecodeErrc Decoder::Impl::read_units(const Value& value, bool simple,
                                     OrderbookEvent& event) noexcept {
  if (value.shape != Shape::array) return wrong_shape(value);
  ondemand::array array;
  ondemand::value node = value.node;
  if (const auto error = node.get_array().get(array)) return errc_of(error);
  std::size_t count = 0;
  bool needs_wide = false;
  const DecodeErrc errc = for_each_element(array, [&](const Value& element) {
    if (count == kBookDepthMax) return DecodeErrc::depth_exceeded;
    BookUnit unit;
    const DecodeErrc read = read_unit(element, simple, unit, wide_[count]);
    needs_wide |= unit.ask_size.in_wide_form() || unit.bid_size.in_wide_form();
    event.unit_array()[count++] = unit;
    return read;
  });
  if (errc == DecodeErrc::ok) finish_units(event, count, wide_, needs_wide);
  return errc;
}

DecodeErrc Decoder::Impl::read_unit(const Value& value, bool simple, BookUnit& unit,
                                    WideUnitSizes& wide) noexcept {
  if (value.shape != Shape::object) return wrong_shape(value);
  ondemand::object object;
  ondemand::value node = value.node;
  if (const auto error = node.get_object().get(object)) return errc_of(error);
  std::size_t expected = 0;
  unsigned present = 0;
  const DecodeErrc errc = for_each_key(object, [&](Key key, const Value& member) {
    std::size_t index = 0;
    const DecodeErrc found = find_key(key, kUnitFields, simple, expected, index);
    if (found != DecodeErrc::ok) return found;
    if (index == kUnitFields.size()) return check_value(member, 3, scratch_);
    expected = index + 1;
    if ((present >> index & 1U) != 0) return DecodeErrc::duplicate_key;
    present |= 1U << index;
    if (member.shape != Shape::number) return wrong_shape(member);
    switch (static_cast<UnitField>(index)) {
      case UnitField::ask_price:
        return parse_level_value(member.token, unit.ask_price);
      case UnitField::bid_price:
        return parse_level_value(member.token, unit.bid_price);
      case UnitField::ask_size:
        return parse_level_value(member.token, wide.ask_size);
      case UnitField::bid_size:
        return parse_level_value(member.token, wide.bid_size);
    }
    return DecodeErrc::ok;
  });
  if (errc != DecodeErrc::ok) return errc;
  unit.ask_size = Quantity::narrow(wide.ask_size);
  unit.bid_size = Quantity::narrow(wide.bid_size);
  return present == 0b1111 ? DecodeErrc::ok : DecodeErrc::missing_field;
}

Decoder::Decoder(MarketTable& markets, UnknownMarkets policy, std::size_t frame_bytes_max,
                 DecodeKernel kernel) {
  if (!decode_kernel_supported(kernel)) throw std::invalid_argument("kernel");
  if (frame_bytes_max < 64 || frame_bytes_max > (std::size_t{1} << 30)) {
    throw std::invalid_argument("frame_bytes_max");
  }
  impl_ = std::make_unique<Impl>(markets, policy, frame_bytes_max, kernel);
}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Decoded Decoder::decode(std::span<const char> payload, const FrameMeta& meta,
                        std::span<std::byte> slot) noexcept {
  return impl_->decode(payload, meta, slot);
}

}  // namespace upfeed
