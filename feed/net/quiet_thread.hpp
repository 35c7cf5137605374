// A thread that no signal handler of the embedding program will ever run on.
#pragma once

#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset_t is in no C++ header

#include <system_error>
#include <thread>
#include <utility>

namespace upfeed::net {

/// Starts `body` with all signals blocked. throws std::system_error: no thread to be had.
template <class Body>
[[nodiscard]] std::thread start_quiet_thread(Body&& body) {
  struct Mask {
    Mask() noexcept {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Mask() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before;
  };
  const Mask blocked;  // a new thread inherits the mask; setting it there would be too late
  return std::thread(std::forward<Body>(body));
}

}  // namespace upfeed::net
