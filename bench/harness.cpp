#include "harness.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "gates.hpp"

namespace upfeed::bench {
namespace {

std::atomic<bool> any_failed{false};

// Involuntary context switches of all threads so far.
std::int64_t preemptions() noexcept {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/// quarter  1, 2 (the median) or 3.
double quartile(std::vector<double> values, std::size_t quarter) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() * quarter / 4);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::string build_description() {
#if !defined(__OPTIMIZE__)
  return "WARNING: not optimised, the times mean nothing";
#elif defined(UPFEED_CHECKED) || !defined(NDEBUG)
  return "WARNING: assertions are on, the times mean nothing";
#else
  return "optimised, no assertions";
#endif
}

void add_context() {
#ifdef __clang__
  benchmark::AddCustomContext("compiler", __VERSION__);
#else
  benchmark::AddCustomContext("compiler", "gcc " __VERSION__);
#endif
  benchmark::AddCustomContext("build", build_description());
  const std::size_t cpus = allowed_cpus().size();
  benchmark::AddCustomContext(
      "cores", std::to_string(cpus) + (cpus < 2 ? " (WARNING: two threads share one)" : ""));
  utsname system{};
  if (uname(&system) == 0) benchmark::AddCustomContext("kernel", system.release);
}

}  // namespace

int run(int argc, char** argv, void (*prepare)()) {
  try {
    const GateReport gates = take_gates_argument(argc, argv);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    add_context();
    prepare();
    if (gates == GateReport::none) {
      benchmark::RunSpecifiedBenchmarks();
    } else if (!run_gates(gates, std::cout)) {
      any_failed = true;
    }
    benchmark::Shutdown();
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
  return any_failed ? 1 : 0;
}

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("not so before timing: " + what);
}

void fail(benchmark::State& state, const char* what) {
  any_failed = true;
  state.SkipWithError(what);
}

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

bool pin_this_thread(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

void Comparison::start_pair() noexcept {
  preemptions_at_start_ = preemptions();
}

bool Comparison::end_pair(double ours_s, double other_s) {
  const bool clean = preemptions() == preemptions_at_start_;
  pairs_.push_back({ours_s, other_s, clean});
  return clean;
}

void Comparison::report(benchmark::State& state) const {
  const auto clean = std::ranges::count_if(pairs_, &Pair::clean);
  std::vector<double> ours;
  std::vector<double> other;
  std::vector<double> ratios;
  for (const Pair& pair : pairs_) {
    if (clean >= kCleanPairsMin && !pair.clean) continue;
    ours.push_back(pair.ours_s);
    other.push_back(pair.other_s);
    ratios.push_back(pair.ours_s / pair.other_s);
  }
  const double ns_per_s = 1e9 / static_cast<double>(operations_);
  state.counters["ours_ns"] = quartile(ours, 2) * ns_per_s;
  state.counters["other_ns"] = quartile(other, 2) * ns_per_s;
  state.counters[kRatio] = quartile(ratios, 2);
  state.counters[std::string(kRatio) + kQuarterLow] = quartile(ratios, 1);
  state.counters[std::string(kRatio) + kQuarterHigh] = quartile(ratios, 3);
  state.counters[kPairs] = static_cast<double>(ratios.size());
  state.counters[kClean] =
      pairs_.empty() ? 0 : static_cast<double>(clean) / static_cast<double>(pairs_.size());
}

void Rate::start_round() noexcept {
  preemptions_at_start_ = preemptions();
}

void Rate::end_round(double seconds) {
  rounds_.push_back({seconds, preemptions() == preemptions_at_start_});
}

void Rate::report(benchmark::State& state) const {
  const auto clean = std::ranges::count_if(rounds_, &Round::clean);
  std::vector<double> rates;
  for (const Round& round : rounds_) {
    if (clean >= kCleanRoundsMin && !round.clean) continue;
    rates.push_back(static_cast<double>(operations_) / round.seconds);
  }
  state.counters[kPerSecond] = quartile(rates, 2);
  state.counters[std::string(kPerSecond) + kQuarterLow] = quartile(rates, 1);
  state.counters[std::string(kPerSecond) + kQuarterHigh] = quartile(rates, 3);
  state.counters[kPairs] = static_cast<double>(rates.size());
  state.counters[kClean] =
      rounds_.empty() ? 0 : static_cast<double>(clean) / static_cast<double>(rounds_.size());
}

}  // namespace upfeed::bench
