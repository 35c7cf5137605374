#include "gates.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <ostream>
#include <regex>
#include <string_view>
#include <utility>

#include "harness.hpp"

namespace upfeed::bench {
namespace {

std::vector<Gate>& gates() {
  static std::vector<Gate> added;
  return added;
}

struct Measured {
  double value = 0;
  double low = 0;  // the quarters of the rounds around it
  double high = 0;
  std::int64_t rounds = 0;
  double clean = 0;
};

double counter_of(const benchmark::UserCounters& counters, const std::string& name) {
  const auto found = counters.find(name);
  return found == counters.end() ? std::nan("") : found->second.value;
}

/// Keeps the counters of what ran.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (!run.error_occurred) found_[run.run_name.function_name] = run.counters;
    }
  }

  /// nullptr: it did not run to its end.
  [[nodiscard]] const benchmark::UserCounters* find(const std::string& benchmark) const {
    const auto found = found_.find(benchmark);
    return found == found_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, benchmark::UserCounters> found_;
};

Measured measured(const Gate& gate, const benchmark::UserCounters& counters) {
  const bool inverse = gate.counter == kSpeedup;
  const std::string name = inverse ? kRatio : gate.counter;
  Measured row{.value = counter_of(counters, name),
               .low = counter_of(counters, name + kQuarterLow),
               .high = counter_of(counters, name + kQuarterHigh),
               .clean = counter_of(counters, kClean)};
  const double rounds = counter_of(counters, kPairs);
  row.rounds = std::isnan(rounds) ? 0 : static_cast<std::int64_t>(rounds);
  if (inverse) {
    row.value = 1 / row.value;
    row.low = 1 / std::exchange(row.high, 1 / row.low);
  }
  return row;
}

Verdict verdict(const Gate& gate, const Measured& row) {
  if (gate.meets(row.value, gate.goal)) return Verdict::goal;
  if (gate.meets(row.value, gate.gate)) return Verdict::gate;
  return Verdict::failed;
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::goal:
      return "goal";
    case Verdict::gate:
      return "gate";
    case Verdict::failed:
      break;
  }
  return "FAILED";
}

void print_header(std::ostream& out) {
  out << std::left << std::setw(5) << "id" << std::setw(46) << "benchmark" << std::right
      << std::setw(12) << "goal" << std::setw(9) << "gate" << std::setw(9) << "median"
      << std::setw(19) << "quarters" << std::setw(8) << "rounds" << std::setw(8) << "clean"
      << "  reached\n";
}

void print_row(std::ostream& out, const Gate& gate, const Measured* row) {
  const bool most = gate.direction == Gate::Direction::at_most;
  out << std::left << std::setw(5) << gate.id << std::setw(46) << gate.benchmark << std::right
      << std::fixed << std::setprecision(3) << std::setw(4) << (most ? "<=" : ">=") << std::setw(8)
      << gate.goal << std::setw(9) << gate.gate;
  if (row == nullptr) {
    out << "  not measured: no such benchmark on this machine\n";
    return;
  }
  out << std::setw(9) << row->value << std::setw(9) << row->low << " .." << std::setw(7)
      << row->high << std::setw(8) << row->rounds << std::setw(8) << std::setprecision(2)
      << row->clean << "  " << name_of(verdict(gate, *row)) << '\n';
}

std::string json_number(double value) {
  return std::isfinite(value) ? std::to_string(value) : "null";
}

// Names hold nothing that JSON escapes; see Gate.
void print_json(std::ostream& out, const Gate& gate, const Measured* row) {
  const bool most = gate.direction == Gate::Direction::at_most;
  out << R"({"id":")" << gate.id << R"(","name":")" << gate.benchmark << R"(","counter":")"
      << gate.counter << R"(","direction":")" << (most ? "at_most" : "at_least") << R"(","goal":)"
      << json_number(gate.goal) << R"(,"gate":)" << json_number(gate.gate);
  if (row == nullptr) {
    out << R"(,"measured":false})";
    return;
  }
  out << R"(,"measured":true,"median":)" << json_number(row->value) << R"(,"low":)"
      << json_number(row->low) << R"(,"high":)" << json_number(row->high) << R"(,"rounds":)"
      << row->rounds << R"(,"clean":)" << json_number(row->clean) << R"(,"verdict":")"
      << name_of(verdict(gate, *row)) << "\"}";
}

/// Those that --benchmark_filter leaves.
std::vector<Gate> wanted_gates() {
  const std::string filter = benchmark::GetBenchmarkFilter();
  const bool all = filter.empty() || filter == "all";
  const std::regex pattern(all ? std::string(1, '.') : filter, std::regex::extended);
  std::vector<Gate> wanted;
  std::ranges::copy_if(gates(), std::back_inserter(wanted), [&](const Gate& gate) {
    return std::regex_search(gate.benchmark, pattern);
  });
  return wanted;
}

}  // namespace

Gate Gate::ratio(std::string id, std::string benchmark, double goal, double gate) {
  return {std::move(id), std::move(benchmark), kRatio, Direction::at_most, goal, gate};
}

Gate Gate::speedup(std::string id, std::string benchmark, double goal, double gate) {
  return {std::move(id), std::move(benchmark), kSpeedup, Direction::at_least, goal, gate};
}

bool Gate::meets(double value, double limit) const {
  return direction == Direction::at_most ? value <= limit : value >= limit;
}

void add_gate(Gate gate) {
  gates().push_back(std::move(gate));
}

GateReport take_gates_argument(int& argc, char** argv) {
  GateReport report = GateReport::none;
  const auto rest = std::remove_if(argv + 1, argv + argc, [&](std::string_view argument) {
    if (argument == "--gates") report = GateReport::table;
    if (argument == "--gates=json") report = GateReport::json;
    return argument == "--gates" || argument == "--gates=json";
  });
  argc = static_cast<int>(rest - argv);
  return report;
}

bool run_gates(GateReport report, std::ostream& out) {
  const std::vector<Gate> wanted = wanted_gates();
  std::string filter;
  for (const Gate& gate : wanted) filter += (filter.empty() ? "^(" : "|") + gate.benchmark;
  Collector collector;
  if (!wanted.empty()) benchmark::RunSpecifiedBenchmarks(&collector, filter + ")(/manual_time)?$");
  bool met = true;
  if (report == GateReport::table) print_header(out);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Gate& gate = wanted[i];
    const benchmark::UserCounters* const counters = collector.find(gate.benchmark);
    const Measured row = counters == nullptr ? Measured{} : measured(gate, *counters);
    met &= counters == nullptr || verdict(gate, row) != Verdict::failed;
    if (report == GateReport::table) {
      print_row(out, gate, counters == nullptr ? nullptr : &row);
    } else {
      out << (i == 0 ? "[" : ",\n ");
      print_json(out, gate, counters == nullptr ? nullptr : &row);
    }
  }
  if (report == GateReport::json) out << (wanted.empty() ? "[]\n" : "]\n");
  return met;
}

}  // namespace upfeed::bench
