#include "alloc_guard.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

// The allocator proper, under the names that glibc keeps for this purpose: unlike dlsym(RTLD_NEXT)
// they are there before the first allocation of the process.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace alloc_guard {
namespace {

enum class Owner : std::uint8_t { ours, libssl, other };
constexpr std::size_t kOwnerCount = 3;
enum class What : std::uint8_t { allocation, lock };
constexpr std::size_t kWhatCount = 2;
constexpr std::size_t kStackMax = 8;
constexpr std::size_t kFrameMax = 32;
constexpr std::size_t kNameMax = 8;

struct Stack {
  std::array<void*, kFrameMax> frames;
  std::size_t frame_count;
  std::atomic<bool> complete;
};

struct Tally {
  std::atomic<std::uint64_t> count;
  std::array<Stack, kStackMax> first;
};

using ThreadName = std::array<char, 16>;  // what Linux allows, its terminating zero included

constinit std::array<std::array<Tally, kOwnerCount>, kWhatCount> tallies{};
constinit std::array<ThreadName, kNameMax> watched_names{};
constinit std::atomic<std::size_t> watched_name_count{0};
constinit std::atomic<std::uint64_t> watched_list{0};  // how many lists there have been

// Executables use the static TLS block, so reading these never allocates.
constinit thread_local bool thread_watched = false;
constinit thread_local std::uint64_t thread_in_list = 0;  // the newest that had its name
constinit thread_local bool thread_inside = false;        // an allocation made by the guard itself

bool name_watched() noexcept {
  const std::size_t count = watched_name_count.load(std::memory_order_acquire);
  if (count == 0) return false;
  const std::uint64_t list = watched_list.load(std::memory_order_relaxed);
  if (thread_in_list == list) return true;
  // Asked until it is so: a thread may well allocate before it gets its name. A system call.
  ThreadName own{};
  if (pthread_getname_np(pthread_self(), own.data(), own.size()) != 0) return false;
  const std::string_view name(own.data());
  const bool named =
      std::any_of(watched_names.begin(), watched_names.begin() + count,
                  [name](const ThreadName& prefix) { return name.starts_with(prefix.data()); });
  if (named) thread_in_list = list;
  return named;
}

// Where the program itself is loaded.
const void* own_base() noexcept {
  Dl_info info{};
  return dladdr(reinterpret_cast<const void*>(&own_base), &info) != 0 ? info.dli_fbase : nullptr;
}

bool is_runtime(std::string_view file) noexcept {
  for (const char* name : {"libc.so", "libstdc++.so", "libgcc_s.so", "libm.so", "ld-linux"}) {
    if (file.starts_with(name)) return true;
  }
  return false;
}

Owner owner_of(const Stack& stack) noexcept {
  for (std::size_t i = 0; i < stack.frame_count; ++i) {
    Dl_info info{};
    // A return address may be the first byte of the next function; the call is one byte before.
    if (dladdr(static_cast<char*>(stack.frames[i]) - 1, &info) == 0) continue;
    if (info.dli_fbase == own_base()) return Owner::ours;
    std::string_view file(info.dli_fname);
    file.remove_prefix(file.find_last_of('/') + 1);
    if (is_runtime(file)) continue;
    const bool ssl = file.starts_with("libssl.so") || file.starts_with("libcrypto.so");
    return ssl ? Owner::libssl : Owner::other;
  }
  return Owner::ours;  // never excuse what could not be resolved
}

// Frames from the caller of the interposed function outwards; those of the guard itself are left
// out.
void capture(const void* caller, Stack& stack) noexcept {
  std::array<void*, kFrameMax> frames;
  const auto count = static_cast<std::size_t>(backtrace(frames.data(), kFrameMax));
  const auto end = frames.begin() + count;
  const auto begin = std::find(frames.begin(), end, caller);
  stack.frame_count =
      static_cast<std::size_t>(std::copy(begin, end, stack.frames.begin()) - stack.frames.begin());
  if (stack.frame_count == 0) {
    stack.frames[0] = const_cast<void*>(caller);
    stack.frame_count = 1;
  }
}

void record(What what, const void* caller) noexcept {
  Stack stack;
  capture(caller, stack);
  Tally& tally = tallies[static_cast<std::size_t>(what)][static_cast<std::size_t>(owner_of(stack))];
  const std::uint64_t index = tally.count.fetch_add(1, std::memory_order_relaxed);
  if (index >= kStackMax) return;
  Stack& kept = tally.first[index];
  kept.frames = stack.frames;
  kept.frame_count = stack.frame_count;
  kept.complete.store(true, std::memory_order_release);
}

// Keeps errno: callers of malloc do not expect a successful call to change it.
void note(What what, const void* caller) noexcept {
  if (thread_inside) return;
  if (!thread_watched && watched_name_count.load(std::memory_order_relaxed) == 0) return;
  thread_inside = true;
  const int saved_errno = errno;
  if (thread_watched || name_watched()) record(what, caller);
  errno = saved_errno;
  thread_inside = false;
}

// The first backtrace() of a process loads libgcc_s, which allocates; have that behind us.
[[maybe_unused]] const int primed = [] {
  std::array<void*, 2> frames;
  return backtrace(frames.data(), static_cast<int>(frames.size()));
}();

void append_frame(std::string& text, void* frame) {
  Dl_info info{};
  char* const call = static_cast<char*>(frame) - 1;
  if (dladdr(call, &info) == 0) {
    text += "    ?\n";
    return;
  }
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), &std::free);
  const char* symbol = info.dli_sname != nullptr ? info.dli_sname : "?";
  std::array<char, 32> offset{};
  std::snprintf(offset.data(), offset.size(), "+0x%tx)\n",
                call - static_cast<char*>(info.dli_fbase));
  text.append("    ").append(demangled ? demangled.get() : symbol);
  text.append(" (").append(info.dli_fname).append(offset.data());
}

}  // namespace

