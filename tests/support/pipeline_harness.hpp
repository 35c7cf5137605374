#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "counters.hpp"
#include "dispatcher.hpp"
#include "intake.hpp"
#include "outlet.hpp"
#include "subscription.hpp"

/// The whole pipeline behind the socket, driven by hand from one thread: frames as text in,
/// callbacks out. The ring is small, so that it fills after a few dozen records.
class PipelineHarness {
 public:
  explicit PipelineHarness(std::size_t ring_bytes = 64U << 10U, std::size_t pending_max = 256,
                           upfeed::Sharding sharding = {}, std::uint32_t shards_max = 0)
      : config{.sharding = sharding, .shards_max = shards_max},
        ring(ring_bytes, upfeed::kEventBytesMax),
        outlet(ring, counters, pending_max),
        intake(markets, upfeed::UnknownMarkets::intern, 1U << 16U, outlet, counters),
        dispatcher(markets, {&ring}, upfeed::detail::ConnectionPlan(config), mailboxes, false) {}

  /// One message of the current epoch.
  upfeed::Decoded push(std::string_view json) {
    std::vector<char> padded(json.begin(), json.end());
    padded.resize(json.size() + upfeed::kDecodePadding, '7');
    upfeed::FrameMeta meta;
    meta.connection = connection;
    meta.epoch = epoch;
    meta.frame_sequence = ++frames;
    meta.received_mono =
        received_mono.ns != 0 ? received_mono : upfeed::MonoTime{static_cast<std::int64_t>(frames)};
    return intake.accept({padded.data(), json.size()}, meta,
                         [](const upfeed::EventHeader&) noexcept {});
  }

  void push_status(upfeed::SessionState from, upfeed::SessionState to,
                   upfeed::StatusCause cause = upfeed::StatusCause::closed_by_peer) {
    upfeed::StatusEvent event;
    event.size_bytes = sizeof event;
    event.connection = connection;
    event.epoch = epoch;
    event.received_mono = received_mono;
    event.previous_state = from;
    event.state = to;
    event.cause = cause;
    outlet.status(event);
  }

  /// One stream was lost, and its connection lives.
  void push_lost(upfeed::EventKind kind, std::string_view code, std::int64_t silent_ns = 0,
                 std::string_view level = "0",
                 upfeed::StatusCause cause = upfeed::StatusCause::stream_silent) {
    upfeed::StatusEvent event;
    event.size_bytes = sizeof event;
    event.connection = connection;
    event.epoch = epoch;
    event.received_mono =
        received_mono.ns != 0 ? received_mono : upfeed::MonoTime{static_cast<std::int64_t>(frames)};
    event.previous_state = upfeed::SessionState::live;
    event.state = upfeed::SessionState::live;
    event.cause = cause;
    event.lost_kind = kind;
    event.code = *upfeed::MarketCode::parse(code);
    event.market = markets.find(event.code);
    event.level = *upfeed::Decimal::parse(level);
    event.silent_ns = silent_ns;
    outlet.status(event);
  }

  std::shared_ptr<upfeed::detail::Subscription> subscribe(
      upfeed::EventKind kind, std::vector<std::string> codes,
      upfeed::detail::Subscription::Callback callback,
      upfeed::StreamMode mode = upfeed::StreamMode::both, unsigned units = 30,
      std::optional<std::uint32_t> on_connection = {}) {
    auto subscription = std::make_shared<upfeed::detail::Subscription>();
    subscription->kind = kind;
    subscription->mode = mode;
    subscription->connection = on_connection;
    subscription->units = static_cast<std::uint8_t>(units);
    subscription->callback = std::move(callback);
    for (const std::string& text : codes) {
      subscription->codes.push_back(*upfeed::MarketCode::parse(text));
      if (!upfeed::is_market_stream(kind)) continue;
      subscription->markets.push_back(markets.intern(subscription->codes.back()));
    }
    subscription->served.resize(codes.size());
    dispatcher.submit({subscription, true});
    return subscription;
  }

