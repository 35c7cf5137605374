#pragma once

// What a benchmark must reach. A gate judges a benchmark that is registered like any other, so what
// is gated is what everybody can run by its name.
//
//   bench/NAME --gates        runs the gated benchmarks and prints a table, one row per gate
//   bench/NAME --gates=json   the same as JSON, nothing else on standard output
//
// Exit code: 0; 1 when a gate failed or a benchmark went wrong; 2 for unknown arguments.
// --benchmark_filter and --benchmark_min_time work with it.

#include <iosfwd>
#include <string>
#include <vector>

namespace upfeed::bench {

/// goal  what is aimed at. gate  what must be; a gate that is not met fails the run.
struct Gate {
  enum class Direction { at_most, at_least };

  std::string id;         ///< of the goal, e.g. "G1"; several gates may share one
  std::string benchmark;  ///< its registered name: letters, digits and _ / . - only
  std::string counter;    ///< what of it is judged
  Direction direction;
  double goal;
  double gate;

  /// A comparison (see Comparison): ours to other, at most.
  static Gate ratio(std::string id, std::string benchmark, double goal, double gate);
  /// A comparison: how many times as fast as the other ours is, at least.
  static Gate speedup(std::string id, std::string benchmark, double goal, double gate);

  [[nodiscard]] bool meets(double value, double limit) const;
};

/// How a benchmark did, best first.
enum class Verdict { goal, gate, failed };

/// Adds a row to the report, for prepare(). Where no such benchmark is registered (another
/// processor), the row says so and fails nothing.
void add_gate(Gate gate);

/// How --gates was asked for.
enum class GateReport { none, table, json };
/// Takes --gates and --gates=json out of the arguments.
[[nodiscard]] GateReport take_gates_argument(int& argc, char** argv);

/// Runs the benchmarks of all gates, in the order of add_gate(), and reports.
/// returns  whether all gates that could be measured were met.
bool run_gates(GateReport report, std::ostream& out);

}  // namespace upfeed::bench
