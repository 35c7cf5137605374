// What the metrics mean for somebody who wants to know whether to trust the feed now.

#include <algorithm>

#include "upfeed/metrics.hpp"

namespace upfeed {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
// Sleeping threads look up every second; two of these missed are no chance.
constexpr std::int64_t kHeartbeatMaxNs = 2 * kSecondNs;
constexpr std::int64_t kQueueingMaxNs = kSecondNs;
constexpr std::int64_t kCertificateDaysMin = 14;
// Far more than a network takes, and than a clock that is kept by NTP is wrong.
constexpr std::int64_t kLagMaxNs = 5 * kSecondNs;

class Judge {
 public:
  void find(HealthState state, std::string reason) {
    if (state > health_.state) health_.state = state;
    // Worst first, otherwise in the order found.
    const auto at = state == HealthState::unhealthy
                        ? health_.reasons.begin() + static_cast<std::ptrdiff_t>(unhealthy_++)
                        : health_.reasons.end();
    health_.reasons.insert(at, std::move(reason));
  }
  [[nodiscard]] Health take() { return std::move(health_); }

 private:
  Health health_;
  std::size_t unhealthy_ = 0;
};

std::string seconds(std::int64_t duration_ns) {
  return std::to_string(duration_ns / kSecondNs) + "." +
         std::to_string(duration_ns % kSecondNs / (kSecondNs / 10)) + " s";
}

void judge_connection(const ConnectionMetrics& connection, Judge& judge) {
  const std::string who = "connection " + std::to_string(connection.connection) + " (" +
                          std::string(to_string(connection.kind)) + ")";
  if (connection.streams_wanted == 0) return;
  if (connection.state != SessionState::live) {
    judge.find(HealthState::unhealthy, who + " is " + std::string(to_string(connection.state)));
  } else if (!connection.subscribed) {
    judge.find(HealthState::degraded, who + ": " + std::to_string(connection.streams_awaited) +
                                          " of " + std::to_string(connection.streams_wanted) +
                                          " streams have sent nothing yet");
  }
  if (connection.last_audit == AuditOutcome::mismatched) {
    judge.find(HealthState::degraded, who + ": the exchange does not serve what was asked");
  }
  if (connection.certificate_days_left >= 0 &&
      connection.certificate_days_left < kCertificateDaysMin) {
    judge.find(HealthState::degraded, who + ": the exchange's certificate ends in " +
                                          std::to_string(connection.certificate_days_left) +
                                          " days");
  }
}

/// Of tickers, trades and order books; one stream alone may have had an old event.
void judge_lag(const FeedMetrics& metrics, Judge& judge) {
  std::int64_t least_ns = INT64_MAX;
  std::int64_t most_ns = INT64_MIN;
  for (std::size_t kind = 0; kind < kMarketStreamCount; ++kind) {
    const std::int64_t lag_ns = metrics.lag_ns[kind];
    if (kind == static_cast<std::size_t>(EventKind::candle) || lag_ns == INT64_MIN) continue;
    least_ns = std::min(least_ns, lag_ns);
    most_ns = std::max(most_ns, lag_ns);
  }
  if (most_ns == INT64_MIN) return;
  if (least_ns > kLagMaxNs) {
    judge.find(HealthState::degraded, "data is " + seconds(least_ns) +
                                          " behind the exchange's time stamps: the network " +
                                          "has too little room, or this machine's clock is ahead");
  } else if (most_ns < -kLagMaxNs) {
    judge.find(HealthState::degraded, "the exchange's time stamps are " + seconds(-most_ns) +
                                          " ahead: this machine's clock is behind");
  }
}

void judge_recorder(const RecorderMetrics& recorder, Judge& judge) {
  if (recorder.state == RecorderState::disk_full || recorder.state == RecorderState::failing) {
    judge.find(HealthState::degraded, "recording fails: " + recorder.error);
  }
  if (recorder.records_lost != 0) {
    judge.find(HealthState::degraded,
               "the recording has lost " + std::to_string(recorder.records_lost) + " records");
  }
}

}  // namespace

Health assess(const FeedMetrics& metrics) {
  Judge judge;
  if (metrics.heartbeat_ns > kHeartbeatMaxNs) {
    judge.find(HealthState::unhealthy, "a thread of the feed has not looked for work for " +
                                           seconds(metrics.heartbeat_ns) +
                                           "; a callback may be hanging");
  }
  for (const ConnectionMetrics& connection : metrics.connections) {
    judge_connection(connection, judge);
  }
  if (metrics.pending_records != 0) {
    judge.find(HealthState::degraded,
               "the ring is full: " + std::to_string(metrics.pending_records) +
                   " records wait for room; the callbacks are too slow");
  }
  if (metrics.queueing_ns > kQueueingMaxNs) {
    judge.find(HealthState::degraded,
               "events wait " + seconds(metrics.queueing_ns) + " for the dispatcher");
  }
  if (metrics.replay.bytes_total == 0) judge_lag(metrics, judge);
  judge_recorder(metrics.recorder, judge);
  return judge.take();
}

}  // namespace upfeed
