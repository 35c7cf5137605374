#include "parker.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace upfeed::detail {

Parker::Parker() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_fd_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Parker::watch(int fd, bool for_output) noexcept {
  if (fd < 0) return;
  UPFEED_ASSERT(watched_count_ < kWatchedMax);
  const auto events = static_cast<short>(for_output ? POLLIN | POLLOUT : POLLIN);
  watched_[watched_count_++] = {fd, events, 0};
}

void Parker::wait(int timeout_ms) noexcept {
  watched_[0] = {event_fd_.get(), POLLIN, 0};
  ::poll(watched_.data(), watched_count_, timeout_ms);
  cancel();
  if ((watched_[0].revents & POLLIN) != 0) {
    std::uint64_t count = 0;
    // Non-blocking: at worst there is nothing to take.
    [[maybe_unused]] const ssize_t taken = ::read(event_fd_.get(), &count, sizeof count);
  }
}

void Parker::signal() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the sleeper wakes all the same.
  [[maybe_unused]] const ssize_t written = ::write(event_fd_.get(), &one, sizeof one);
}

void FutexParker::wait(int timeout_ms) noexcept {
  const timespec timeout{timeout_ms / 1'000, timeout_ms % 1'000 * 1'000'000L};
  // Woken, too late, interrupted, or no longer parked: the caller looks for work in any case.
  ::syscall(SYS_futex, &parked_, FUTEX_WAIT_PRIVATE, 1, timeout_ms < 0 ? nullptr : &timeout);
  cancel();
}

void FutexParker::signal() noexcept {
  ::syscall(SYS_futex, &parked_, FUTEX_WAKE_PRIVATE, 1);
}

int set_up_thread(const char* name, int cpu) noexcept {
  ::pthread_setname_np(::pthread_self(), name);
  if (cpu < 0) return 0;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu >= CPU_SETSIZE) return EINVAL;
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

}  // namespace upfeed::detail