void watch_this_thread() noexcept {
  thread_watched = true;
}
void unwatch_this_thread() noexcept {
  thread_watched = false;
}

void watch_threads_named(std::initializer_list<std::string_view> names) noexcept {
  watched_name_count.store(0, std::memory_order_release);
  std::size_t count = 0;
  for (const std::string_view name : names) {
    if (count == kNameMax) break;
    ThreadName& kept = watched_names[count++];
    kept = {};
    name.copy(kept.data(), kept.size() - 1);
  }
  watched_list.fetch_add(1, std::memory_order_relaxed);
  watched_name_count.store(count, std::memory_order_release);
}

void reset() noexcept {
  for (auto& owners : tallies) {
    for (Tally& tally : owners) {
      for (Stack& stack : tally.first) stack.complete.store(false, std::memory_order_relaxed);
      tally.count.store(0, std::memory_order_relaxed);
    }
  }
}

namespace {

Counts counts_of(What what) noexcept {
  const auto count = [what](Owner owner) {
    return tallies[static_cast<std::size_t>(what)][static_cast<std::size_t>(owner)].count.load(
        std::memory_order_relaxed);
  };
  return {count(Owner::ours), count(Owner::libssl), count(Owner::other)};
}

std::string report_of(What what, const char* name) {
  const Counts now = counts_of(what);
  std::string text = std::string(name) + " of watched threads: ours " + std::to_string(now.ours) +
                     ", libssl " + std::to_string(now.libssl) + ", other " +
                     std::to_string(now.other) + '\n';
  constexpr std::array<const char*, kOwnerCount> kNames{"ours", "libssl", "other"};
  for (std::size_t owner = 0; owner < kOwnerCount; ++owner) {
    for (const Stack& stack : tallies[static_cast<std::size_t>(what)][owner].first) {
      if (!stack.complete.load(std::memory_order_acquire)) continue;
      text.append("  ").append(kNames[owner]).append(":\n");
      for (std::size_t i = 0; i < stack.frame_count; ++i) append_frame(text, stack.frames[i]);
    }
  }
  return text;
}

}  // namespace

