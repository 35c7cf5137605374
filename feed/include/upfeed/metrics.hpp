#pragma once

// What a feed knows about itself: counters, ages, latencies, and what follows from them.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "upfeed/events.hpp"
#include "upfeed/histogram.hpp"

namespace upfeed {

/// The accounting rule, per stream, in events:
///   received = delivered + conflated + dropped + refused + superseded + queued
/// Exact when the feed is quiescent (drained or stopped), monotone at any moment.
struct StreamCounts {
  std::uint64_t received = 0;    ///< frames of this stream that arrived
  std::uint64_t delivered = 0;   ///< taken by the dispatcher, once whatever the number of clients
  std::uint64_t conflated = 0;   ///< replaced by a newer value while the ring was full
  std::uint64_t dropped = 0;     ///< lost while the ring was full; each is named by a LossEvent
  std::uint64_t refused = 0;     ///< could not be decoded exactly
  std::uint64_t superseded = 0;  ///< second copies while two connections carried the stream
  std::uint64_t queued = 0;      ///< in the ring or waiting for room in it
  friend bool operator==(const StreamCounts&, const StreamCounts&) = default;
};

/// Most causes a frame can be refused for.
inline constexpr std::size_t kRefusalCauseMax = 32;

/// What a connection carries: market data, the own account, or indicators.
enum class ConnectionKind : std::uint8_t { market, account, info };
/// "public", "private", "info": the names of the exchange's endpoints.
[[nodiscard]] std::string_view to_string(ConnectionKind kind) noexcept;

enum class AuditOutcome : std::uint8_t {
  none,        ///< no audit has ended yet
  matched,     ///< the exchange serves what was asked
  mismatched,  ///< it does not; the rest is asked again
  no_reply,    ///< none in time, or the connection ended before it
  unreadable,  ///< a reply that is not as documented
  refused,     ///< an error frame
};
[[nodiscard]] std::string_view to_string(AuditOutcome outcome) noexcept;

/// One connection of a feed.
struct ConnectionMetrics {
  std::uint32_t connection = 0;  ///< EventHeader::connection
  ConnectionKind kind = ConnectionKind::market;
  SessionState state = SessionState::idle;
  /// Live, and each wanted stream that owes a first frame has sent it. Connected alone is `state`.
  bool subscribed = false;
  std::uint32_t epoch = 0;
  std::uint64_t streams_wanted = 0;
  std::uint64_t streams_awaited = 0;  ///< asked for, without a first frame
  std::uint64_t frames = 0;           ///< data frames, answers and errors included
  std::uint64_t bytes = 0;            ///< payload of those frames
  std::uint64_t receive_calls = 0;    ///< successful receive system calls
  std::uint64_t requests_sent = 0;
  std::uint64_t limiter_waits = 0;  ///< requests that had to wait for the exchange's limits
  std::uint64_t pings_sent = 0;
  std::uint64_t dials = 0;
  std::uint64_t connects = 0;    ///< dials that succeeded
  std::uint64_t reconnects = 0;  ///< connections lost after they were live
  std::uint64_t renewals = 0;    ///< connections replaced as planned
  /// Dials that failed and connections that ended, by StatusCause.
  std::array<std::uint64_t, kStatusCauseCount> ends_by_cause{};
  std::uint64_t probes = 0;           ///< requests that named a silent stream
  std::uint64_t silent_streams = 0;   ///< streams that were lost while their connection lived
  std::uint64_t refused_streams = 0;  ///< streams held back because the exchange refused them
  std::uint64_t audits = 0;  ///< LIST_SUBSCRIPTIONS sent: by Feed::audit(), and after a silent loss
  std::uint64_t lists = 0;   ///< others, to find the next silent loss: one behind each request
  AuditOutcome last_audit = AuditOutcome::none;
  std::int64_t quiet_ns = -1;               ///< since the last frame; -1: there was none
  std::int64_t certificate_days_left = -1;  ///< of the peer's certificate; -1: never connected
};

enum class RecorderState : std::uint8_t {
  off,        ///< nothing is recorded
  recording,  ///< what arrives is written
  disk_full,  ///< no room; tried again every second
  failing,    ///< another error; tried again every second, with a new file
  closed      ///< the feed has ended
};
[[nodiscard]] std::string_view to_string(RecorderState state) noexcept;

/// Of FeedConfig::record.
struct RecorderMetrics {
  RecorderState state = RecorderState::off;
  std::uint64_t frames = 0;        ///< received frames that were taken
  std::uint64_t records = 0;       ///< those, requests and changes of state
  std::uint64_t bytes_in = 0;      ///< payload of those records
  std::uint64_t bytes_out = 0;     ///< written to files
  std::uint64_t records_lost = 0;  ///< not in any file; loss records there say the same
  std::uint64_t bytes_lost = 0;    ///< payload of those
  std::uint64_t files = 0;         ///< begun
  std::uint64_t failures = 0;      ///< writes that the system refused, files that it did not open
  std::uint64_t ring_bytes = 0;    ///< capacity of each ring to the recorder
  std::uint64_t ring_bytes_high = 0;  ///< the most ever used of one
  std::string path{};                 ///< of the present file; empty: none
  std::string error{};                ///< why it is failing, or was the last time; empty: never
};

/// Of Feed::replay().
struct ReplayMetrics {
  std::uint64_t bytes_read = 0;     ///< of the files, as they are stored; goes back for a seek
  std::uint64_t bytes_total = 0;    ///< 0: not a replay
  std::uint64_t frames_passed = 0;  ///< left out by ReplayOptions::codes and kinds
  /// Not in the files: what the recorder lost, and what a damage hides, as far as it can be told.
  std::uint64_t records_missing = 0;
  std::int64_t position_unix_ns = 0;  ///< recorded time of what was read last
};

/// One way of a frame through the feed; needs FeedConfig::stage_stamps.
enum class Stage : std::uint8_t {
  kernel_to_user,       ///< the kernel had the segment > user space had the bytes; wall clocks
  user_to_decoded,      ///< > the event was complete in the ring
  decoded_to_dispatch,  ///< > the dispatcher took it
  dispatch_to_done      ///< > all its callbacks had returned
};
inline constexpr std::size_t kStageCount = 4;
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;

/// A snapshot of all counters; from any thread, without touching the hot path.
struct FeedMetrics {
  std::array<StreamCounts, kStreamCount> streams;  ///< by EventKind
  StreamCounts unknown;                            ///< frames whose stream could not be told
  /// Refused frames by cause; refusal_name(i) is its name.
  std::array<std::uint64_t, kRefusalCauseMax> refused_by_cause{};
  /// By EventKind: since the stream's last event, of whatever market; -1: there was none.
  std::array<std::int64_t, kStreamCount> quiet_ns{};
  /// By EventKind: kernel's receive time minus the exchange's time stamp of the last realtime
  /// event, both wall clocks, so it may be negative; INT64_MIN: unknown.
  std::array<std::int64_t, kStreamCount> lag_ns{};

