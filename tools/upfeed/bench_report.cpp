#include "bench_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "json.hpp"
#include "summary.hpp"

namespace upfeed::program {
namespace {

// A thread that is interrupted more often has a neighbour.
constexpr double kPreemptionsPerSecondMax = 20;
// A simulator that needs more of its core than this is late by itself.
constexpr double kSimulatorShareMax = 0.9;
constexpr std::size_t kBarWidth = 40;

std::string number_text(const char* format, double number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

void pad(std::string& out, std::size_t column) {
  const std::size_t line = out.rfind('\n') == std::string::npos ? 0 : out.rfind('\n') + 1;
  if (out.size() - line < column) out.append(column - (out.size() - line), ' ');
}

void append_right(std::string& out, const std::string& cell, std::size_t width) {
  out.append(cell.size() < width ? width - cell.size() : 1, ' ');
  out += cell;
}

void append_row(std::string& out, std::string_view name, const std::string& value) {
  out += name;
  pad(out, 12);
  out += value + "\n";
}

void append_latencies(const BenchReport& report, std::string& out) {
  out += "latency";
  pad(out, 21);
  for (const Percentile& each : kPercentiles) append_right(out, each.name, 11);
  append_right(out, "max", 11);
  out += '\n';
  for (const StageLatency& each : report.latencies) {
    if (each.ns.count() == 0) continue;
    out += (each.is_total ? "" : "  ") + each.name;
    pad(out, 21);
    for (const Percentile& percentile : kPercentiles) {
      append_right(out, latency_text(each.ns.quantile(percentile.fraction)), 11);
    }
    append_right(out, latency_text(each.ns.max()), 11);
    out += '\n';
  }
}

/// One character a column, by the logarithm between the lowest and the highest.
std::string sparkline(const std::vector<double>& values) {
  static constexpr const char* kSteps[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double low = INFINITY;
  double high = 0;
  for (const double value : values) {
    if (value <= 0) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::string line;
  for (const double value : values) {
    const double height =
        value <= 0 || high <= low ? 0 : std::log(value / low) / std::log(high / low);
    line += value <= 0 ? " " : kSteps[std::clamp(static_cast<int>(height * 8), 0, 7)];
  }
  return line;
}

/// The timeline in at most 50 columns, each the worst of its slices.
void append_timeline(const BenchReport& report, std::string& out) {
  constexpr std::size_t kColumns = 50;
  if (report.timeline.size() < 2) return;
  const std::size_t columns = std::min(kColumns, report.timeline.size());
  std::vector<double> p99(columns);
  std::uint64_t low = UINT64_MAX;
  std::uint64_t high = 0;
  for (std::size_t i = 0; i < report.timeline.size(); ++i) {
    const Histogram& slice = report.timeline[i].ns;
    if (slice.count() == 0) continue;
    const std::uint64_t value = slice.quantile(0.99);
    double& column = p99[i * columns / report.timeline.size()];
    column = std::max(column, static_cast<double>(value));
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (high == 0) return;
  append_row(out, "p99 in time",
             sparkline(p99) + "  " + latency_text(low) + " to " + latency_text(high) +
                 " (due > callback)");
}

void append_bars(const BenchReport& report, std::string& out) {
  double most = 0;
  for (const Share& share : report.shares) most += share.seconds;
  if (most <= 0) return;
  for (const Share& share : report.shares) {
    const double part = share.seconds / most;
    out += "  " + share.name;
    pad(out, 28);
    append_right(out, number_text("%.1f %%", part * 100), 8);
    out += "  ";
    for (long i = std::lround(part * kBarWidth); i > 0; --i) out += "█";
    out += '\n';
  }
}

void append_live_costs(const BenchReport& report, std::string& out) {
  const Costs& costs = report.costs;
  const auto percent = [&](double seconds) {
    return number_text("%.2f %%", report.seconds > 0 ? seconds / report.seconds * 100 : 0);
  };
  append_row(out, "CPU",
             "I/O " + percent(costs.io.cpu_seconds) + " + dispatcher " +
                 percent(costs.dispatcher.cpu_seconds) + " = " +
                 percent(report.feed_cpu_seconds()) + " of a core, " +
                 number_text("%.1f us", report.per_frame(report.feed_cpu_seconds() * 1e6)) +
                 " a frame (simulator " + percent(report.simulator_cpu_seconds) + ")");
  const auto a_frame = [&](std::uint64_t count) {
    return number_text("%.3f", report.per_frame(static_cast<double>(count)));
  };
  append_row(out, "a frame",
             a_frame(report.receive_calls) + " receive calls, " + a_frame(costs.io.sleeps) +
                 " sleeps of I/O, " + a_frame(costs.dispatcher.sleeps) + " of the dispatcher");
  std::string heap = "not counted in this build";
  if (costs.allocations) {
    heap = grouped(costs.allocations->ours) + " allocations of ours, " +
           grouped(costs.allocations->openssl) + " of OpenSSL";
  }
  append_row(
      out, "memory",
      heap + "; " + grouped(costs.io.page_faults + costs.dispatcher.page_faults) + " page faults");
}

void append_costs(const Costs& costs, JsonWriter& json) {
  const auto append_thread = [&json](const char* name, const ThreadCost& thread) {
    json.key(name).open_object().key("cpu_seconds").number(thread.cpu_seconds, 6);
    json.field("sleeps", thread.sleeps)
        .field("preemptions", thread.preemptions)
        .field("page_faults", thread.page_faults)
        .close_object();
  };
  json.key("threads").open_object();
  append_thread("io", costs.io);
  append_thread("dispatcher", costs.dispatcher);
  json.close_object();
  if (!costs.allocations) return;
  json.key("allocations")
      .open_object()
      .field("ours", costs.allocations->ours)
      .field("openssl", costs.allocations->openssl)
      .close_object();
}

void append_json_latencies(const BenchReport& report, JsonWriter& json) {
  const auto in_us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  json.key("latency_us").open_object();
  for (const StageLatency& each : report.latencies) {
    json.key(each.key).open_object().field("count", each.ns.count());
    for (const Percentile& percentile : kPercentiles) {
      json.key(percentile.key).number(in_us(each.ns.quantile(percentile.fraction)), 3);
    }
    json.key("max").number(in_us(each.ns.max()), 3).close_object();
  }
  json.close_object().key("timeline").open_list();
  for (const TimeSlice& slice : report.timeline) {
    json.open_object().key("second").number(slice.second, 3).field("count", slice.ns.count());
    json.key("p50_us").number(in_us(slice.ns.quantile(0.5)), 3);
    json.key("p99_us").number(in_us(slice.ns.quantile(0.99)), 3);
    json.key("max_us").number(in_us(slice.ns.max()), 3).close_object();
  }
  json.close_list();
}

}  // namespace

std::string latency_text(std::uint64_t ns) {
  return ns < 1'000 ? std::to_string(ns) + " ns" : duration_text(ns);
}

void BenchReport::judge() {
  const std::vector<std::string> machine_warnings = machine.warnings();
  warnings.insert(warnings.end(), machine_warnings.begin(), machine_warnings.end());
  const std::uint64_t preempted = costs.io.preemptions + costs.dispatcher.preemptions;
  if (per_second(preempted) > kPreemptionsPerSecondMax) {
    warnings.push_back("noisy: the feed's threads were interrupted " + grouped(preempted) +
                       " times");
  }
  if (seconds > 0 && simulator_cpu_seconds / seconds > kSimulatorShareMax) {
    warnings.push_back("the simulator used " +
                       number_text("%.0f", simulator_cpu_seconds / seconds * 100) +
                       " % of a core: it is late by itself; ask for a lower --rate");
  }
  if (counts.conflated + counts.dropped > 0) {
    warnings.push_back("overloaded: " + grouped(counts.conflated) + " events conflated, " +
                       grouped(counts.dropped) + " dropped");
  }
  if (mode == "capture" && seconds > 0 && seconds < 0.05) {
    warnings.push_back("a pass takes " + number_text("%.1f", seconds * 1e3) +
                       " ms: too short for more than an impression; give a larger file");
  }
  if (!complete) warnings.push_back("interrupted: the figures are those of the part measured");
}

const StageLatency* BenchReport::latency(std::string_view key) const {
  const auto found = std::find_if(latencies.begin(), latencies.end(),
                                  [key](const StageLatency& each) { return each.key == key; });
  return found == latencies.end() ? nullptr : &*found;
}

void append_json(const BenchReport& report, std::string& out) {
  JsonWriter json(out);
  json.open_object()
      .field("type", "summary")
      .field("command", "bench")
      .field("mode", report.mode)
      .field("source", report.source)
      .field("complete", report.complete);
  json.key("machine");
  append_json(report.machine, json);
  json.key("warnings").open_list();
  for (const std::string& warning : report.warnings) json.value(warning);
  json.close_list().key("settings").open_object();
  for (const auto& [name, value] : report.settings) json.field(name, value);
  json.close_object().key("seconds").number(report.seconds, 6);
  json.field("passes", report.passes).field("frames", report.frames).field("bytes", report.bytes);
  json.key("frames_per_second").number(report.per_second(report.frames), 1);
  json.key("bytes_per_second").number(report.per_second(report.bytes), 0);
  json.field("receive_calls", report.receive_calls)
      .field("fallback_frames", report.fallback_frames)
      .field("damaged", report.damaged)
      .key("counts");
  append_json(report.counts, json);
  append_json_latencies(report, json);
  json.key("cpu_percent")
      .number(report.seconds > 0 ? report.feed_cpu_seconds() / report.seconds * 100 : 0, 3);
  json.key("cpu_ns_per_frame").number(report.per_frame(report.feed_cpu_seconds() * 1e9), 1);
  json.key("simulator_cpu_seconds").number(report.simulator_cpu_seconds, 6);
  append_costs(report.costs, json);
  json.key("shares").open_object();
  for (const Share& share : report.shares) json.key(share.name).number(share.seconds, 6);
  json.close_object().close_object();
  out += '\n';
}

void append_text(const BenchReport& report, std::string& out) {
  out += report.source + "\n" + report.machine.text() + "\n";
  std::string line;
  for (const auto& [name, value] : report.settings) {
    line += (line.empty() ? "" : ", ") + name + " " + value;
  }
  out += line + "\n\n";
  append_latencies(report, out);
  out += '\n';
  append_timeline(report, out);
  append_row(
      out, "frames",
      grouped(report.frames) + " in " + number_text("%.3f s", report.seconds) + ", " +
          grouped(static_cast<std::uint64_t>(report.per_second(report.frames))) + " a second, " +
          number_text("%.2f MB/s", report.per_second(report.bytes) / 1e6) +
          (report.passes > 1 ? ", the median of " + grouped(report.passes) + " passes" : "") +
          (report.fallback_frames > 0
               ? ", " + grouped(report.fallback_frames) + " decoded by the slow reference"
               : ""));
  if (report.mode == "live") append_live_costs(report, out);
  append_row(out, "account", accounting_text(report.counts));
  append_row(out, "CPU time", "of the feed, by part:");
  append_bars(report, out);
  for (const std::string& warning : report.warnings) out += "warning: " + warning + "\n";
}

}  // namespace upfeed::program
