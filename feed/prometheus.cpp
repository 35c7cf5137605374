// The metrics as Prometheus reads them.

#include <algorithm>

#include "upfeed/metrics.hpp"

namespace upfeed {

namespace {

/// "-1.500000000": exact, and the same in every locale.
std::string seconds_text(std::int64_t duration_ns) {
  constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
  const auto magnitude = duration_ns < 0
                             ? std::uint64_t{0} - static_cast<std::uint64_t>(duration_ns)
                             : static_cast<std::uint64_t>(duration_ns);
  const std::string fraction = std::to_string(magnitude % kNsPerSecond);
  std::string text = duration_ns < 0 ? "-" : "";
  text += std::to_string(magnitude / kNsPerSecond) + ".";
  return text.append(9 - fraction.size(), '0') + fraction;
}

class Exposition {
 public:
  explicit Exposition(std::string_view labels) : labels_(labels) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    text_.append(name).append(" ").append(type).append("\n");
  }
  void sample(std::string_view labels, std::string_view value, std::string_view suffix = {}) {
    text_.append(name_).append(suffix);
    if (!labels.empty() || !labels_.empty()) {
      text_ += '{';
      text_.append(labels_);
      if (!labels.empty() && !labels_.empty()) text_ += ',';
      text_.append(labels).append("}");
    }
    text_.append(" ").append(value).append("\n");
  }
  void sample(std::string_view labels, std::uint64_t value, std::string_view suffix = {}) {
    sample(labels, std::string_view(std::to_string(value)), suffix);
  }
  void seconds(std::string_view labels, std::int64_t value_ns, std::string_view suffix = {}) {
    sample(labels, std::string_view(seconds_text(value_ns)), suffix);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string_view labels_;
  std::string name_;
  std::string text_;
};

std::string label(std::string_view name, std::string_view value) {
  return prometheus_label(name, value);
}

std::string stream_label(std::size_t kind) {
  return label("stream", to_string(static_cast<EventKind>(kind)));
}

std::string connection_labels(const ConnectionMetrics& connection) {
  return label("connection", std::to_string(connection.connection)) + "," +
         label("kind", to_string(connection.kind));
}

void put_outcomes(const StreamCounts& counts, const std::string& stream, Exposition& out) {
  const std::pair<const char*, std::uint64_t> kOutcomes[] = {{"delivered", counts.delivered},
                                                             {"conflated", counts.conflated},
                                                             {"dropped", counts.dropped},
                                                             {"refused", counts.refused},
                                                             {"superseded", counts.superseded}};
  for (const auto& [outcome, count] : kOutcomes) {
    out.sample(stream + "," + label("outcome", outcome), count);
  }
}

void put_streams(const FeedMetrics& metrics, Exposition& out) {
  out.family("upfeed_received_total", "counter", "Frames that arrived, by stream.");
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    out.sample(stream_label(i), metrics.streams[i].received);
  }
  out.sample(label("stream", "unknown"), metrics.unknown.received);
  out.family("upfeed_events_total", "counter", "What became of the frames, by stream.");
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    put_outcomes(metrics.streams[i], stream_label(i), out);
  }
  put_outcomes(metrics.unknown, label("stream", "unknown"), out);
  out.family("upfeed_queued", "gauge", "Events in the ring or waiting for room in it.");
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    out.sample(stream_label(i), metrics.streams[i].queued);
  }
  out.family("upfeed_stream_quiet_seconds", "gauge", "Since the last event of the stream.");
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    if (metrics.quiet_ns[i] >= 0) out.seconds(stream_label(i), metrics.quiet_ns[i]);
  }
  out.family("upfeed_lag_seconds", "gauge",
             "Receive time minus the exchange's time stamp of the last event; wall clocks.");
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    if (metrics.lag_ns[i] != INT64_MIN) out.seconds(stream_label(i), metrics.lag_ns[i]);
  }
  out.family("upfeed_refused_total", "counter", "Frames that could not be decoded, by cause.");
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    if (refusal_name(i).empty()) continue;
    out.sample(label("cause", refusal_name(i)), metrics.refused_by_cause[i]);
  }
}

