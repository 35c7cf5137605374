#include "captured_market.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "capture/merged_capture.hpp"
#include "frame_decoder.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "signals.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/encode.hpp"

namespace upfeed::program {
namespace {

using capture::MergedCapture;

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

/// false: no market data.
bool describe(const EventHeader* event, std::string_view payload, sim::CapturedFrame& out) {
  if (event == nullptr || !is_market_stream(event->kind)) return false;
  out = {.type = stream_name(*event),
         .code = std::string(event->code.view()),
         .format = format_of(payload),
         .payload = std::string(payload),
         .stream_type = event->stream_type == StreamType::snapshot ? sim::StreamType::snapshot
                                                                   : sim::StreamType::realtime};
  if (event->kind == EventKind::orderbook) {
    const auto& book = static_cast<const OrderbookEvent&>(*event);
    out.units = book.unit_count;
    // A grouping beyond what a price can be is none of the exchange's; nobody asks for it.
    const auto level = Price::parse(book.level.to_string());
    out.level = level ? level->raw() : -1;
  } else if (event->kind == EventKind::trade) {
    out.trade_id = static_cast<const TradeEvent&>(*event).sequential_id;
  }
  return true;
}

/// The market data of some files, merged by their times.
class FileSource final : public sim::CaptureSource {
 public:
  explicit FileSource(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  [[nodiscard]] const std::vector<std::string>& codes() const override { return codes_; }

  /// Reads everything once, and is at the start again.
  Result<CapturedMarket> scan() {
    Result<MergedCapture> capture = MergedCapture::open(paths_, {}, false);
    if (!capture) return capture.error();
    capture_.emplace(std::move(*capture));
    CapturedMarket market{.source = {}};
    Progress progress;
    CapturedFrame record;
    std::int64_t time_ns = 0;
    for (;;) {
      const CaptureStep step = capture_->next(record, time_ns);
      if (step == CaptureStep::end || stop_requested()) break;
      if (step == CaptureStep::bad_line) {
        ++market.bad_lines;
      } else if (is_data(record)) {
        count(record, time_ns, market);
      }
      if (progress.due()) {
        progress.show("reading once: " +
                      progress_text({capture_->bytes_read(), capture_->bytes_total()},
                                    market.frames, progress.seconds()));
      }
    }
    if (market.frames == 0) {
      return Error{Errc::bad_capture, "capture \"" + paths_.front() +
                                          "\" holds no ticker, trade, orderbook or candle frame"};
    }
    std::sort(codes_.begin(), codes_.end());
    Result<MergedCapture> again = MergedCapture::open(paths_, {}, false);
    if (!again) return again.error();
    capture_.emplace(std::move(*again));
    return market;
  }

  [[nodiscard]] bool next(sim::CapturedFrame& out) override {
    CapturedFrame record;
    std::int64_t time_ns = 0;
    for (;;) {
      const CaptureStep step = capture_->next(record, time_ns);
      if (step == CaptureStep::end) return false;
      if (step != CaptureStep::frame || !is_data(record)) continue;
      decoder_.decode(record.payload);
      const std::string_view payload(record.payload.data(), record.payload.size());
      if (!describe(decoder_.event(), payload, out)) continue;
      out.receive_time_ns = time_ns;
      return true;
    }
  }

 private:
  static bool is_data(const CapturedFrame& record) {
    constexpr std::uint8_t kFirstControlOpcode = 8;  // RFC 6455, 5.2
    return record.type == CapturedType::frame && record.opcode < kFirstControlOpcode;
  }

  void count(const CapturedFrame& record, std::int64_t time_ns, CapturedMarket& market) {
    decoder_.decode(record.payload);
    const EventHeader* const event = decoder_.event();
    if (event == nullptr || !is_market_stream(event->kind)) {
      ++market.left_out;
      return;
    }
    ++market.frames;
    market.has_times = market.has_times || time_ns != 0;
    if (event->market.value >= known_.size()) known_.resize(event->market.value + 1);
    if (!known_[event->market.value]) codes_.emplace_back(event->code.view());
    known_[event->market.value] = true;
  }

  const std::vector<std::string> paths_;
  std::vector<std::string> codes_;
  std::vector<bool> known_;  ///< by market id
  FrameDecoder decoder_;
  std::optional<MergedCapture> capture_;
};

}  // namespace

Result<CapturedMarket> load_capture(const std::vector<std::string>& paths) {
  auto source = std::make_shared<FileSource>(paths);
  Result<CapturedMarket> market = source->scan();
  if (market) market->source = std::move(source);
  return market;
}

sim::Transcoder make_transcoder() {
  // Frames come without the bytes that the decoder wants behind them, so they are copied.
  struct State {
    FrameDecoder decoder;
    std::string padded;
    alignas(8) std::array<std::byte, kEventBytesMax> changed{};
  };
  auto state = std::make_shared<State>();
  return [state](const sim::CapturedFrame& frame, const sim::CaptureView& view, std::string& out) {
    state->padded.assign(frame.payload);
    state->padded.append(kDecodePadding, '\0');
    state->decoder.decode({state->padded.data(), frame.payload.size()});
    const EventHeader* const event = state->decoder.event();
    if (event == nullptr) return false;
    EventHeader* changed = nullptr;
    if (event->kind == EventKind::orderbook) {
      const auto& book = static_cast<const OrderbookEvent&>(*event);
      changed = book.copy(view.units, state->changed.data());
    } else {
      std::memcpy(state->changed.data(), static_cast<const void*>(event), event->size_bytes);
      changed = std::launder(reinterpret_cast<EventHeader*>(state->changed.data()));
    }
    if (view.stream_type != frame.stream_type) {
      changed->stream_type = view.stream_type == sim::StreamType::snapshot ? StreamType::snapshot
                                                                           : StreamType::realtime;
    }
    return encode(*changed, wire_format(view.format), out) > 0;
  };
}

}  // namespace upfeed::program
