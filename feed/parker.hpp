#pragma once

// How a thread of the feed sleeps and is woken, and how it is named and pinned. One that waits for
// sockets, too, has a Parker; one that waits for other threads alone has a FutexParker, which costs
// both sides less.
//
//   sleeper                         waker
//   prepare(): parked = true        publish work
//   look for work again             wake(): was it parked? then signal (eventfd, futex)
//   wait() or cancel()
//
// Both sides exchange the flag after (before) touching the work, sequentially consistent, so either
// the sleeper's second look finds the work or the waker finds it parked: no wake-up is lost, and a
// busy thread costs its waker no system call.

#include <poll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "net/unique_fd.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::detail {

class Parker {
 public:
  /// errors  throws std::system_error when there is no descriptor to be had.
  Parker();
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;

  /// The sleeper announces itself; it must look for work once more before wait().
  void prepare() noexcept { parked_.exchange(true, std::memory_order_seq_cst); }
  void cancel() noexcept { parked_.store(false, std::memory_order_seq_cst); }
  /// The descriptors whose input, or readiness for output, ends a wait. fd  -1: ignored.
  void watch_none() noexcept { watched_count_ = 1; }
  void watch(int fd, bool for_output) noexcept;
  /// Sleeps until woken, a watched descriptor is ready, or the time is over (-1: no limit).
  void wait(int timeout_ms) noexcept;
  /// Any thread, after the work is visible to the sleeper.
  void wake() noexcept {
    if (parked_.exchange(false, std::memory_order_seq_cst)) signal();
  }

 private:
  void signal() noexcept;
  net::UniqueFd event_fd_;
  static constexpr std::size_t kWatchedMax = 40;  // two per connection of a feed, and the eventfd
  std::array<pollfd, kWatchedMax> watched_{};
  std::size_t watched_count_ = 1;
  std::atomic<bool> parked_{false};
};

class FutexParker {
 public:
  FutexParker() = default;
  FutexParker(const FutexParker&) = delete;
  FutexParker& operator=(const FutexParker&) = delete;

  // As of Parker.
  void prepare() noexcept { parked_.exchange(1, std::memory_order_seq_cst); }
  void cancel() noexcept { parked_.store(0, std::memory_order_seq_cst); }
  void wait(int timeout_ms) noexcept;
  void wake() noexcept {
    if (parked_.exchange(0, std::memory_order_seq_cst) != 0) signal();
  }

 private:
  void signal() noexcept;
  std::atomic<std::uint32_t> parked_{0};  // the kernel compares it, so no wake-up is lost there
  static_assert(sizeof(parked_) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);
};

/// Names the calling thread and pins it to a core (-1: leaves it where it is).
/// Returns 0 or the errno of the pin.
[[nodiscard]] int set_up_thread(const char* name, int cpu) noexcept;

}  // namespace upfeed::detail