struct ConnectionFamily {
  const char* name;
  const char* help;
  std::uint64_t ConnectionMetrics::*value;
};
constexpr ConnectionFamily kConnectionCounters[] = {
    {"upfeed_frames_total", "Data frames, answers and errors included.",
     &ConnectionMetrics::frames},
    {"upfeed_payload_bytes_total", "Payload of those frames.", &ConnectionMetrics::bytes},
    {"upfeed_receive_calls_total", "Successful receive system calls.",
     &ConnectionMetrics::receive_calls},
    {"upfeed_requests_total", "Requests sent.", &ConnectionMetrics::requests_sent},
    {"upfeed_limiter_waits_total", "Requests that waited for the exchange's limits.",
     &ConnectionMetrics::limiter_waits},
    {"upfeed_pings_total", "Pings sent.", &ConnectionMetrics::pings_sent},
    {"upfeed_dials_total", "Dials.", &ConnectionMetrics::dials},
    {"upfeed_connects_total", "Dials that succeeded.", &ConnectionMetrics::connects},
    {"upfeed_reconnects_total", "Connections lost after they were live.",
     &ConnectionMetrics::reconnects},
    {"upfeed_renewals_total", "Connections replaced as planned.", &ConnectionMetrics::renewals},
    {"upfeed_probes_total", "Requests that named a silent stream.", &ConnectionMetrics::probes},
    {"upfeed_silent_streams_total", "Streams lost while their connection lived.",
     &ConnectionMetrics::silent_streams},
    {"upfeed_refused_streams_total", "Streams held back because the exchange refused them.",
     &ConnectionMetrics::refused_streams},
    {"upfeed_audits_total", "LIST_SUBSCRIPTIONS sent: audits asked for, and after a silent loss.",
     &ConnectionMetrics::audits},
    {"upfeed_lists_total", "LIST_SUBSCRIPTIONS sent to find the next silent loss.",
     &ConnectionMetrics::lists}};

void put_connections(const FeedMetrics& metrics, Exposition& out) {
  for (const ConnectionFamily& family : kConnectionCounters) {
    out.family(family.name, "counter", family.help);
    for (const ConnectionMetrics& each : metrics.connections) {
      out.sample(connection_labels(each), each.*family.value);
    }
  }
  out.family("upfeed_connection_state", "gauge", "1 for the state the connection is in.");
  for (const ConnectionMetrics& each : metrics.connections) {
    out.sample(connection_labels(each) + "," + label("state", to_string(each.state)),
               std::uint64_t{1});
  }
  out.family("upfeed_last_audit", "gauge", "1 for how the last audit ended.");
  for (const ConnectionMetrics& each : metrics.connections) {
    if (each.last_audit == AuditOutcome::none) continue;
    out.sample(connection_labels(each) + "," + label("outcome", to_string(each.last_audit)),
               std::uint64_t{1});
  }
  out.family("upfeed_subscribed", "gauge", "1 when every wanted stream has sent its first frame.");
  for (const ConnectionMetrics& each : metrics.connections) {
    out.sample(connection_labels(each), std::uint64_t{each.subscribed});
  }
  out.family("upfeed_connection_quiet_seconds", "gauge", "Since the connection's last frame.");
  for (const ConnectionMetrics& each : metrics.connections) {
    if (each.quiet_ns >= 0) out.seconds(connection_labels(each), each.quiet_ns);
  }
  out.family("upfeed_streams", "gauge", "Streams wanted, and of those asked for without a frame.");
  for (const ConnectionMetrics& each : metrics.connections) {
    out.sample(connection_labels(each) + "," + label("what", "wanted"), each.streams_wanted);
    out.sample(connection_labels(each) + "," + label("what", "awaited"), each.streams_awaited);
  }
  out.family("upfeed_ends_total", "counter", "Dials that failed and connections that ended.");
  for (const ConnectionMetrics& each : metrics.connections) {
    for (std::size_t i = 0; i < kStatusCauseCount; ++i) {
      if (each.ends_by_cause[i] == 0) continue;
      out.sample(
          connection_labels(each) + "," + label("cause", to_string(static_cast<StatusCause>(i))),
          each.ends_by_cause[i]);
    }
  }
  out.family("upfeed_certificate_days_left", "gauge", "Of the exchange's certificate.");
  for (const ConnectionMetrics& each : metrics.connections) {
    if (each.certificate_days_left < 0) continue;
    out.sample(connection_labels(each), std::uint64_t(each.certificate_days_left));
  }
}

