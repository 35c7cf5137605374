#include "alloc_guard.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using alloc_guard::Counts;

// Watches the calling thread for as long as it lives.
class Watch {
 public:
  Watch() {
    alloc_guard::reset();
    alloc_guard::watch_this_thread();
  }
  ~Watch() { alloc_guard::unwatch_this_thread(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};

// Keeps the compiler from leaving out an allocation that nobody reads.
void use(const void* pointer) {
  asm volatile("" : : "r"(pointer) : "memory");
}

// Goal: every way to get heap memory is seen. Method: call each once on a watched thread.
TEST(AllocGuard, every_allocation_function_is_counted_as_ours) {
  void* blocks[6] = {};
  {
    const Watch watch;
    blocks[0] = std::malloc(10);
    blocks[1] = std::calloc(2, 10);
    blocks[2] = std::aligned_alloc(64, 128);
    if (posix_memalign(&blocks[3], 64, 10) != 0) blocks[3] = nullptr;
    blocks[4] = std::realloc(nullptr, 20);
    blocks[5] = ::operator new (24, std::align_val_t{64});
    use(blocks);
  }
  for (int i = 0; i < 5; ++i) std::free(blocks[i]);
  ::operator delete (blocks[5], std::align_val_t{64});
  EXPECT_EQ(alloc_guard::counts(), (Counts{.ours = 6, .libssl = 0, .other = 0}))
      << alloc_guard::report();
}

// Goal: what the C++ run-time allocates for us is charged to us. Method: a plain new, and a stream
// that grows its buffer inside libstdc++.
TEST(AllocGuard, allocations_nested_in_the_runtime_are_ours) {
  std::uint64_t after_new = 0;
  {
    const Watch watch;
    const auto one = std::make_unique<int>(1);
    use(one.get());
    after_new = alloc_guard::counts().ours;
    std::ostringstream stream;
    stream << std::string(500, 'x');
  }
  EXPECT_EQ(after_new, 1U) << alloc_guard::report();
  EXPECT_GE(alloc_guard::counts().ours, 3U) << alloc_guard::report();
  EXPECT_EQ(alloc_guard::counts().other, 0U) << alloc_guard::report();
}

// Goal: OpenSSL's own allocations are told apart. Method: an object that libcrypto allocates.
TEST(AllocGuard, allocations_of_libcrypto_are_apart) {
  EVP_MD_CTX* context = nullptr;
  {
    const Watch watch;
    context = EVP_MD_CTX_new();
  }
  EVP_MD_CTX_free(context);
  EXPECT_EQ(alloc_guard::counts(), (Counts{.ours = 0, .libssl = 1, .other = 0}))
      << alloc_guard::report();
}

// Goal: other threads and unwatched times do not count. Method: allocate on another thread while
// this one is watched, then here after the watch has ended.
TEST(AllocGuard, unwatched_allocations_are_not_counted) {
  std::atomic<bool> go = false;
  std::thread other([&go] {
    while (!go.load()) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) use(std::make_unique<int>(i).get());
  });
  {
    const Watch watch;
    go.store(true);
    other.join();
  }
  use(std::make_unique<int>(1).get());
  EXPECT_EQ(alloc_guard::counts(), Counts{}) << alloc_guard::report();
}

// Goal: a thread that a library owns can be watched. Method: two threads allocate before and after
// they name themselves; only what the one with a watched name does afterwards counts.
TEST(AllocGuard, threads_are_watched_by_the_start_of_their_name) {
  alloc_guard::reset();
  alloc_guard::watch_threads_named({"upfeed-io", "upfeed-disp"});
  const auto work = [](const char* name) {
    use(std::make_unique<int>(1).get());
    pthread_setname_np(pthread_self(), name);
    use(std::make_unique<int>(2).get());
  };
  std::thread(work, "upfeed-io-0").join();
  std::thread(work, "somebody-else").join();
  alloc_guard::watch_threads_named({});
  std::thread(work, "upfeed-disp").join();
  EXPECT_EQ(alloc_guard::counts(), (Counts{.ours = 1, .libssl = 0, .other = 0}))
      << alloc_guard::report();
}

// Goal: a failing test says where. Method: allocate more often than stacks are kept, then read the
// report; reset() must leave nothing behind.
TEST(AllocGuard, report_shows_the_first_stacks_until_reset) {
  {
    const Watch watch;
    for (int i = 0; i < 50; ++i) use(std::make_unique<int>(i).get());
  }
  const std::string report = alloc_guard::report();
  EXPECT_NE(report.find("ours 50"), std::string::npos) << report;
  EXPECT_NE(report.find("operator new"), std::string::npos) << report;
  EXPECT_NE(report.find("+0x"), std::string::npos) << report;
  alloc_guard::reset();
  EXPECT_EQ(alloc_guard::counts(), Counts{});
  EXPECT_EQ(alloc_guard::report().find("+0x"), std::string::npos);
}

}  // namespace
