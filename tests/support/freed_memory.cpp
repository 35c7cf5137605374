#include "freed_memory.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace upfeed::test::freed_memory {
namespace {

// Plain memory: this runs inside of operator delete, and before and after main. A text that was
// watched for stays as it is, since a thread that nobody waits for may still be looking for it.
struct Text {
  std::array<char, 64> letters;
  std::size_t size;
};
std::array<Text, 64> g_texts;
std::size_t g_text_count = 0;
std::atomic<const Text*> g_watched{nullptr};
std::atomic<std::size_t> g_hits{0};
thread_local bool t_exempt = false;

void look(const void* block, std::size_t size_bytes) noexcept {
  const Text* const text = g_watched.load(std::memory_order_acquire);
  if (text == nullptr || t_exempt || block == nullptr) return;
  if (memmem(block, size_bytes, text->letters.data(), text->size) != nullptr) ++g_hits;
}

}  // namespace

void watch_for(std::string_view text) {
  g_watched.store(nullptr, std::memory_order_release);
  g_hits = 0;
  if (text.empty()) return;
  const auto end = g_texts.begin() + static_cast<std::ptrdiff_t>(g_text_count);
  auto found = std::find_if(g_texts.begin(), end, [text](const Text& before) {
    return std::string_view(before.letters.data(), before.size) == text;
  });
  if (found == end) {
    found->size = text.copy(g_texts.at(g_text_count++).letters.data(), found->letters.size());
  }
  g_watched.store(&*found, std::memory_order_release);
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
