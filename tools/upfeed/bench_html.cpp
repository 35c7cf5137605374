// The report of a bench as one HTML page: style sheet and pictures are in it, nothing is fetched.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench_report.hpp"
#include "summary.hpp"
#include "svg_chart.hpp"

namespace upfeed::program {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>upfeed bench</title>
<style>
:root { color-scheme: light dark; --page: #f7f7f5; --card: #ffffff; --ink: #17171a; --soft: #5c5c66;
  --rule: #e3e3df; --s1: #2563c9; --s2: #c2570c; --s3: #0f8a6a; --s4: #7a4bc4; --warn: #fff4d6;
  --warn-ink: #6b4a00; }
@media (prefers-color-scheme: dark) { :root { --page: #131316; --card: #1c1c20; --ink: #ececf0;
  --soft: #a0a0ab; --rule: #34343b; --s1: #6ea3f5; --s2: #f0935a; --s3: #4cc9a3; --s4: #b294ee;
  --warn: #3a2f12; --warn-ink: #f2d48a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font: 15px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 16px; margin: 0 0 2px; }
p { margin: 0 0 10px; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 20px 0; }
.tile, section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.tile { padding: 12px 16px; } .tile b { display: block; font-size: 24px; font-weight: 650;
  font-variant-numeric: tabular-nums; letter-spacing: -0.01em; } .tile span { color: var(--soft);
  font-size: 13px; }
section { padding: 18px 20px; margin: 16px 0; overflow-x: auto; }
svg { display: block; width: 100%; height: auto; min-width: 560px; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--soft);
  font-variant-numeric: tabular-nums; }
svg .name { fill: var(--ink); } svg .value { fill: var(--ink); font-weight: 600; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
polyline.s1, line.s1 { stroke: var(--s1); } polyline.s2, line.s2 { stroke: var(--s2); }
polyline.s3, line.s3 { stroke: var(--s3); } polyline.s4, line.s4 { stroke: var(--s4); }
line.s1, line.s2, line.s3, line.s4 { stroke-width: 2; }
rect.s1, circle.s1 { fill: var(--s1); } rect.s2, circle.s2 { fill: var(--s2); }
rect.s3, circle.s3 { fill: var(--s3); } rect.s4, circle.s4 { fill: var(--s4); }
circle { stroke: var(--card); stroke-width: 2; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--rule);
  white-space: nowrap; } th { color: var(--soft); font-weight: 500; font-size: 13px; }
th:first-child, td:first-child { text-align: left; } tr:last-child td { border-bottom: 0; }
tr.total td { font-weight: 600; } table.pairs td { text-align: left; white-space: normal; }
table.pairs td:first-child { color: var(--soft); width: 190px; }
.warnings { background: var(--warn); color: var(--warn-ink); border-radius: 10px;
  padding: 12px 16px 12px 36px; margin: 16px 0; }
</style></head><body><main>
)";

constexpr double kWidth = 1000;
constexpr double kLeft = 70;
constexpr double kRight = 160;
constexpr double kTop = 16;

std::string number_text(const char* format, double number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

/// "500 ns", "20 us", "1 ms": what stands at an axis.
std::string tick_text(double ns) {
  if (ns < 1e3) return number_text("%.0f ns", ns);
  if (ns < 1e6) return number_text("%.0f us", ns / 1e3);
  if (ns < 1e9) return number_text("%.0f ms", ns / 1e6);
  return number_text("%.0f s", ns / 1e9);
}

void draw_rows(Svg& svg, const Scale& rows) {
  for (const double tick : log_ticks(rows)) {
    const double y = rows.at(tick);
    svg.line("grid", kLeft, y, kWidth - kRight, y);
    svg.text("label", kLeft - 10, y + 4, "end", tick_text(tick));
  }
}

/// Names at the end of curves, moved apart where they would lie on each other.
class EndLabels {
 public:
  void add(int series, double y, std::string name) {
    labels_.push_back({series, y, std::move(name)});
  }
  void draw(Svg& svg, double bottom) {
    constexpr double kApart = 17;
    std::stable_sort(labels_.begin(), labels_.end(),
                     [](const Label& a, const Label& b) { return a.y > b.y; });
    double lowest = bottom;
    for (Label& label : labels_) {
      label.y = std::min(label.y, lowest);
      lowest = label.y - kApart;
    }
    for (const Label& label : labels_) {
      const double x = kWidth - kRight + 10;
      svg.line("s" + std::to_string(label.series), x, label.y, x + 10, label.y);
      svg.text("name", x + 15, label.y + 4, "start", label.name);
    }
  }

 private:
  struct Label {
    int series;
    double y;
    std::string name;
  };
  std::vector<Label> labels_;
};

/// Latency by percentile; every further nine takes the same room.
std::string percentile_picture(const std::vector<const StageLatency*>& series) {
  constexpr double kHeight = 340;
  constexpr double kBottom = kHeight - 34;
  std::uint64_t count = 0;
  double low = INFINITY;
  double high = 1;
  for (const StageLatency* each : series) {
    count = std::max(count, each->ns.count());
    low = std::min(low, static_cast<double>(std::max<std::uint64_t>(each->ns.quantile(0.01), 1)));
    high = std::max(high, static_cast<double>(each->ns.max()));
  }
  const Scale rows = log_scale(low, high, kBottom, kTop);
  // Beyond one in `count` there is nothing to see.
  const double rarest = std::max(static_cast<double>(count), 100.0);
  const Scale columns{1, rarest, kLeft, kWidth - kRight, true};
  Svg svg(kWidth, kHeight, "Latency by percentile");
  draw_rows(svg, rows);
  const auto mark = [&](double one_in, const std::string& name) {
    if (one_in > rarest) return;
    svg.line("grid", columns.at(one_in), kTop, columns.at(one_in), kBottom);
    svg.text("label", columns.at(one_in), kBottom + 20, "middle", name);
  };
  mark(1, "min");
  mark(2, "p50");
  mark(10, "p90");
  mark(100, "p99");
  mark(1e3, "p99.9");
  mark(1e4, "p99.99");
  mark(1e5, "p99.999");
  mark(1e6, "p99.9999");
  EndLabels labels;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const Histogram& ns = series[i]->ns;
    std::vector<Svg::Point> points;
    for (double one_in = 1; one_in <= rarest * 1.0001; one_in *= 1.05) {
      const double fraction = one_in == 1 ? 1e-9 : 1 - 1 / one_in;
      points.push_back({columns.at(one_in), rows.at(static_cast<double>(ns.quantile(fraction)))});
    }
    const int color = static_cast<int>(i) + 1;
    svg.curve("s" + std::to_string(color), points);
    for (const Percentile& each : kPercentiles) {
      const double one_in = 1 / (1 - each.fraction);
      if (one_in > rarest) continue;
      const std::uint64_t value = ns.quantile(each.fraction);
      svg.dot("s" + std::to_string(color), columns.at(one_in), rows.at(static_cast<double>(value)),
              series[i]->name + " " + each.name + ": " + latency_text(value));
    }
    labels.add(color, points.back().y, series[i]->name);
  }
  labels.draw(svg, kBottom);
  return svg.take();
}

/// p50, p99 and the worst of each slice of the run.
std::string timeline_picture(const std::vector<TimeSlice>& timeline, double seconds) {
  constexpr double kHeight = 280;
  constexpr double kBottom = kHeight - 34;
  double low = INFINITY;
  double high = 1;
  for (const TimeSlice& slice : timeline) {
    if (slice.ns.count() == 0) continue;
    low = std::min(low, static_cast<double>(std::max<std::uint64_t>(slice.ns.quantile(0.5), 1)));
    high = std::max(high, static_cast<double>(slice.ns.max()));
  }
  if (high <= 1) return {};
  const Scale rows = log_scale(low, high, kBottom, kTop);
  const Scale columns{0, std::max(seconds, 0.001), kLeft, kWidth - kRight, false};
  Svg svg(kWidth, kHeight, "Latency over the run");
  draw_rows(svg, rows);
  const double step = std::max(1.0, std::ceil(seconds / 10));
  for (double at = 0; at <= seconds + 1e-9; at += step) {
    svg.text("label", columns.at(at), kBottom + 20, "middle", number_text("%.0f s", at));
  }
  svg.line("axis", kLeft, kBottom, kWidth - kRight, kBottom);
  struct Line {
    const char* name;
    double fraction;
  };
  EndLabels labels;
  int color = 0;
  for (const Line& line : {Line{"p50", 0.5}, Line{"max", 1}, Line{"p99", 0.99}}) {
    ++color;
    const std::string css = "s" + std::to_string(color);
    std::vector<Svg::Point> points;
    for (const TimeSlice& slice : timeline) {
      if (slice.ns.count() == 0) continue;
      points.push_back({columns.at(slice.second),
                        rows.at(static_cast<double>(slice.ns.quantile(line.fraction)))});
    }
    svg.curve(css, points);
    labels.add(color, points.back().y, line.name);
  }
  labels.draw(svg, kBottom);
  return svg.take();
}

/// One bar a stage, from its median to its 99th percentile, with a whisker to the worst.
std::string stage_picture(const std::vector<StageLatency>& latencies) {
  constexpr double kRow = 34;
  constexpr double kNames = 170;
  std::vector<const StageLatency*> shown;
  double low = INFINITY;
  double high = 1;
  for (const StageLatency& each : latencies) {
    if (each.ns.count() == 0) continue;
    shown.push_back(&each);
    low = std::min(low, static_cast<double>(std::max<std::uint64_t>(each.ns.quantile(0.5), 1)));
    high = std::max(high, static_cast<double>(each.ns.max()));
  }
  const double bottom = kTop + kRow * static_cast<double>(shown.size());
  const Scale columns = log_scale(low, high, kNames, kWidth - 30);
  Svg svg(kWidth, bottom + 30, "Stages");
  for (const double tick : log_ticks(columns)) {
    svg.line("grid", columns.at(tick), kTop, columns.at(tick), bottom);
    svg.text("label", columns.at(tick), bottom + 20, "middle", tick_text(tick));
  }
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const Histogram& ns = shown[i]->ns;
    const std::string css = shown[i]->is_total ? "s1" : "s3";
    const double y = kTop + kRow * static_cast<double>(i);
    const double from = columns.at(static_cast<double>(ns.quantile(0.5)));
    const double to = std::max(columns.at(static_cast<double>(ns.quantile(0.99))), from + 3);
    const std::string hint = shown[i]->name + ": p50 " + latency_text(ns.quantile(0.5)) + ", p99 " +
                             latency_text(ns.quantile(0.99)) + ", max " + latency_text(ns.max());
    svg.text("name", kNames - 12, y + 21, "end", shown[i]->name);
    svg.line(css, to, y + 17, columns.at(static_cast<double>(ns.max())), y + 17);
    svg.box(css, from, y + 8, to - from, 18, hint);
  }
  return svg.take();
}

/// One bar, cut into the parts.
std::string share_picture(const std::vector<Share>& shares) {
  double total = 0;
  for (const Share& share : shares) total += share.seconds;
  if (total <= 0) return {};
  Svg svg(kWidth, 74, "CPU time by part");
  const double room = kWidth - 2 * static_cast<double>(shares.size());
  double x = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double width = room * shares[i].seconds / total;
    const std::string percent = number_text("%.1f %%", shares[i].seconds / total * 100);
    svg.box("s" + std::to_string(i % 4 + 1), x, 4, width, 30, shares[i].name + ": " + percent);
    x += width + 2;
  }
  // The names stand below in equal columns, since a small part has no room for its own.
  const double column = kWidth / static_cast<double>(shares.size());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double left = column * static_cast<double>(i);
    svg.box("s" + std::to_string(i % 4 + 1), left, 50, 12, 12);
    svg.text("name", left + 20, 61, "start",
             shares[i].name + "  " + number_text("%.1f %%", shares[i].seconds / total * 100));
  }
  return svg.take();
}

