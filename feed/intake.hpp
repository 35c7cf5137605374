#pragma once

// Where every frame source meets the pipeline: one message in, one record out, everything counted.
//
//   live connection, capture, test script --payload--> Intake: decode into a claimed slot -> Outlet

#include <algorithm>
#include <span>
#include <type_traits>

#include "clock.hpp"
#include "counters.hpp"
#include "decode/decode.hpp"
#include "outlet.hpp"

namespace upfeed {

/// threads  the I/O side only.
class Intake {
 public:
  Intake(MarketTable& markets, UnknownMarkets policy, std::size_t frame_bytes_max, Outlet& outlet,
         IntakeCounters& counters, StageHistograms* stages = nullptr,
         DecodeKernel kernel = DecodeKernel::automatic)
      : markets_(markets),
        decoder_(markets, policy, frame_bytes_max, kernel),
        with_fast_path_(kernel != DecodeKernel::reference),
        outlet_(outlet),
        counters_(counters),
        stages_(stages) {}

  /// One whole message; see Decoder::decode. observer(event) sees an accepted event before the
  /// dispatcher can; where it returns false, the event is not handed on, as if it had not come.
  template <class Observer>
  Decoded accept(std::span<const char> payload, const FrameMeta& meta,
                 Observer&& observer) noexcept {
    counters_.frames.add();
    counters_.bytes.add(payload.size());
    const std::span<std::byte> slot = outlet_.claim(payload.size());
    const Decoded decoded = decoder_.decode(payload, meta, slot);
    if (decoded.fast) {
      counters_.fast_frames.add();
    } else if (with_fast_path_ && decoded.has_kind && has_fast_path(decoded.kind)) {
      counters_.fallback_frames.add();
    }
    if (decoded.is_event()) {
      auto& event = *std::launder(reinterpret_cast<EventHeader*>(slot.data()));
      if constexpr (std::is_same_v<decltype(observer(event)), bool>) {
        if (!observer(event)) return decoded;
      } else {
        observer(event);
      }
      count(event);
      if (stages_ != nullptr) stamp(event);
      outlet_.commit(event);
    } else if (!decoded.ok()) {
      refuse(decoded, meta);
    }
    return decoded;
  }

  /// Invalid: no frame and no subscription has named it yet.
  [[nodiscard]] MarketId market_of(const MarketCode& code) const noexcept {
    return markets_.find(code);
  }

 private:
  void count(const EventHeader& event) noexcept {
    const auto kind = static_cast<std::size_t>(event.kind);
    counters_.streams[kind].received.add();
    counters_.last_received_ns[kind].set(event.received_mono.ns);
    // A snapshot carries the time of the last change, however long ago that was.
    if (event.stream_type == StreamType::realtime && event.kernel_time.known()) {
      counters_.lag_ns[kind].set(event.kernel_time.unix_ns - exchange_time(event).unix_us() * 1000);
    }
  }

  void stamp(EventHeader& event) noexcept {
    event.decoded_mono = mono_now();
    (*stages_)[static_cast<std::size_t>(Stage::user_to_decoded)].record(event.decoded_mono -
                                                                        event.received_mono);
    if (!event.kernel_time.known()) return;
    // The wall clock of the moment of receipt, from two readings that belong together.
    const std::int64_t received_unix_ns =
        wall_now_ns() - (event.decoded_mono - event.received_mono);
    (*stages_)[static_cast<std::size_t>(Stage::kernel_to_user)].record(received_unix_ns -
                                                                       event.kernel_time.unix_ns);
  }

  void refuse(const Decoded& decoded, const FrameMeta& meta) noexcept {
    const std::size_t stream =
        decoded.has_kind ? static_cast<std::size_t>(decoded.kind) : kUnknownStream;
    counters_.streams[stream].received.add();
    counters_.streams[stream].refused.add();
    counters_.refused_by_cause[static_cast<std::size_t>(decoded.errc)].add();
    // Of no market or stream that anybody can have subscribed.
    if (decoded.errc == DecodeErrc::unknown_market || decoded.errc == DecodeErrc::unknown_type)
      return;
    const bool known = decoded.has_kind && decoded.market.valid();
    outlet_.charge_refused(decoded.has_kind ? decoded.kind : EventKind::status, CandleUnit::m1,
                           decoded.market, known ? markets_.code(decoded.market) : MarketCode{},
                           meta.connection, meta.epoch);
  }

  MarketTable& markets_;
  Decoder decoder_;
  bool with_fast_path_;
  Outlet& outlet_;
  IntakeCounters& counters_;
  StageHistograms* stages_;  // null without stage stamps
};

}  // namespace upfeed
