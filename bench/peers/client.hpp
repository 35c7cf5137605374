#pragma once

// What the C++ clients of the side-by-side run share; client.mjs is the same for node.
//
//   CLIENT PORT CA_FILE CLOCK_OFFSET_US WARMUP_S SECONDS SAMPLES_FILE CODES [OPTION]
//
// A frame's time stamp says when it was due, in microseconds of the server's clock. Recorded is
// what was due in a window that begins WARMUP_S after the first frame: microseconds from due to
// callback, as doubles, in SAMPLES_FILE; counts and CPU time of the window as JSON on standard
// output.

#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace upfeed::peers {

struct Task {
  std::uint16_t port = 0;
  std::string ca_file;
  std::int64_t clock_offset_us = 0;
  double warmup_seconds = 0;
  double seconds = 0;
  std::string samples_file;
  std::vector<std::string> codes;
  std::string option;

  /// Ends the program when the words are too few.
  static Task from(int argc, char** argv) {
    if (argc < 8) {
      std::fprintf(stderr, "usage: see bench/peers/client.hpp\n");
      std::exit(2);
    }
    Task task;
    task.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    task.ca_file = argv[2];
    task.clock_offset_us = std::atoll(argv[3]);
    task.warmup_seconds = std::atof(argv[4]);
    task.seconds = std::atof(argv[5]);
    task.samples_file = argv[6];
    std::string rest = argv[7];
    for (std::size_t comma = 0; comma != std::string::npos;) {
      comma = rest.find(',');
      task.codes.push_back(rest.substr(0, comma));
      rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    if (argc > 8) task.option = argv[8];
    return task;
  }

  /// The request for trades and order books.
  [[nodiscard]] std::string request() const {
    std::string list;
    for (const std::string& code : codes) list += (list.empty() ? "\"" : ",\"") + code + "\"";
    return R"([{"ticket":"peers"},{"type":"trade","codes":[)" + list +
           R"(]},{"type":"orderbook","codes":[)" + list + "]}]";
  }
};

/// threads  one.
class Samples {
 public:
  explicit Samples(const Task& task) : task_(task) {
    latencies_us_.reserve(static_cast<std::size_t>((task.seconds + 1) * 20'000));
  }

  /// One REALTIME frame has reached its callback; due_us is what it says. False: the window is
  /// over.
  bool take(bool is_trade, std::int64_t due_us) {
    const double now_us = mono_us();
    const auto due = static_cast<double>(due_us - task_.clock_offset_us);
    if (start_us_ == 0) start_us_ = now_us + task_.warmup_seconds * 1e6;
    if (due < start_us_) return true;
    if (latencies_us_.empty()) cpu_seconds_ = -process_cpu_seconds();
    if (due >= start_us_ + task_.seconds * 1e6) {
      if (!is_over_) cpu_seconds_ += process_cpu_seconds();
      is_over_ = true;
      return false;
    }
    latencies_us_.push_back(now_us - due);
    ++(is_trade ? trades_ : orderbooks_);
    return true;
  }

  /// Writes both outputs; returns the program's exit code.
  int finish() const {
    std::ofstream file(task_.samples_file, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(latencies_us_.data()),
               static_cast<std::streamsize>(latencies_us_.size() * sizeof(double)));
    std::printf("{\"cpu_seconds\":%.6f,\"trade\":%llu,\"orderbook\":%llu}\n", cpu_seconds_,
                static_cast<unsigned long long>(trades_),
                static_cast<unsigned long long>(orderbooks_));
    return file.good() && is_over_ ? 0 : 1;
  }

 private:
  static double mono_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
  }
  static double process_cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }

  const Task& task_;
  std::vector<double> latencies_us_;
  double start_us_ = 0;
  double cpu_seconds_ = 0;
  std::uint64_t trades_ = 0;
  std::uint64_t orderbooks_ = 0;
  bool is_over_ = false;
};

}  // namespace upfeed::peers
