#include "summary.hpp"

#include <array>
#include <cstdio>

namespace upfeed::program {
namespace {

void add_counts(const StreamCounts& counts, JsonWriter& json) {
  json.field("received", counts.received)
      .field("delivered", counts.delivered)
      .field("conflated", counts.conflated)
      .field("dropped", counts.dropped)
      .field("refused", counts.refused)
      .field("superseded", counts.superseded)
      .field("queued", counts.queued);
}

void add_latencies(const Tally& tally, JsonWriter& json) {
  constexpr std::array<std::pair<const char*, double>, 4> kQuantiles{
      {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}}};
  const auto in_us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  json.key("latency_us").open_object();
  for (const Tally::Stage& stage : tally.stages()) {
    if (stage.latency_ns.count() == 0) continue;
    json.key(stage.name).open_object().field("count", stage.latency_ns.count());
    for (const auto& [name, fraction] : kQuantiles) {
      json.key(name).number(in_us(stage.latency_ns.quantile(fraction)), 1);
    }
    json.key("max").number(in_us(stage.latency_ns.max()), 1).close_object();
  }
  json.close_object();
}

void add_connection(const ConnectionMetrics& connection, JsonWriter& json) {
  json.open_object()
      .field("connection", connection.connection)
      .field("kind", to_string(connection.kind))
      .field("state", to_string(connection.state))
      .field("subscribed", connection.subscribed)
      .field("epoch", connection.epoch)
      .field("streams_wanted", connection.streams_wanted)
      .field("streams_awaited", connection.streams_awaited)
      .field("frames", connection.frames)
      .field("bytes", connection.bytes)
      .field("requests_sent", connection.requests_sent)
      .field("limiter_waits", connection.limiter_waits)
      .field("pings_sent", connection.pings_sent)
      .field("dials", connection.dials)
      .field("connects", connection.connects)
      .field("reconnects", connection.reconnects)
      .field("renewals", connection.renewals)
      .key("ends_by_cause")
      .open_object();
  for (std::size_t i = 0; i < kStatusCauseCount; ++i) {
    if (connection.ends_by_cause[i] == 0) continue;
    json.field(to_string(static_cast<StatusCause>(i)), connection.ends_by_cause[i]);
  }
  json.close_object().close_object();
}

void add_condition(const LiveReport& report, JsonWriter& json) {
  json.key("health");
  append_json(report.health, json.raw_value());
  json.key("connections").open_list();
  for (const ConnectionMetrics& each : used_connections(report.metrics)) add_connection(each, json);
  json.close_list();
}

void add_recorder(const RecorderMetrics& recorder, JsonWriter& json) {
  if (recorder.state == RecorderState::off) return;
  json.key("recorder")
      .open_object()
      .field("state", to_string(recorder.state))
      .field("frames", recorder.frames)
      .field("records", recorder.records)
      .field("records_lost", recorder.records_lost)
      .field("bytes_in", recorder.bytes_in)
      .field("bytes_out", recorder.bytes_out)
      .field("bytes_lost", recorder.bytes_lost)
      .field("files", recorder.files)
      .field("failures", recorder.failures)
      .field("path", recorder.path)
      .field("error", recorder.error)
      .close_object();
}

double frames_per_second(const LiveReport& report) {
  return report.seconds > 0 ? static_cast<double>(report.metrics.frames) / report.seconds : 0;
}

}  // namespace

std::vector<ConnectionMetrics> used_connections(const FeedMetrics& metrics) {
  std::vector<ConnectionMetrics> used;
  for (const ConnectionMetrics& each : metrics.connections) {
    if (each.dials != 0 || each.streams_wanted != 0) used.push_back(each);
  }
  return used;
}

void append_json(const StreamCounts& counts, JsonWriter& json) {
  json.open_object();
  add_counts(counts, json);
  json.close_object();
}

void append_json(const Health& health, std::string& out) {
  JsonWriter json(out);
  json.open_object().field("state", to_string(health.state)).key("reasons").open_list();
  for (const std::string& reason : health.reasons) json.value(reason);
  json.close_list().close_object();
}

