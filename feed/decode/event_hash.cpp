#include "upfeed/event_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstring>
#include <map>
#include <type_traits>
#include <variant>

#include "decode/account_fields.hpp"

namespace upfeed {
namespace {

using namespace detail;

/// Puts the canonical bytes of one event into a stream; the recipe is in README.md beside this
/// file.
class CanonicalBytes {
 public:
  explicit CanonicalBytes(XXH3_state_t& state) : state_(state) {}

  template <class Event>
  void put_event(const Event& event) {
    constexpr std::uint8_t kEnd = 0xFF;
    put_byte(Event::kKind);
    for (const FieldEntry<Event>& entry : kFields<Event>) {
      const bool null = event.is_null(entry.field);
      if (!event.has(entry.field) && !null) continue;
      put_byte(entry.field);
      put_byte(null);
      if (!null) std::visit([&](auto slot) { put_slot(event, slot); }, entry.slot);
    }
    if constexpr (kHasJson<Event>) put_long_text(event.json());
    put_byte(kEnd);
    flush();
  }

 private:
  template <class Event>
  void put_slot(const Event& event, TypeSlot) {
    if constexpr (std::is_same_v<Event, CandleEvent>) put_byte(event.unit);
  }
  template <class Event>
  void put_slot(const Event& event, CodeSlot) {
    put_text(event.code.view());
  }
  template <class Event>
  void put_slot(const Event& event, UnitsSlot) {
    if constexpr (std::is_same_v<Event, OrderbookEvent>) {
      put_byte(event.unit_count);
      for (std::size_t i = 0; i < event.unit_count; ++i) {
        put_value(event.units()[i].ask_price);
        put_value(event.units()[i].bid_price);
        put_value(event.ask_size(i));
        put_value(event.bid_size(i));
      }
    }
  }
  template <class Event>
  void put_slot(const Event& event, AssetsSlot) {
    if constexpr (std::is_same_v<Event, MyAssetEvent>) {
      put_little_endian(event.asset_count, 4);
      for (const MyAsset& asset : event.assets()) {
        put_value(asset.currency);
        put_value(asset.balance);
        put_value(asset.locked);
      }
    }
  }
  template <class Event>
  void put_slot(const Event& event, TextPart Event::*member) {
    put_long_text((event.*member).in(reinterpret_cast<const std::byte*>(&event) + sizeof(Event)));
  }
  template <class Event, class Enum>
  void put_slot(const Event& event, WordSlot<Event, Enum> slot) {
    put_text(word_of(event, slot));  // not its number, which a word gets when it becomes known
  }
  template <class Event, class T>
  void put_slot(const Event& event, T Event::*member) {
    put_value(event.*member);
  }

  void put_value(Price value) { put_little_endian(static_cast<std::uint64_t>(value.raw()), 8); }
  void put_value(WideQuantity value) { put_little_endian(static_cast<Uint128>(value.raw()), 16); }
  void put_value(const Decimal& value) {
    put_little_endian(static_cast<Uint128>(value.mantissa()), 16);
    put_little_endian(static_cast<std::uint32_t>(value.exponent()), 4);
  }
  void put_value(ExchangeTime value) {
    put_little_endian(static_cast<std::uint64_t>(value.unix_us()), 8);
  }
  void put_value(std::uint64_t value) { put_little_endian(value, 8); }
  void put_value(bool value) { put_byte(value); }
  void put_value(Side value) { put_byte(value); }
  void put_value(Change value) { put_byte(value); }
  void put_value(StreamType value) { put_byte(value); }
  template <std::size_t kCapacity>
  void put_value(const InlineText<kCapacity>& value) {
    put_text(value.view());
  }

  void put_text(std::string_view text) {
    put_byte(text.size());
    put_bytes(text);
  }
  void put_long_text(std::string_view text) {
    put_little_endian(text.size(), 4);
    put_bytes(text);
  }
  void put_bytes(std::string_view text) {
    if (text.size() > bytes_.size() - size_) flush();
    if (text.size() > bytes_.size()) {
      XXH3_64bits_update(&state_, text.data(), text.size());
      return;
    }
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void put_little_endian(Uint128 value, int bytes) {
    for (int i = 0; i < bytes; ++i) put_byte(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  template <class T>
  void put_byte(T value) {
    if (size_ == bytes_.size()) flush();
    bytes_[size_++] = static_cast<std::uint8_t>(value);
  }
  void flush() {
    XXH3_64bits_update(&state_, bytes_.data(), size_);
    size_ = 0;
  }

  XXH3_state_t& state_;
  std::array<std::uint8_t, 2048> bytes_;  // an order book of 30 units in one piece
  std::size_t size_ = 0;
};

}  // namespace

class EventHash::Impl {
 public:
  void add(const EventHeader& event) {
    visit(event, [&](const auto& typed) {
      using Event = std::remove_cvref_t<decltype(typed)>;
      if constexpr (requires { FieldTable<Event>::kEntries; }) {
        Stream& stream = streams_[event.connection];
        CanonicalBytes(stream.state).put_event(typed);
        ++stream.event_count;
        ++event_count_;
      }
    });
  }

  [[nodiscard]] std::uint64_t value() const {
    XXH3_state_t combined;
    XXH3_64bits_reset(&combined);
    for (const auto& [connection, stream] : streams_) {
      update(combined, stream.event_count);
      update(combined, XXH3_64bits_digest(&stream.state));
    }
    return XXH3_64bits_digest(&combined);
  }

  [[nodiscard]] std::uint64_t event_count() const { return event_count_; }

 private:
  struct Stream {
    Stream() { XXH3_64bits_reset(&state); }
    XXH3_state_t state;
    std::uint64_t event_count = 0;
  };

  static void update(XXH3_state_t& state, std::uint64_t value) {
    std::array<std::uint8_t, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    XXH3_64bits_update(&state, bytes.data(), bytes.size());
  }

  std::map<std::uint32_t, Stream> streams_;  // by connection number
  std::uint64_t event_count_ = 0;
};

EventHash::EventHash() : impl_(std::make_unique<Impl>()) {}
EventHash::~EventHash() = default;
EventHash::EventHash(EventHash&&) noexcept = default;
EventHash& EventHash::operator=(EventHash&&) noexcept = default;

void EventHash::add(const EventHeader& event) noexcept {
  impl_->add(event);
}
std::uint64_t EventHash::value() const noexcept {
  return impl_->value();
}
std::uint64_t EventHash::event_count() const noexcept {
  return impl_->event_count();
}

std::string EventHash::hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[value() >> shift & 15U];
  return text;
}

}  // namespace upfeed