void append_tile(std::string& out, const std::string& value, std::string_view name) {
  out += "<div class=\"tile\"><b>" + html_text(value) + "</b><span>" + html_text(name) +
         "</span></div>\n";
}

void append_tiles(const BenchReport& report, std::string& out) {
  out += "<div class=\"tiles\">\n";
  if (const StageLatency* due = report.latency("due_to_callback")) {
    append_tile(out, latency_text(due->ns.quantile(0.5)), "p50, due to callback");
    append_tile(out, latency_text(due->ns.quantile(0.99)), "p99, due to callback");
    const double part = report.seconds > 0 ? report.feed_cpu_seconds() / report.seconds : 0;
    append_tile(out, number_text("%.2f %%", part * 100), "of a core");
  } else {
    append_tile(out, number_text("%.0f ns", report.per_frame(report.feed_cpu_seconds() * 1e9)),
                "CPU a frame");
    append_tile(out, number_text("%.1f MB/s", report.per_second(report.bytes) / 1e6), "payload");
  }
  append_tile(out, grouped(static_cast<std::uint64_t>(report.per_second(report.frames))),
              "frames a second");
  append_tile(out, grouped(report.counts.conflated + report.counts.dropped),
              "conflated or dropped");
  out += "</div>\n";
}

void append_section(std::string& out, std::string_view title, std::string_view explanation,
                    const std::string& content) {
  if (content.empty()) return;
  out += "<section><h2>" + html_text(title) + "</h2><p>" + html_text(explanation) + "</p>\n" +
         content + "</section>\n";
}

