#pragma once

// Proves that a thread does not touch the heap, and takes no lock. Linking this file puts its
// malloc family, and the mutexes, rwlocks and conditions of pthread, in front of the C library's
// for the whole process, shared libraries included, so operator new, std::mutex and OpenSSL are
// seen as well:
//
//   new / std::vector / SSL_read -> malloc (here) -> watched thread? -> who called? -> counted
//                                        \-> __libc_malloc, always
//
// The caller is the innermost stack frame outside the C and C++ run-time libraries: a vector that
// grows inside libstdc++ is charged to the code that grew it, and a buffer that libcrypto takes for
// itself is not charged to us.
// It only counts: nothing is refused, and releasing memory is not watched (what a watched thread
// releases, somebody allocated). Not for sanitizer builds, which bring their own malloc.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace alloc_guard {

/// Allocations (malloc, calloc, realloc, aligned forms, operator new) of watched threads since
/// reset(), by who asked.
struct Counts {
  std::uint64_t ours = 0;    ///< the program itself, static libraries included
  std::uint64_t libssl = 0;  ///< libssl or libcrypto
  std::uint64_t other = 0;   ///< any other shared library
  friend bool operator==(const Counts&, const Counts&) = default;
};

/// Counts the calling thread's allocations from now on, until unwatch_this_thread().
void watch_this_thread() noexcept;
void unwatch_this_thread() noexcept;

/// Also watches every thread, present or future, whose name (pthread_setname_np) starts with one of
/// these; replaces the earlier list, an empty one ends it. For threads that a library owns.
/// names  at most 8, at most 15 characters each; more of either is cut.
/// threads  call it from one thread at a time; it takes effect on the others at once.
void watch_threads_named(std::initializer_list<std::string_view> names) noexcept;

/// Sets the counts to zero and forgets the stacks. Call it while watched threads do not allocate,
/// else their allocations of that moment may be counted on either side.
void reset() noexcept;

[[nodiscard]] Counts counts() noexcept;
/// Likewise locks asked for, contended or not: mutexes, rwlocks, waits for a condition.
[[nodiscard]] Counts lock_counts() noexcept;

/// The counts and, for each kind, the call stacks of the first allocations, innermost frame first.
/// A frame is "symbol (module+0xoffset)"; `addr2line -e module 0xoffset` gives its line.
[[nodiscard]] std::string report();
[[nodiscard]] std::string lock_report();

}  // namespace alloc_guard
