#pragma once

// Counts the system calls that one running thread of this process makes, whoever makes them in it.
//
//   watcher    signal --> thread: installs a seccomp filter in its signal handler
//   thread     system call --> kernel --listener--> watcher counts, says "continue" --> it goes on
//
// recvmsg is let through uncounted, since a spinning thread makes millions of them. Every other
// call costs the thread a round trip to the watcher.

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>

class SyscallWatch {
 public:
  /// tid  of a thread of this process, see thread_named(). From here on it is watched for the rest
  ///      of its life: a filter cannot be taken off.
  explicit SyscallWatch(pid_t tid);
  /// After the thread has ended.
  ~SyscallWatch();
  SyscallWatch(const SyscallWatch&) = delete;
  SyscallWatch& operator=(const SyscallWatch&) = delete;

  /// Empty: it watches. Otherwise why the kernel refused, and nothing is counted.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// By number (SYS_...), since the watch began.
  [[nodiscard]] std::uint64_t count(long number) const;
  /// All of them that were made.
  using Counts = std::map<long, std::uint64_t>;
  [[nodiscard]] Counts counts() const;

 private:
  static constexpr std::size_t kNumbers = 512;

  void listen();

  int listener_ = -1;
  std::string problem_;
  std::array<std::atomic<std::uint64_t>, kNumbers> counted_{};
  std::thread thread_;
};

/// The thread of this process with exactly that name; 0: none.
[[nodiscard]] pid_t thread_named(std::string_view name);

/// Page faults of a thread of this process so far, minor and major together.
[[nodiscard]] std::uint64_t page_faults(pid_t tid);