std::string latency_table(const BenchReport& report) {
  std::string out = "<table><tr><th></th>";
  for (const Percentile& each : kPercentiles) out += "<th>" + std::string(each.name) + "</th>";
  out += "<th>max</th><th>count</th></tr>\n";
  for (const StageLatency& each : report.latencies) {
    if (each.ns.count() == 0) continue;
    out += each.is_total ? "<tr class=\"total\"><td>" : "<tr><td>";
    out += html_text(each.name) + "</td>";
    for (const Percentile& percentile : kPercentiles) {
      out += "<td>" + latency_text(each.ns.quantile(percentile.fraction)) + "</td>";
    }
    out += "<td>" + latency_text(each.ns.max()) + "</td><td>" + grouped(each.ns.count()) +
           "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string pairs_table(const BenchReport& report) {
  std::string out = "<table class=\"pairs\">";
  const auto add = [&out](std::string_view name, const std::string& value) {
    out += "<tr><td>" + html_text(name) + "</td><td>" + html_text(value) + "</td></tr>\n";
  };
  add("machine", report.machine.text());
  for (const auto& [name, value] : report.settings) add(name, value);
  add("measured", grouped(report.frames) + " frames in " + number_text("%.3f s", report.seconds));
  add("account", accounting_text(report.counts));
  const Costs& costs = report.costs;
  add("CPU a frame",
      number_text("%.0f ns", report.per_frame(report.feed_cpu_seconds() * 1e9)) + " (I/O " +
          number_text("%.0f", report.per_frame(costs.io.cpu_seconds * 1e9)) + ", dispatcher " +
          number_text("%.0f", report.per_frame(costs.dispatcher.cpu_seconds * 1e9)) + ")");
  add("sleeps", "I/O " + grouped(costs.io.sleeps) + ", dispatcher " +
                    grouped(costs.dispatcher.sleeps) + "; interrupted " +
                    grouped(costs.io.preemptions + costs.dispatcher.preemptions) + " times");
  if (report.mode == "live") add("receive calls", grouped(report.receive_calls));
  if (costs.allocations) {
    add("allocations", grouped(costs.allocations->ours) + " of ours, " +
                           grouped(costs.allocations->openssl) + " of OpenSSL");
  }
  return out + "</table>\n";
}

}  // namespace