  void unsubscribe(const std::shared_ptr<upfeed::detail::Subscription>& subscription) {
    subscription->alive = false;
    dispatcher.submit({subscription, false});
  }

  /// Dispatches everything that is in the ring; returns how many records.
  std::size_t poll(std::size_t limit = SIZE_MAX) {
    changed = dispatcher.begin_poll();
    wanted_changed = (changed & 1U) != 0;
    std::size_t count = 0;
    for (; count < limit; ++count) {
      if (dispatcher.next().event == nullptr) break;
      dispatcher.finish();
    }
    dispatcher.end_poll();
    return count;
  }
  /// Until nothing is left on either side.
  void drain() {
    do {
      poll();
    } while (outlet.flush() != 0 || outlet.pending() || dispatcher.has_work());
  }

  [[nodiscard]] upfeed::WantedSet wanted(std::size_t of_connection = 0) {
    auto set = mailboxes[of_connection].take();
    return set != nullptr ? *set : upfeed::WantedSet{};
  }
  [[nodiscard]] std::uint64_t delivered(upfeed::EventKind kind) const {
    return dispatcher.counters().delivered[static_cast<std::size_t>(kind)].get();
  }
  [[nodiscard]] const upfeed::IntakeCounters::Stream& stream(upfeed::EventKind kind) const {
    return counters.streams[static_cast<std::size_t>(kind)];
  }

  static std::string trade(std::string_view code, std::uint64_t id,
                           std::string_view stream_type = "REALTIME") {
    return R"({"type":"trade","code":")" + std::string(code) +
           R"(","timestamp":1788335180423,"trade_timestamp":1788335180377,"trade_price":106691000,)"
           R"("trade_volume":0.5,"ask_bid":"ASK","sequential_id":)" +
           std::to_string(id) + R"(,"stream_type":")" + std::string(stream_type) + "\"}";
  }
  static std::string ticker(std::string_view code, std::int64_t timestamp,
                            std::string_view stream_type = "REALTIME") {
    return R"({"type":"ticker","code":")" + std::string(code) + R"(","trade_price":)" +
           std::to_string(timestamp % 1000 + 1) + R"(,"timestamp":)" + std::to_string(timestamp) +
           R"(,"stream_type":")" + std::string(stream_type) + "\"}";
  }
  /// best_bid  whole number; asks start one above it.
  static std::string book(std::string_view code, std::int64_t timestamp, std::int64_t best_bid,
                          int units = 5, std::string_view stream_type = "REALTIME",
                          std::string_view level = "0") {
    std::string text = R"({"type":"orderbook","code":")" + std::string(code) + R"(","timestamp":)" +
                       std::to_string(timestamp) +
                       R"(,"total_ask_size":1.5,"total_bid_size":2.5,"orderbook_units":[)";
    for (int i = 0; i < units; ++i) {
      text += (i == 0 ? "" : ",") + std::string(R"({"ask_price":)") +
              std::to_string(best_bid + 1 + i) + R"(,"bid_price":)" + std::to_string(best_bid - i) +
              R"(,"ask_size":0.25,"bid_size":0.5})";
    }
    return text + R"(],"stream_type":")" + std::string(stream_type) + R"(","level":)" +
           std::string(level) + "}";
  }

  const upfeed::FeedConfig config;
  upfeed::MarketTable markets;
  upfeed::SpscRing ring;
  upfeed::IntakeCounters counters;
  upfeed::Outlet outlet;
  upfeed::Intake intake;
  std::vector<upfeed::detail::WantedMailbox> mailboxes{
      upfeed::detail::ConnectionPlan(config).count()};
  upfeed::detail::Dispatcher dispatcher;
  // Of what is pushed next.
  std::uint32_t connection = 0;
  std::uint32_t epoch = 1;
  upfeed::MonoTime received_mono;  // 0: the number of the frame
  std::uint64_t frames = 0;
  bool wanted_changed = false;  // of connection 0
  std::uint32_t changed = 0;    // a bit per connection
};
