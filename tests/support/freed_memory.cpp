#include "freed_memory.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace upfeed::test::freed_memory {
namespace {

// Plain memory: this runs inside of operator delete, and before and after main.
std::array<char, 64> g_text;
std::atomic<std::size_t> g_text_bytes{0};
std::atomic<std::size_t> g_hits{0};
thread_local bool t_exempt = false;

void look(const void* block, std::size_t size_bytes) noexcept {
  const std::size_t text_bytes = g_text_bytes.load(std::memory_order_acquire);
  if (text_bytes == 0 || t_exempt || block == nullptr) return;
  if (memmem(block, size_bytes, g_text.data(), text_bytes) != nullptr) ++g_hits;
}

}  // namespace

void watch_for(std::string_view text) {
  g_text_bytes.store(0, std::memory_order_release);
  std::memcpy(g_text.data(), text.data(), text.size());
  g_hits = 0;
  g_text_bytes.store(text.size(), std::memory_order_release);
}

std::size_t hits() {
  return g_hits;
}

void exempt_this_thread() {
  t_exempt = true;
}

}  // namespace upfeed::test::freed_memory

// Blocks start as zeros, so that what is found in them was written by their owner and is not what
// somebody else, who does not wipe, left there before.
void* operator new(std::size_t size_bytes) {
  void* const block = std::malloc(size_bytes == 0 ? 1 : size_bytes);
  if (block == nullptr) throw std::bad_alloc();
  return std::memset(block, 0, malloc_usable_size(block));
}
void* operator new[](std::size_t size_bytes) {
  return ::operator new(size_bytes);
}
void operator delete(void* block) noexcept {
  upfeed::test::freed_memory::look(block, malloc_usable_size(block));
  std::free(block);
}
void operator delete(void* block, std::size_t /*size_bytes*/) noexcept {
  ::operator delete(block);
}
void operator delete[](void* block) noexcept {
  ::operator delete(block);
}
void operator delete[](void* block, std::size_t /*size_bytes*/) noexcept {
  ::operator delete(block);
}

/// Pages of a Secret are given back here. Those that cannot be read (a thread's guard page) are
/// unmapped by the C library itself, past this function.
extern "C" int munmap(void* pages, std::size_t size_bytes) noexcept {
  upfeed::test::freed_memory::look(pages, size_bytes);
  return static_cast<int>(::syscall(SYS_munmap, pages, size_bytes));
}
