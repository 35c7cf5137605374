// operator new that counts, for `upfeed bench`. Memory comes from the program's malloc, so nothing
// else changes.
#include "allocation_count.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#ifndef UPFEED_SANITIZED

namespace {

std::atomic<std::uint64_t> allocations{0};

void* allocate(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  // aligned_alloc wants a multiple; a size of zero needs an address of its own.
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
                           ? std::malloc(size == 0 ? 1 : size)
                           : std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The forms of new[], nothrow and sized delete call these by default.
void* operator new(std::size_t size) {
  return allocate(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace upfeed::program {
std::optional<std::uint64_t> allocation_count() noexcept {
  return allocations.load(std::memory_order_relaxed);
}
}  // namespace upfeed::program

#else

namespace upfeed::program {
std::optional<std::uint64_t> allocation_count() noexcept {
  return {};
}
}  // namespace upfeed::program

#endif