void put_threads(const FeedMetrics& metrics, Exposition& out) {
  out.family("upfeed_fast_frames_total", "counter", "Market data read by the fast decoder.");
  out.sample({}, metrics.fast_frames);
  out.family("upfeed_fallback_frames_total", "counter",
             "Market data left to the reference decoder.");
  out.sample({}, metrics.fallback_frames);
  out.family("upfeed_callback_errors_total", "counter", "Callbacks that threw.");
  out.sample({}, metrics.callback_errors);
  out.family("upfeed_book_faults_total", "counter", "Order books that failed their check.");
  out.sample({}, metrics.book_faults);
  out.family("upfeed_gaps_total", "counter", "Streams that an outage interrupted.");
  out.sample({}, metrics.gaps);
  out.family("upfeed_ring_bytes", "gauge", "Capacity of a ring, and the most ever used of one.");
  out.sample(label("what", "capacity"), metrics.ring_bytes);
  out.sample(label("what", "high"), metrics.ring_bytes_high);
  out.family("upfeed_pending_records", "gauge", "Records that wait for room in a ring.");
  out.sample({}, metrics.pending_records);
  out.family("upfeed_queueing_seconds", "gauge", "How long the last event waited in its ring.");
  out.seconds({}, metrics.queueing_ns);
  out.family("upfeed_heartbeat_seconds", "gauge", "Since the laziest thread looked for work.");
  if (metrics.heartbeat_ns >= 0) out.seconds({}, metrics.heartbeat_ns);
  const Health health = assess(metrics);
  out.family("upfeed_health", "gauge", "0 healthy, 1 degraded, 2 unhealthy.");
  out.sample({}, static_cast<std::uint64_t>(health.state));
}

struct RecorderFamily {
  const char* name;
  const char* help;
  std::uint64_t RecorderMetrics::*value;
};
constexpr RecorderFamily kRecorderCounters[] = {
    {"upfeed_recorder_frames_total", "Received frames that the recorder took.",
     &RecorderMetrics::frames},
    {"upfeed_recorder_payload_bytes_total", "Payload of all records that it took.",
     &RecorderMetrics::bytes_in},
    {"upfeed_recorder_written_bytes_total", "Written to files.", &RecorderMetrics::bytes_out},
    {"upfeed_recorder_lost_records_total", "Records that are in no file.",
     &RecorderMetrics::records_lost},
    {"upfeed_recorder_lost_bytes_total", "Payload of those.", &RecorderMetrics::bytes_lost},
    {"upfeed_recorder_files_total", "Files begun.", &RecorderMetrics::files},
    {"upfeed_recorder_failures_total", "Writes and files that the system refused.",
     &RecorderMetrics::failures}};

void put_recorder(const RecorderMetrics& recorder, Exposition& out) {
  if (recorder.state == RecorderState::off) return;
  for (const RecorderFamily& family : kRecorderCounters) {
    out.family(family.name, "counter", family.help);
    out.sample({}, recorder.*family.value);
  }
  out.family("upfeed_recorder_state", "gauge", "1 for the state the recorder is in.");
  out.sample(label("state", to_string(recorder.state)), std::uint64_t{1});
  out.family("upfeed_recorder_ring_bytes", "gauge",
             "Capacity of a ring to the recorder, and the most ever used of one.");
  out.sample(label("what", "capacity"), recorder.ring_bytes);
  out.sample(label("what", "high"), recorder.ring_bytes_high);
}

/// Powers of two from 256 ns to a second: enough for a picture, few enough to store.
void put_stages(const FeedMetrics& metrics, Exposition& out) {
  if (metrics.stages.empty()) return;
  out.family("upfeed_stage_seconds", "histogram", "Time of each stage of a frame's way.");
  for (std::size_t stage = 0; stage < metrics.stages.size(); ++stage) {
    const Histogram& histogram = metrics.stages[stage];
    const std::string name = label("stage", to_string(static_cast<Stage>(stage)));
    std::uint64_t below = 0;
    std::size_t bucket = 0;
    for (unsigned power = 8; power <= 30; ++power) {
      const std::uint64_t limit = (std::uint64_t{1} << power) - 1;
      for (; bucket < Histogram::kBucketCount && Histogram::highest_of(bucket) <= limit; ++bucket) {
        below += histogram.bucket(bucket);
      }
      const std::string bound = seconds_text(static_cast<std::int64_t>(limit));
      out.sample(name + "," + label("le", bound), below, "_bucket");
    }
    out.sample(name + "," + label("le", "+Inf"), histogram.count(), "_bucket");
    out.seconds(name, static_cast<std::int64_t>(histogram.sum()), "_sum");
    out.sample(name, histogram.count(), "_count");
  }
}

}  // namespace

std::string prometheus_label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string_view("\\n") : std::string_view(&c, 1);
  }
  return text + "\"";
}

std::string prometheus_text(const FeedMetrics& metrics, std::string_view labels) {
  Exposition out(labels);
  put_streams(metrics, out);
  put_connections(metrics, out);
  put_threads(metrics, out);
  put_recorder(metrics.recorder, out);
  put_stages(metrics, out);
  return out.take();
}

}  // namespace upfeed
