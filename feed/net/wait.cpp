#include "net/wait.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>

namespace upfeed::net {

CancelToken::CancelToken() noexcept : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void CancelToken::cancel() noexcept {
  cancelled_.store(true, std::memory_order_release);
  if (event_.valid()) {
    // Fails only when the counter is full, and then the descriptor is readable already.
    [[maybe_unused]] const int ignored = ::eventfd_write(event_.get(), 1);
  }
}

WaitResult wait_for(int fd, short events, MonoTime deadline, const CancelToken* cancel) noexcept {
  pollfd fds[2] = {{fd, events, 0}, {cancel != nullptr ? cancel->fd() : -1, POLLIN, 0}};
  for (;;) {
    if (cancel != nullptr && cancel->cancelled()) return WaitResult::cancelled;
    // Rounded up: a poll that wakes early would spin through its last millisecond.
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    const int count = ::poll(fds, 2, timeout_ms);
    if (count > 0) {
      if (fds[1].revents != 0) return WaitResult::cancelled;
      return WaitResult::ready;
    }
    // A poll cut short by a signal (count < 0), or a wait beyond one poll's share, goes on.
    if (std::chrono::steady_clock::now() >= deadline) return WaitResult::timed_out;
  }
}

}  // namespace upfeed::net
