#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>

#include "decode/decode.hpp"
#include "upfeed/events.hpp"

namespace upfeed::program {

/// Decodes one captured frame after the other, whatever its market.
class FrameDecoder {
 public:
  /// payload  kDecodePadding readable bytes follow it. The result is valid until the next call.
  const Decoded& decode(std::span<const char> payload, const FrameMeta& meta = {}) {
    decoded_ = decoder_.decode(payload, meta, slot_);
    return decoded_;
  }
  /// Of the last frame; nullptr: it is none.
  [[nodiscard]] const EventHeader* event() const {
    if (!decoded_.is_event()) return nullptr;
    return std::launder(reinterpret_cast<const EventHeader*>(slot_.data()));
  }

 private:
  static constexpr std::uint32_t kMarketsMax = 65'536;
  MarketTable markets_{kMarketsMax};
  Decoder decoder_{markets_, UnknownMarkets::intern};
  Decoded decoded_;
  alignas(16) std::array<std::byte, kEventBytesMax> slot_{};
};

/// "trade", "orderbook", "candle.1m", "myOrder"
[[nodiscard]] inline std::string stream_name(const EventHeader& event) {
  std::string name(to_string(event.kind));
  if (event.kind == EventKind::candle) {
    name += "." + std::string(to_string(static_cast<const CandleEvent&>(event).unit));
  }
  return name;
}

/// What a frame without an event is: "error frame", "refused as bad_json", "unsupported type
/// myFee".
[[nodiscard]] std::string describe_other(const Decoded& decoded, std::span<const char> payload);
/// A frame that could not be decoded, though its stream is one that the library knows.
[[nodiscard]] inline bool is_refused(const Decoded& decoded) {
  return !decoded.ok() && decoded.errc != DecodeErrc::unknown_type;
}

}  // namespace upfeed::program