  // Sums over all connections.
  std::uint64_t frames = 0;  ///< data frames of all kinds, answers and errors included
  std::uint64_t bytes = 0;   ///< payload of those frames
  /// Of the frames of ticker, trade, order book and candle: read by the fast decoder, and left by
  /// it to the slower reference because they were written in an unusual way (or refused).
  std::uint64_t fast_frames = 0;
  std::uint64_t fallback_frames = 0;
  std::uint64_t receive_calls = 0;  ///< successful receive system calls
  std::uint64_t requests_sent = 0;  ///< subscription requests
  std::uint64_t dials = 0;
  std::uint64_t reconnects = 0;  ///< connections lost after they were live

  std::uint64_t callback_errors = 0;  ///< callbacks that threw
  std::uint64_t book_faults = 0;      ///< order book frames that failed the integrity check
  std::uint64_t gaps = 0;             ///< GapEvents
  std::uint64_t backfilled = 0;       ///< trades that an outage hid and REST told
  std::uint64_t ring_bytes_high = 0;  ///< high-water mark of the fullest ring
  std::uint64_t ring_bytes = 0;       ///< capacity of each ring
  std::uint64_t pending_records = 0;  ///< waiting for room in a ring now
  /// How long ago the event that the dispatcher took last was received, when it took it.
  std::int64_t queueing_ns = 0;
  /// Since each thread last looked for work, the longest; -1: no threads of the feed's own.
  std::int64_t heartbeat_ns = -1;

  RecorderMetrics recorder;
  ReplayMetrics replay;

  SessionState state = SessionState::idle;  ///< of connection 0
  std::uint32_t epoch = 0;                  ///< of connection 0
  std::vector<ConnectionMetrics> connections;
  /// By Stage; empty without FeedConfig::stage_stamps. Nanoseconds.
  std::vector<Histogram> stages;

  /// Sum over all streams and unknown.
  [[nodiscard]] StreamCounts total() const noexcept;
};

/// Name of refused_by_cause[i]; empty for an index without a cause.
[[nodiscard]] std::string_view refusal_name(std::size_t index) noexcept;

/// The metrics in Prometheus' text format, version 0.0.4; ends with a newline.
/// labels  put into every sample: what prometheus_label() made, with commas between; empty: none.
/// source  prometheus.io/docs/instrumenting/exposition_formats (read 2026-11).
[[nodiscard]] std::string prometheus_text(const FeedMetrics& metrics, std::string_view labels = {});

/// name="value", with the value escaped as that format wants it.
[[nodiscard]] std::string prometheus_label(std::string_view name, std::string_view value);

enum class HealthState : std::uint8_t {
  healthy,   ///< everything wanted flows
  degraded,  ///< data flows, but something needs a look
  unhealthy  ///< something wanted does not flow
};
[[nodiscard]] std::string_view to_string(HealthState state) noexcept;

struct Health {
  HealthState state = HealthState::healthy;
  /// One line each, worst first; empty when healthy.
  std::vector<std::string> reasons;
};

/// What these metrics mean; Feed::health() asks it about the present ones.
[[nodiscard]] Health assess(const FeedMetrics& metrics);

}  // namespace upfeed
