#include "captured_market.hpp"

#include <cstring>
#include <new>

#include "decode/decode.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/encode.hpp"

namespace upfeed::program {
namespace {

constexpr std::uint32_t kMarketsMax = 65'536;

/// A decoder with a slot of its own.
class OneFrame {
 public:
  /// nullptr: no market data. Valid until the next call.
  const EventHeader* decode(std::span<const char> payload) {
    const Decoded decoded = decoder_.decode(payload, {}, slot_);
    if (!decoded.is_event() || !is_market_stream(decoded.kind)) return nullptr;
    return std::launder(reinterpret_cast<const EventHeader*>(slot_.data()));
  }

 private:
  MarketTable markets_{kMarketsMax};
  Decoder decoder_{markets_, UnknownMarkets::intern};
  alignas(16) std::array<std::byte, kEventBytesMax> slot_{};
};

std::string stream_name(const EventHeader& event) {
  std::string name(to_string(event.kind));
  if (event.kind == EventKind::candle) {
    name += "." + std::string(to_string(static_cast<const CandleEvent&>(event).unit));
  }
  return name;
}

/// Of a frame that decodes: a list starts with a bracket, and only short keys have "ty".
sim::Format format_of(std::string_view payload) {
  const bool list = payload.substr(payload.find_first_not_of(" \t\r\n")).starts_with('[');
  const bool simple = payload.find("\"ty\"") != std::string_view::npos;
  if (list) return simple ? sim::Format::simple_list : sim::Format::json_list;
  return simple ? sim::Format::simple : sim::Format::full;
}

WireFormat wire_format(sim::Format format) {
  switch (format) {
    case sim::Format::simple:
      return WireFormat::simple;
    case sim::Format::json_list:
      return WireFormat::json_list;
    case sim::Format::simple_list:
      return WireFormat::simple_list;
    case sim::Format::full:
      break;
  }
  return WireFormat::default_;
}

}  // namespace

Result<CapturedMarket> load_capture(const std::string& path) {
  Result<CaptureReader> reader = CaptureReader::open(path);
  if (!reader) return reader.error();
  CapturedMarket market{.frames = std::make_shared<std::vector<sim::CapturedFrame>>()};
  OneFrame decoder;
  CapturedFrame frame;
  for (;;) {
    const CaptureStep step = reader->next(frame);
    if (step == CaptureStep::end) break;
    if (step == CaptureStep::bad_line) {
      ++market.bad_lines;
      continue;
    }
    const EventHeader* const event = decoder.decode(frame.payload);
    if (event == nullptr) {
      ++market.left_out;
      continue;
    }
    const std::string_view payload(frame.payload.data(), frame.payload.size());
    market.frames->push_back({.type = stream_name(*event),
                              .code = std::string(event->code.view()),
                              .format = format_of(payload),
                              .payload = std::string(payload),
                              .receive_time_ns = frame.received_unix_ns});
  }
  if (market.frames->empty()) {
    return Error{Errc::bad_capture,
                 "capture \"" + path + "\" holds no ticker, trade, orderbook or candle frame"};
  }
  return market;
}

sim::Transcoder make_transcoder() {
  // Frames come without the bytes that the decoder wants behind them, so they are copied.
  struct State {
    OneFrame decoder;
    std::string padded;
  };
  auto state = std::make_shared<State>();
  return [state](std::string_view in, sim::Format, sim::Format to, std::string& out) {
    state->padded.assign(in);
    state->padded.append(kDecodePadding, '\0');
    const EventHeader* const event = state->decoder.decode({state->padded.data(), in.size()});
    if (event == nullptr) return false;
    out.clear();
    encode(*event, wire_format(to), out);
    return true;
  };
}

}  // namespace upfeed::program
