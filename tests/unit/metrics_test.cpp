// What a feed's counters look like to Prometheus, and what they mean.

#include "upfeed/metrics.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <map>
#include <set>

namespace upfeed {
namespace {

/// The text format, read as strictly as its description allows. Samples by name{labels}.
class Scrape {
 public:
  explicit Scrape(std::string_view text) {
    EXPECT_TRUE(text.ends_with('\n'));
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1);
      take_line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }

  [[nodiscard]] double at(const std::string& sample) const {
    const auto found = samples_.find(sample);
    EXPECT_NE(found, samples_.end()) << sample;
    return found == samples_.end() ? -1 : found->second;
  }
  [[nodiscard]] bool has(const std::string& sample) const { return samples_.contains(sample); }
  [[nodiscard]] const std::map<std::string, double>& samples() const { return samples_; }

 private:
  void take_line(std::string_view line) {
    if (line.starts_with("# HELP ")) {
      line.remove_prefix(7);
      family_ = line.substr(0, line.find(' '));
      EXPECT_GT(line.size(), family_.size() + 1) << line;
      EXPECT_TRUE(families_.insert(family_).second) << "twice: " << family_;
      type_.clear();
    } else if (line.starts_with("# TYPE ")) {
      line.remove_prefix(7);
      ASSERT_EQ(line.substr(0, line.find(' ')), family_) << "TYPE without its HELP";
      type_ = line.substr(family_.size() + 1);
      EXPECT_TRUE(type_ == "counter" || type_ == "gauge" || type_ == "histogram") << type_;
      EXPECT_EQ(type_ == "counter", family_.ends_with("_total")) << family_;
    } else {
      take_sample(line);
    }
  }

  void take_sample(std::string_view line) {
    constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz_";
    const std::string_view whole = line;
    const std::string_view name = line.substr(0, line.find_first_not_of(kNameLetters));
    line.remove_prefix(name.size());
    std::string_view suffix = name;
    ASSERT_TRUE(name.starts_with(family_) && !type_.empty()) << "no HELP and TYPE: " << whole;
    suffix.remove_prefix(family_.size());
    EXPECT_TRUE(type_ == "histogram" ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count"
                                     : suffix.empty())
        << whole;
    ASSERT_TRUE(!line.starts_with('{') || skip_labels(line)) << whole;
    const std::string key(whole.substr(0, whole.size() - line.size()));
    ASSERT_TRUE(line.starts_with(' ')) << whole;
    line.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    EXPECT_TRUE(error == std::errc{} && end == line.data() + line.size()) << whole;
    EXPECT_TRUE(samples_.emplace(key, value).second) << "twice: " << key;
  }

  static bool skip_labels(std::string_view& line) {
    std::set<std::string_view> names;
    do {
      line.remove_prefix(1);  // the brace, or a comma
      const std::size_t equals = line.find("=\"");
      if (equals == std::string_view::npos || equals == 0) return false;
      if (!names.insert(line.substr(0, equals)).second) return false;
      line.remove_prefix(equals + 2);
      while (!line.empty() && line.front() != '"') {
        if (line.front() == '\\') {
          line.remove_prefix(1);
          if (line.empty() || std::string_view("\\\"n").find(line.front()) == std::string::npos) {
            return false;
          }
        }
        line.remove_prefix(1);
      }
      if (line.size() < 2) return false;
      line.remove_prefix(1);
    } while (line.front() == ',');
    if (line.front() != '}') return false;
    line.remove_prefix(1);
    return true;
  }

