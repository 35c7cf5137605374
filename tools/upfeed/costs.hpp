#pragma once

// What the feed's threads have cost so far, as the kernel and this program's allocators count it.
// Take two readings and subtract.

#include <cstdint>
#include <optional>

namespace upfeed::program {

struct ThreadCost {
  double cpu_seconds = 0;
  std::uint64_t sleeps = 0;       ///< voluntary context switches
  std::uint64_t preemptions = 0;  ///< involuntary ones: somebody else wanted the core
  std::uint64_t page_faults = 0;

  friend ThreadCost operator-(const ThreadCost& a, const ThreadCost& b) {
    return {a.cpu_seconds - b.cpu_seconds, a.sleeps - b.sleeps, a.preemptions - b.preemptions,
            a.page_faults - b.page_faults};
  }
  friend ThreadCost operator+(const ThreadCost& a, const ThreadCost& b) {
    return {a.cpu_seconds + b.cpu_seconds, a.sleeps + b.sleeps, a.preemptions + b.preemptions,
            a.page_faults + b.page_faults};
  }
};

/// Heap allocations of the whole process.
struct Allocations {
  std::uint64_t ours = 0;     ///< operator new
  std::uint64_t openssl = 0;  ///< its own allocator
  friend Allocations operator-(const Allocations& a, const Allocations& b) {
    return {a.ours - b.ours, a.openssl - b.openssl};
  }
  /// Nothing where they cannot be counted: a build with sanitizers, or no
  /// count_openssl_allocations().
  [[nodiscard]] static std::optional<Allocations> read() noexcept;
};

struct Costs {
  ThreadCost io;  ///< all I/O threads together
  ThreadCost dispatcher;
  /// For the caller to fill: reading the rest allocates itself.
  std::optional<Allocations> allocations;

  /// Of the feeds of this process that run now; without `allocations`.
  [[nodiscard]] static Costs read();
};
[[nodiscard]] Costs operator-(const Costs& a, const Costs& b);

/// Counts OpenSSL's allocations from here on; before anything else uses OpenSSL.
void count_openssl_allocations();

}  // namespace upfeed::program
