#pragma once

#include <cstddef>
#include <memory>
#include <new>

/// Ring storage of one mapping: a run that would pass the end goes on into a slack behind it
/// instead of wrapping. For ThreadSanitizer, which does not see that two mappings are the same
/// memory.
class PlainRingMemory {
 public:
  PlainRingMemory(std::size_t size_bytes, std::size_t contiguous_bytes)
      : base_(new (std::align_val_t{kAlignment}) std::byte[size_bytes + contiguous_bytes]()) {}

  [[nodiscard]] std::byte* at(std::size_t offset) const noexcept { return base_.get() + offset; }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct AlignedDelete {
    void operator()(std::byte* bytes) const {
      ::operator delete[](bytes, std::align_val_t{kAlignment});
    }
  };

  std::unique_ptr<std::byte[], AlignedDelete> base_;
};
