#pragma once

// What the benchmark programs share: the header of a report, pinning, and the comparison of two
// things in one run.
//
//   A B | B A | A B | ...    one pair of rounds per iteration, the order turned every time
//
// The speed of a machine drifts within a second (neighbours, clock rate), so a time alone means
// little; two rounds that lie next to each other saw the same machine. What counts is the median of
// the ratios within the pairs. Pairs in which the kernel took a core from this process are left
// out.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace upfeed::bench {

/// The main() of a benchmark program: header, then prepare(), then the benchmarks, or with --gates
/// (gates.hpp) those that have a gate.
/// prepare  verifies what is going to be timed (see require()), registers benchmarks and gates.
/// returns  0; 1 when anything was wrong (or required and not so, or a gate not met); 2 for unknown
///          arguments.
int run(int argc, char** argv, void (*prepare)());

/// Ends the program with exit code 1 and this text unless condition holds; for prepare().
void require(bool condition, const std::string& what);

/// Ends this benchmark with an error and makes the program's exit code 1.
void fail(benchmark::State& state, const char* what);

/// The CPUs that this process may use, ascending.
[[nodiscard]] std::vector<int> allowed_cpus();
/// False when the kernel refused.
[[nodiscard]] bool pin_this_thread(int cpu) noexcept;

// The counters of a comparison; the quarters are named by these behind the ratio's name.
inline constexpr const char* kRatio = "ratio";
inline constexpr const char* kSpeedup = "speedup";  ///< no counter: 1 / ratio, in gates
inline constexpr const char* kQuarterLow = "_q1";
inline constexpr const char* kQuarterHigh = "_q3";
inline constexpr const char* kPerSecond = "per_s";
inline constexpr const char* kPairs = "pairs";
inline constexpr const char* kClean = "clean";

/// Times of pairs of rounds and what follows from them.
class Comparison {
 public:
  /// operations  in each round of either side.
  explicit Comparison(std::int64_t operations) : operations_(operations) {}

  void start_pair() noexcept;
  /// Seconds that each side took since start_pair(). True: the pair was undisturbed.
  bool end_pair(double ours_s, double other_s);
  /// Sets the counters ours_ns and other_ns (median times of one operation), ratio (median of ours
  /// to other within a pair, below 1: ours is faster), ratio_q1 and ratio_q3 (the quarters around
  /// it), pairs (how many the medians are over) and clean (fraction of undisturbed pairs; with
  /// fewer than kCleanPairsMin of them the medians are over all pairs).
  void report(benchmark::State& state) const;

 private:
  static constexpr std::int64_t kCleanPairsMin = 10;

  struct Pair {
    double ours_s;
    double other_s;
    bool clean;
  };

  std::int64_t operations_;
  std::int64_t preemptions_at_start_ = 0;
  std::vector<Pair> pairs_;
};

/// Times of rounds of one thing alone, where what counts is how many a second.
class Rate {
 public:
  /// operations  in each round.
  explicit Rate(std::int64_t operations) : operations_(operations) {}

  void start_round() noexcept;
  void end_round(double seconds);
  /// Sets the counters per_s (median) with the quarters per_s_q1 and per_s_q3 around it, pairs
  /// (here: rounds) and clean, as a Comparison does.
  void report(benchmark::State& state) const;

 private:
  static constexpr std::int64_t kCleanRoundsMin = 10;

  struct Round {
    double seconds;
    bool clean;
  };

  std::int64_t operations_;
  std::int64_t preemptions_at_start_ = 0;
  std::vector<Round> rounds_;
};

/// Runs two rounds in turn while the benchmark lasts; its own time column is that of a pair.
/// ours, other  callables that do `operations` operations; called once each before timing starts.
template <class Ours, class Other>
void compare(benchmark::State& state, std::int64_t operations, Ours&& ours, Other&& other) {
  const auto seconds_of = [](auto& round) {
    const auto start = std::chrono::steady_clock::now();
    round();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  seconds_of(ours);
  seconds_of(other);
  Comparison comparison(operations);
  bool ours_first = true;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    comparison.start_pair();
    double ours_s = ours_first ? seconds_of(ours) : 0;
    const double other_s = seconds_of(other);
    if (!ours_first) ours_s = seconds_of(ours);
    comparison.end_pair(ours_s, other_s);
    state.SetIterationTime(ours_s + other_s);
    ours_first = !ours_first;
  }
  comparison.report(state);
}

}  // namespace upfeed::bench