void append_html(const BenchReport& report, std::string& out) {
  out += kHead;
  out += "<h1>upfeed bench</h1><p>" + html_text(report.source) + "</p>\n";
  if (!report.warnings.empty()) {
    out += "<ul class=\"warnings\">";
    for (const std::string& warning : report.warnings) {
      out += "<li>" + html_text(warning) + "</li>\n";
    }
    out += "</ul>\n";
  }
  append_tiles(report, out);
  std::vector<const StageLatency*> curves;
  for (const StageLatency& each : report.latencies) {
    if (each.ns.count() > 0 && (each.is_total || report.mode == "capture")) curves.push_back(&each);
  }
  std::reverse(curves.begin(), curves.end());
  if (!curves.empty()) {
    append_section(out, "Percentiles", "Each step to the right is ten times as rare.",
                   percentile_picture(curves));
  }
  if (report.timeline.size() > 1) {
    append_section(out, "Over the run", "Due to callback, by when the frame was due.",
                   timeline_picture(report.timeline, report.seconds));
  }
  append_section(out, "Stages",
                 "From the median to the 99th percentile; the line ends at the worst.",
                 stage_picture(report.latencies) + latency_table(report));
  append_section(out, "CPU time", "Of the feed's two threads.", share_picture(report.shares));
  append_section(out, "The run", "", pairs_table(report));
  out += "</main></body></html>\n";
}

}  // namespace upfeed::program