std::string health_text(const Health& health) {
  std::string text(to_string(health.state));
  for (const std::string& reason : health.reasons) {
    text += (&reason == health.reasons.data() ? ": " : "; ") + reason;
  }
  return text;
}

void append_json(const LiveReport& report, std::string& out) {
  const FeedMetrics& metrics = report.metrics;
  JsonWriter json(out);
  json.open_object().field("type", report.type).field("command", report.command);
  json.key("seconds").number(report.seconds, 3);
  json.field("state", to_string(metrics.state)).field("epoch", metrics.epoch);
  add_counts(metrics.total(), json);
  json.key("streams").open_object();
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    if (metrics.streams[i].received == 0) continue;
    json.key(to_string(static_cast<EventKind>(i))).open_object();
    add_counts(metrics.streams[i], json);
    json.close_object();
  }
  json.close_object().key("refused_by_cause").open_object();
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    if (metrics.refused_by_cause[i] > 0) json.field(refusal_name(i), metrics.refused_by_cause[i]);
  }
  json.close_object().key("events").open_object();
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    const auto kind = static_cast<EventKind>(i);
    json.field(to_string(kind), report.tally.events(kind));
  }
  json.close_object()
      .field("frames", metrics.frames)
      .key("frames_per_second")
      .number(frames_per_second(report), 0)
      .field("bytes", metrics.bytes)
      .field("markets", report.markets)
      .field("books_live", report.books_live)
      .field("book_faults", metrics.book_faults)
      .field("requests_sent", metrics.requests_sent)
      .field("dials", metrics.dials)
      .field("reconnects", metrics.reconnects)
      .field("ring_bytes_high", metrics.ring_bytes_high)
      .field("hash", report.tally.hash().hex());
  add_latencies(report.tally, json);
  add_recorder(metrics.recorder, json);
  add_condition(report, json);
  json.close_object();
  out += '\n';
}

void append_text(const LiveReport& report, std::string& out) {
  char rate[64];
  std::snprintf(rate, sizeof rate, "%.1f s, %.0f frames/s", report.seconds,
                frames_per_second(report));
  out += accounting_text(report.metrics.total()) + "\n";
  out += health_text(report.health) + "\n";
  out += std::string(rate) + ", " + grouped(report.markets) + " markets, " +
         grouped(report.books_live) + " books live, hash " + report.tally.hash().hex() + "\n";
  if (const RecorderMetrics& recorder = report.metrics.recorder;
      recorder.state != RecorderState::off) {
    out += "recorded " + grouped(recorder.records) + " records, " + grouped(recorder.bytes_in) +
           " bytes as " + grouped(recorder.bytes_out) + " in " + grouped(recorder.files) +
           " files, lost " + grouped(recorder.records_lost) + ", last " + recorder.path + "\n";
  }
  for (const Tally::Stage& stage : report.tally.stages()) {
    const Histogram& latency = stage.latency_ns;
    if (latency.count() == 0) continue;
    std::string name(stage.name);
    name.resize(22, ' ');
    out += name + "p50 " + duration_text(latency.quantile(0.5)) + "   p99 " +
           duration_text(latency.quantile(0.99)) + "   p99.9 " +
           duration_text(latency.quantile(0.999)) + "   max " + duration_text(latency.max()) + "\n";
  }
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string duration_text(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  char text[32];
  if (ns < 1'000'000) {
    std::snprintf(text, sizeof text, "%.1f us", value / 1e3);
  } else if (ns < 1'000'000'000) {
    std::snprintf(text, sizeof text, "%.2f ms", value / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.1f s", value / 1e9);
  }
  return text;
}

std::string accounting_text(const StreamCounts& counts) {
  return "received " + grouped(counts.received) + " = delivered " + grouped(counts.delivered) +
         " + conflated " + grouped(counts.conflated) + " + dropped " + grouped(counts.dropped) +
         " + refused " + grouped(counts.refused) + " + superseded " + grouped(counts.superseded) +
         " + queued " + grouped(counts.queued);
}

}  // namespace upfeed::program
