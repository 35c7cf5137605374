#pragma once

// The usual ring to compare with: fixed slots, published by an index beside the data (the design of
// rigtorp's SPSCQueue, written anew). Each side keeps its index on a cache line of its own and a
// copy of the other's, which it renews only when the ring looks full or empty.
//
//      head_ (consumer) --> | to be read ... | <-- tail_ (producer), slots_[tail_] is never read
//
// Invariant: one slot stays empty, so head_ == tail_ means empty and nothing else.

#include <atomic>
#include <cstddef>
#include <vector>

namespace upfeed::bench {

/// Single producer, single consumer; written and read in place like upfeed's ring. Slot must be
/// default-constructible.
template <class Slot>
class IndexRing {
 public:
  /// Takes as many slots as capacity_bytes hold; at least two.
  explicit IndexRing(std::size_t capacity_bytes) : slots_(capacity_bytes / sizeof(Slot)) {}

  /// Producer: the next slot, or nullptr when there is no room.
  [[nodiscard]] Slot* try_claim() noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t next = after(tail);
    if (next == head_seen_) {
      // Pairs with the release in release(): the consumer is done with the slot.
      head_seen_ = head_.load(std::memory_order_acquire);
      if (next == head_seen_) return nullptr;
    }
    return &slots_[tail];
  }
  /// Producer, after a claim.
  void publish() noexcept {
    // Pairs with the acquire in peek(): who sees the index sees the slot.
    tail_.store(after(tail_.load(std::memory_order_relaxed)), std::memory_order_release);
  }
  /// Consumer: the oldest slot, or nullptr when there is none.
  [[nodiscard]] Slot* peek() noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head == tail_seen_) return nullptr;
    }
    return &slots_[head];
  }
  /// Consumer, after a peek that found one.
  void release() noexcept {
    head_.store(after(head_.load(std::memory_order_relaxed)), std::memory_order_release);
  }

 private:
  static constexpr std::size_t kLineBytes = 64;

  [[nodiscard]] std::size_t after(std::size_t index) const noexcept {
    return index + 1 == slots_.size() ? 0 : index + 1;
  }

  std::vector<Slot> slots_;
  alignas(kLineBytes) std::atomic<std::size_t> tail_{0};
  std::size_t head_seen_ = 0;
  alignas(kLineBytes) std::atomic<std::size_t> head_{0};
  std::size_t tail_seen_ = 0;
};

}  // namespace upfeed::bench
