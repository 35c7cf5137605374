#pragma once

// The simulator as a process of its own, so that what it costs is apart from what the feed costs.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::program {

/// `upfeed sim` of this very program file, on the loopback. It ends with this object, and with this
/// process however that ends. Move-only.
class SimProcess {
 public:
  /// arguments  of `upfeed sim`, behind --json.  cpu  where it may run; -1: anywhere.
  /// errors  system: it could not be started, or ended before it was ready; it told why itself.
  [[nodiscard]] static Result<SimProcess> start(const std::vector<std::string>& arguments, int cpu);
  SimProcess(SimProcess&& other) noexcept;
  SimProcess& operator=(SimProcess&&) = delete;
  ~SimProcess();

  [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
  /// Its clock minus CLOCK_MONOTONIC.
  [[nodiscard]] std::chrono::microseconds clock_offset() const noexcept { return clock_offset_; }
  /// What it has used of all cores so far, seconds; 0 once it is gone.
  [[nodiscard]] double cpu_seconds() const noexcept;

 private:
  SimProcess() = default;
  /// The next line it prints; empty when it has ended.
  std::string read_line();
  Status read_ready(const std::string& line);

  pid_t child_ = -1;
  int output_ = -1;
  Endpoint endpoint_;
  std::chrono::microseconds clock_offset_{0};
};

}  // namespace upfeed::program
