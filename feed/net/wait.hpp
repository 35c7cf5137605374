// Waiting on the cold path: every wait has a deadline, and every wait can be cut short.
//
//   thread of one dial:  poll( its descriptor , cancel descriptor , time left )
//
// A thread that only ever waits here can be joined within milliseconds of cancel(), which is why
// stop() needs no detached dial threads. Deliberately not here: anything a live connection uses.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "net/unique_fd.hpp"

namespace upfeed::net {

using MonoTime = std::chrono::steady_clock::time_point;

/// A flag that also wakes a poll(). Set once, never cleared. Thread-safe.
class CancelToken {
 public:
  CancelToken() noexcept;

  /// False when the system had no descriptor left; such a token must not be waited on.
  [[nodiscard]] bool valid() const noexcept { return event_.valid(); }
  void cancel() noexcept;
  [[nodiscard]] bool cancelled() const noexcept {
    return cancelled_.load(std::memory_order_acquire);
  }
  /// Becomes readable at cancel().
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  UniqueFd event_;
  std::atomic<bool> cancelled_{false};
};

enum class WaitResult : std::uint8_t { ready, timed_out, cancelled };

/// Waits until `fd` has one of `events` (poll bits; errors and hang-ups count as ready, the next
/// call on the descriptor names them). cancel may be null.
[[nodiscard]] WaitResult wait_for(int fd, short events, MonoTime deadline,
                                  const CancelToken* cancel) noexcept;

/// Limits of a chain of blocking steps: the time by which this step must end, and who may cut it.
struct Limits {
  MonoTime deadline;
  const CancelToken* cancel = nullptr;
};

}  // namespace upfeed::net
