#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "exit_codes.hpp"

namespace upfeed::program {
namespace {

std::atomic<bool> stop_wanted{false};
std::atomic<const char*> last_words{nullptr};
static_assert(std::atomic<bool>::is_always_lock_free, "used within a signal handler");
static_assert(std::atomic<const char*>::is_always_lock_free, "used within a signal handler");

void on_signal(int number) {
  if (!stop_wanted.exchange(true)) return;
  if (const char* const text = last_words.load()) {
    // Nothing can be done about a terminal that is gone.
    [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, text, ::strlen(text));
  }
  ::_exit(kExitSignalled + number);
}

sigset_t stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  // Under nohup the end of the terminal is none of the program's.
  if (::sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
    ::sigaction(SIGHUP, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that write
}

bool stop_requested() noexcept {
  return stop_wanted.load(std::memory_order_relaxed);
}

void set_last_words(const char* text) noexcept {
  last_words.store(text);
}

SignalsBlocked::SignalsBlocked() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalsBlocked::~SignalsBlocked() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace upfeed::program