Counts counts() noexcept {
  return counts_of(What::allocation);
}
Counts lock_counts() noexcept {
  return counts_of(What::lock);
}
std::string report() {
  return report_of(What::allocation, "allocations");
}
std::string lock_report() {
  return report_of(What::lock, "locks");
}

namespace {

template <class... Parameters>
using Real = std::atomic<int (*)(Parameters...)>;

// The function behind an interposed one. Looking it up takes locks, but not by these names.
template <class... Parameters>
auto behind(Real<Parameters...>& known, const char* name) noexcept {
  auto* found = known.load(std::memory_order_relaxed);
  if (found == nullptr) {
    found = reinterpret_cast<int (*)(Parameters...)>(dlsym(RTLD_NEXT, name));
    known.store(found, std::memory_order_relaxed);
  }
  return found;
}

}  // namespace

}  // namespace alloc_guard

// The interposed family. The return address is taken here, in the function that was called: it
// marks where the caller's part of the stack begins.
extern "C" {

void* malloc(std::size_t size) noexcept {
  alloc_guard::note(alloc_guard::What::allocation, __builtin_return_address(0));
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  alloc_guard::note(alloc_guard::What::allocation, __builtin_return_address(0));
  return __libc_calloc(count, size);
}

void* realloc(void* block, std::size_t size) noexcept {
  alloc_guard::note(alloc_guard::What::allocation, __builtin_return_address(0));
  return __libc_realloc(block, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  alloc_guard::note(alloc_guard::What::allocation, __builtin_return_address(0));
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  alloc_guard::note(alloc_guard::What::allocation, __builtin_return_address(0));
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  alloc_guard::note(alloc_guard::What::allocation, __builtin_return_address(0));
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
    return EINVAL;
  }
  const int saved_errno = errno;  // the result is the return value; errno stays as it was
  void* const got = __libc_memalign(alignment, size);
  errno = saved_errno;
  if (got == nullptr) return ENOMEM;
  *block = got;
  return 0;
}

// What waits, or may have to. Spinning on an atomic word is not among them; a futex called directly
// is a system call and seen as such (syscall_watch.hpp).

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static constinit alloc_guard::Real<pthread_mutex_t*> known{nullptr};
  alloc_guard::note(alloc_guard::What::lock, __builtin_return_address(0));
  return alloc_guard::behind(known, "pthread_mutex_lock")(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static constinit alloc_guard::Real<pthread_mutex_t*> known{nullptr};
  alloc_guard::note(alloc_guard::What::lock, __builtin_return_address(0));
  return alloc_guard::behind(known, "pthread_mutex_trylock")(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  static constinit alloc_guard::Real<pthread_rwlock_t*> known{nullptr};
  alloc_guard::note(alloc_guard::What::lock, __builtin_return_address(0));
  return alloc_guard::behind(known, "pthread_rwlock_rdlock")(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  static constinit alloc_guard::Real<pthread_rwlock_t*> known{nullptr};
  alloc_guard::note(alloc_guard::What::lock, __builtin_return_address(0));
  return alloc_guard::behind(known, "pthread_rwlock_wrlock")(lock);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static constinit alloc_guard::Real<pthread_cond_t*, pthread_mutex_t*> known{nullptr};
  alloc_guard::note(alloc_guard::What::lock, __builtin_return_address(0));
  return alloc_guard::behind(known, "pthread_cond_wait")(condition, mutex);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* end) {
  static constinit alloc_guard::Real<pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*>
      known{nullptr};
  alloc_guard::note(alloc_guard::What::lock, __builtin_return_address(0));
  return alloc_guard::behind(known, "pthread_cond_clockwait")(condition, mutex, clock, end);
}

}  // extern "C"
