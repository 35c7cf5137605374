#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/wire.hpp"

/// A recorded day, to be lived again.
namespace upfeed::sim {

/// A recorded frame.
struct CapturedFrame {
  std::string type;  ///< ticker, trade, orderbook, candle.1m, ...
  std::string code;
  Format format = Format::full;
  std::string payload;
  std::int64_t receive_time_ns = 0;  ///< only differences matter
  StreamType stream_type = StreamType::realtime;
  std::size_t units = 0;       ///< of an order book: as many as it has
  std::int64_t level = 0;      ///< of an order book: price grouping x 1e-8
  std::uint64_t trade_id = 0;  ///< of a trade
};

/// How a client wants a captured frame.
struct CaptureView {
  Format format = Format::full;
  StreamType stream_type = StreamType::realtime;
  std::size_t units = kDepthMax;  ///< of an order book at most

  friend bool operator==(const CaptureView&, const CaptureView&) = default;
};

/// Writes `frame` as `view` says; false when it cannot.
using Transcoder =
    std::function<bool(const CapturedFrame& frame, const CaptureView& view, std::string& out)>;

/// Called on the server's thread.
class CaptureSource {
 public:
  CaptureSource() = default;
  CaptureSource(const CaptureSource&) = delete;
  CaptureSource& operator=(const CaptureSource&) = delete;
  virtual ~CaptureSource() = default;
  /// Every code that will come, in the order the exchange lists them.
  [[nodiscard]] virtual const std::vector<std::string>& codes() const = 0;
  /// The next frame; false: there is no more. Never twice through.
  [[nodiscard]] virtual bool next(CapturedFrame& frame) = 0;
};

/// Frames that are in memory.
class CapturedFrames final : public CaptureSource {
 public:
  explicit CapturedFrames(std::vector<CapturedFrame> frames);
  [[nodiscard]] const std::vector<std::string>& codes() const override { return codes_; }
  [[nodiscard]] bool next(CapturedFrame& frame) override;

 private:
  std::vector<CapturedFrame> frames_;
  std::vector<std::string> codes_;
  std::size_t at_ = 0;
};

}  // namespace upfeed::sim