  std::string family_;
  std::string type_;
  std::set<std::string> families_;
  std::map<std::string, double> samples_;
};

/// Every counter another number, so that none can stand for another.
FeedMetrics filled() {
  FeedMetrics metrics;
  std::uint64_t next = 100;
  const auto fill = [&next](StreamCounts& counts) {
    for (auto* const each :
         {&counts.received, &counts.delivered, &counts.conflated, &counts.dropped, &counts.refused,
          &counts.superseded, &counts.queued}) {
      *each = ++next;
    }
  };
  for (StreamCounts& counts : metrics.streams) fill(counts);
  fill(metrics.unknown);
  for (std::uint64_t& cause : metrics.refused_by_cause) cause = ++next;
  for (std::int64_t& quiet : metrics.quiet_ns)
    quiet = static_cast<std::int64_t>(++next) * 1'000'000;
  for (std::int64_t& lag : metrics.lag_ns) lag = -static_cast<std::int64_t>(++next);
  for (auto* const each : {&metrics.callback_errors, &metrics.book_faults, &metrics.gaps,
                           &metrics.ring_bytes_high, &metrics.ring_bytes, &metrics.pending_records,
                           &metrics.fast_frames, &metrics.fallback_frames}) {
    *each = ++next;
  }
  metrics.queueing_ns = 1'500'000'000;
  metrics.heartbeat_ns = 250'000'001;
  for (const ConnectionKind kind : {ConnectionKind::market, ConnectionKind::account}) {
    ConnectionMetrics connection;
    connection.connection = kind == ConnectionKind::market ? 0 : 7;
    connection.kind = kind;
    connection.state = SessionState::live;
    connection.subscribed = kind == ConnectionKind::market;
    for (auto* const each :
         {&connection.streams_wanted, &connection.streams_awaited, &connection.frames,
          &connection.bytes, &connection.receive_calls, &connection.requests_sent,
          &connection.limiter_waits, &connection.pings_sent, &connection.dials,
          &connection.connects, &connection.reconnects, &connection.renewals, &connection.probes,
          &connection.silent_streams, &connection.refused_streams, &connection.audits,
          &connection.lists}) {
      *each = ++next;
    }
    connection.ends_by_cause[1] = ++next;
    connection.quiet_ns = 12;
    connection.certificate_days_left = 40;
    connection.last_audit = AuditOutcome::matched;
    metrics.connections.push_back(connection);
  }
  metrics.stages.resize(kStageCount);
  for (const std::int64_t ns : {100, 300, 5'000, 2'000'000, 1'000'000})
    metrics.stages[0].record(ns);
  return metrics;
}

// Goal: every stream's numbers arrive where they belong. Method: parse the text of metrics that are
// all different and look each one up.
TEST(Prometheus, streams_are_told_exactly) {
  const FeedMetrics metrics = filled();
  const Scrape scrape(prometheus_text(metrics));
  const auto check = [&scrape](const std::string& stream, const StreamCounts& counts) {
    EXPECT_EQ(scrape.at("upfeed_received_total{" + stream + "}"), counts.received);
    const std::string events = "upfeed_events_total{" + stream + ",outcome=\"";
    EXPECT_EQ(scrape.at(events + "delivered\"}"), counts.delivered);
    EXPECT_EQ(scrape.at(events + "conflated\"}"), counts.conflated);
    EXPECT_EQ(scrape.at(events + "dropped\"}"), counts.dropped);
    EXPECT_EQ(scrape.at(events + "refused\"}"), counts.refused);
    EXPECT_EQ(scrape.at(events + "superseded\"}"), counts.superseded);
  };
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    const std::string stream =
        "stream=\"" + std::string(to_string(static_cast<EventKind>(i))) + "\"";
    check(stream, metrics.streams[i]);
    EXPECT_EQ(scrape.at("upfeed_queued{" + stream + "}"), metrics.streams[i].queued);
    EXPECT_DOUBLE_EQ(scrape.at("upfeed_stream_quiet_seconds{" + stream + "}"),
                     static_cast<double>(metrics.quiet_ns[i]) / 1e9);
    EXPECT_DOUBLE_EQ(scrape.at("upfeed_lag_seconds{" + stream + "}"),
                     static_cast<double>(metrics.lag_ns[i]) / 1e9);
  }
  check("stream=\"unknown\"", metrics.unknown);
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    if (refusal_name(i).empty()) continue;
    EXPECT_EQ(scrape.at("upfeed_refused_total{cause=\"" + std::string(refusal_name(i)) + "\"}"),
              metrics.refused_by_cause[i]);
  }
}

// Goal: the same for connections and threads. Method: as above.
TEST(Prometheus, connections_and_threads_are_told_exactly) {
  const FeedMetrics metrics = filled();
  const Scrape scrape(prometheus_text(metrics));
  for (const ConnectionMetrics& each : metrics.connections) {
    const std::string labels = "{connection=\"" + std::to_string(each.connection) + "\",kind=\"" +
                               std::string(to_string(each.kind)) + "\"";
    const std::pair<const char*, std::uint64_t> kCounters[] = {
        {"upfeed_frames_total", each.frames},
        {"upfeed_payload_bytes_total", each.bytes},
        {"upfeed_receive_calls_total", each.receive_calls},
        {"upfeed_requests_total", each.requests_sent},
        {"upfeed_limiter_waits_total", each.limiter_waits},
        {"upfeed_pings_total", each.pings_sent},
        {"upfeed_dials_total", each.dials},
        {"upfeed_connects_total", each.connects},
        {"upfeed_reconnects_total", each.reconnects},
        {"upfeed_renewals_total", each.renewals},
        {"upfeed_probes_total", each.probes},
        {"upfeed_silent_streams_total", each.silent_streams},
        {"upfeed_refused_streams_total", each.refused_streams},
        {"upfeed_audits_total", each.audits},
        {"upfeed_lists_total", each.lists},
        {"upfeed_subscribed", each.subscribed ? 1U : 0U},
        {"upfeed_certificate_days_left", 40}};
    for (const auto& [name, value] : kCounters) EXPECT_EQ(scrape.at(name + labels + "}"), value);
    EXPECT_EQ(scrape.at("upfeed_connection_state" + labels + ",state=\"live\"}"), 1);
    EXPECT_EQ(scrape.at("upfeed_last_audit" + labels + ",outcome=\"matched\"}"), 1);
    EXPECT_EQ(scrape.at("upfeed_streams" + labels + ",what=\"wanted\"}"), each.streams_wanted);
    EXPECT_EQ(scrape.at("upfeed_streams" + labels + ",what=\"awaited\"}"), each.streams_awaited);
    EXPECT_EQ(scrape.at("upfeed_connection_quiet_seconds" + labels + "}"), 12e-9);
    const std::string cause(to_string(static_cast<StatusCause>(1)));
    EXPECT_EQ(scrape.at("upfeed_ends_total" + labels + ",cause=\"" + cause + "\"}"),
              each.ends_by_cause[1]);
  }
  EXPECT_EQ(scrape.at("upfeed_callback_errors_total"), metrics.callback_errors);
  EXPECT_EQ(scrape.at("upfeed_book_faults_total"), metrics.book_faults);
  EXPECT_EQ(scrape.at("upfeed_gaps_total"), metrics.gaps);
  EXPECT_EQ(scrape.at("upfeed_fast_frames_total"), metrics.fast_frames);
  EXPECT_EQ(scrape.at("upfeed_fallback_frames_total"), metrics.fallback_frames);
  EXPECT_EQ(scrape.at("upfeed_ring_bytes{what=\"capacity\"}"), metrics.ring_bytes);
  EXPECT_EQ(scrape.at("upfeed_ring_bytes{what=\"high\"}"), metrics.ring_bytes_high);
  EXPECT_EQ(scrape.at("upfeed_pending_records"), metrics.pending_records);
  EXPECT_EQ(scrape.at("upfeed_queueing_seconds"), 1.5);
  EXPECT_EQ(scrape.at("upfeed_heartbeat_seconds"), 0.250000001);
  EXPECT_EQ(scrape.at("upfeed_health"), static_cast<double>(assess(metrics).state));
}

// Goal: a recorder is told exactly, and not at all where there is none. Method: another number in
// each counter.
TEST(Prometheus, a_recorder_is_told_exactly) {
  FeedMetrics metrics = filled();
  EXPECT_EQ(prometheus_text(metrics).find("recorder"), std::string::npos);
  RecorderMetrics& recorder = metrics.recorder;
  recorder = {.state = RecorderState::disk_full,
              .frames = 1,
              .bytes_in = 2,
              .bytes_out = 3,
              .records_lost = 4,
              .bytes_lost = 5,
              .files = 6,
              .failures = 7,
              .ring_bytes = 8,
              .ring_bytes_high = 9};
  const Scrape scrape(prometheus_text(metrics));
  const std::pair<const char*, double> kSamples[] = {
      {"upfeed_recorder_frames_total", 1},
      {"upfeed_recorder_payload_bytes_total", 2},
      {"upfeed_recorder_written_bytes_total", 3},
      {"upfeed_recorder_lost_records_total", 4},
      {"upfeed_recorder_lost_bytes_total", 5},
      {"upfeed_recorder_files_total", 6},
      {"upfeed_recorder_failures_total", 7},
      {"upfeed_recorder_ring_bytes{what=\"capacity\"}", 8},
      {"upfeed_recorder_ring_bytes{what=\"high\"}", 9},
      {"upfeed_recorder_state{state=\"disk_full\"}", 1}};
  for (const auto& [name, value] : kSamples) EXPECT_EQ(scrape.at(name), value) << name;
}

// Goal: what is not known is left out instead of told as a number. Method: empty metrics.
TEST(Prometheus, unknown_values_are_left_out) {
  FeedMetrics metrics;
  metrics.quiet_ns.fill(-1);
  metrics.lag_ns.fill(INT64_MIN);
  metrics.connections.emplace_back();
  const Scrape scrape(prometheus_text(metrics));
  for (const auto& [name, value] : scrape.samples()) {
    EXPECT_FALSE(name.starts_with("upfeed_lag") || name.starts_with("upfeed_stream_quiet") ||
                 name.starts_with("upfeed_heartbeat") || name.starts_with("upfeed_stage") ||
                 name.starts_with("upfeed_certificate") || name.starts_with("upfeed_last_audit") ||
                 name.starts_with("upfeed_ends") || name.starts_with("upfeed_connection_quiet"))
        << name;
    EXPECT_GE(value, 0) << name;
  }
}

// Goal: stages are histograms as Prometheus wants them. Method: known durations; buckets only grow,
// the last one is the count, and each holds what is below its bound.
TEST(Prometheus, stages_are_cumulative_histograms) {
  const Scrape scrape(prometheus_text(filled()));
  const std::string stage = "stage=\"" + std::string(to_string(Stage::kernel_to_user)) + "\"";
  EXPECT_EQ(scrape.at("upfeed_stage_seconds_count{" + stage + "}"), 5);
  EXPECT_DOUBLE_EQ(scrape.at("upfeed_stage_seconds_sum{" + stage + "}"), 3'005'400e-9);
  std::map<double, double> buckets;
  const std::string start = "upfeed_stage_seconds_bucket{" + stage + ",le=\"";
  for (const auto& [name, value] : scrape.samples()) {
    if (!name.starts_with(start)) continue;
    const std::string bound = name.substr(start.size(), name.size() - start.size() - 2);
    buckets[bound == "+Inf" ? 1e300 : std::stod(bound)] = value;
  }
  ASSERT_GT(buckets.size(), 20U);
  double before = 0;
  for (const auto& [bound, count] : buckets) {
    double expected = 0;
    for (const double value : {100e-9, 300e-9, 5'000e-9, 2e-3, 1e-3}) {
      if (value <= bound) ++expected;
    }
    EXPECT_EQ(count, expected) << bound;
    EXPECT_GE(count, before);
    before = count;
  }
  EXPECT_EQ(before, 5);
}

// Goal: a label may hold any text. Method: a value with all that has to be escaped, in all samples.
TEST(Prometheus, labels_are_escaped) {
  EXPECT_EQ(prometheus_label("feed", "a\"b\\c\nd"), "feed=\"a\\\"b\\\\c\\nd\"");
  const std::string labels =
      prometheus_label("feed", "a\"b\\c\n}d") + "," + prometheus_label("host", "x y");
  const Scrape scrape(prometheus_text(filled(), labels));
  for (const auto& [name, value] : scrape.samples()) {
    EXPECT_NE(name.find("{" + labels), std::string::npos) << name << value;
  }
  EXPECT_TRUE(scrape.has("upfeed_gaps_total{" + labels + "}"));
}

/// A feed with one connection on which all is well.
FeedMetrics well() {
  FeedMetrics metrics;
  metrics.heartbeat_ns = 1'000'000;
  ConnectionMetrics connection;
  connection.state = SessionState::live;
  connection.subscribed = true;
  connection.streams_wanted = 3;
  connection.certificate_days_left = 60;
  metrics.connections.push_back(connection);
  return metrics;
}

// Goal: no cry without a reason. Method: a good feed, one without wishes, and bounds just kept.
TEST(Health, nothing_wrong_is_healthy) {
  FeedMetrics bounds = well();
  bounds.heartbeat_ns = 2'000'000'000;
  bounds.queueing_ns = 1'000'000'000;
  bounds.lag_ns.fill(5'000'000'000);
  bounds.connections[0].certificate_days_left = 14;
  FeedMetrics idle = well();
  idle.connections[0] = ConnectionMetrics{};
  FeedMetrics embedded = well();
  embedded.heartbeat_ns = -1;
  for (const FeedMetrics& metrics : {well(), bounds, idle, embedded, FeedMetrics{}}) {
    const Health health = assess(metrics);
    EXPECT_EQ(health.state, HealthState::healthy);
    EXPECT_TRUE(health.reasons.empty());
  }
}

struct HealthCase {
  HealthState state;
  const char* reason;
  void (*spoil)(FeedMetrics&);
};
constexpr HealthCase kHealthCases[] = {
    {HealthState::unhealthy, "connection 0 (public) is backing_off",
     [](FeedMetrics& m) { m.connections[0].state = SessionState::backing_off; }},
    {HealthState::unhealthy, "connection 0 (public) is failed",
     [](FeedMetrics& m) { m.connections[0].state = SessionState::failed; }},
    {HealthState::unhealthy,
     "a thread of the feed has not looked for work for 2.1 s; a callback may be hanging",
     [](FeedMetrics& m) { m.heartbeat_ns = 2'100'000'000; }},
    {HealthState::degraded, "connection 0 (public): 2 of 3 streams have sent nothing yet",
     [](FeedMetrics& m) {
       m.connections[0].subscribed = false;
       m.connections[0].streams_awaited = 2;
     }},
    {HealthState::degraded, "connection 0 (public): the exchange does not serve what was asked",
     [](FeedMetrics& m) { m.connections[0].last_audit = AuditOutcome::mismatched; }},
    {HealthState::degraded, "connection 0 (public): the exchange's certificate ends in 13 days",
     [](FeedMetrics& m) { m.connections[0].certificate_days_left = 13; }},
    {HealthState::degraded, "the ring is full: 9 records wait for room; the callbacks are too slow",
     [](FeedMetrics& m) { m.pending_records = 9; }},
    {HealthState::degraded, "recording fails: write \"x\": No space left on device",
     [](FeedMetrics& m) {
       m.recorder.state = RecorderState::disk_full;
       m.recorder.error = "write \"x\": No space left on device";
     }},
    {HealthState::degraded, "the recording has lost 3 records",
     [](FeedMetrics& m) { m.recorder.records_lost = 3; }},
    {HealthState::degraded, "events wait 1.2 s for the dispatcher",
     [](FeedMetrics& m) { m.queueing_ns = 1'250'000'000; }},
    {HealthState::degraded,
     "data is 6.5 s behind the exchange's time stamps: the network has too little room, or this "
     "machine's clock is ahead",
     [](FeedMetrics& m) {
       m.lag_ns.fill(9'000'000'000);
       m.lag_ns[1] = 6'500'000'000;
     }},
    {HealthState::degraded,
     "the exchange's time stamps are 6.5 s ahead: this machine's clock is behind",
     [](FeedMetrics& m) { m.lag_ns.fill(-6'500'000'000); }},
};

// Goal: each rule by itself. Method: spoil one thing of a good feed.
TEST(Health, each_trouble_has_its_state_and_reason) {
  for (const HealthCase& each : kHealthCases) {
    FeedMetrics metrics = well();
    each.spoil(metrics);
    const Health health = assess(metrics);
    EXPECT_EQ(health.state, each.state) << each.reason;
    EXPECT_EQ(health.reasons, std::vector<std::string>{each.reason});
  }
}

// Goal: the worst is told first. Method: all troubles at once on several connections.
TEST(Health, unhealthy_reasons_come_first) {
  FeedMetrics metrics = well();
  metrics.pending_records = 1;
  metrics.connections[0].certificate_days_left = 1;
  metrics.connections.push_back(metrics.connections[0]);
  metrics.connections[1].connection = 1;
  metrics.connections[1].state = SessionState::connecting;
  metrics.heartbeat_ns = 5'000'000'000;
  const Health health = assess(metrics);
  EXPECT_EQ(health.state, HealthState::unhealthy);
  ASSERT_EQ(health.reasons.size(), 5U);
  EXPECT_TRUE(health.reasons[0].starts_with("a thread of the feed"));
  EXPECT_EQ(health.reasons[1], "connection 1 (public) is connecting");
  EXPECT_TRUE(health.reasons[4].starts_with("the ring is full"));
}

}  // namespace
}  // namespace upfeed
