#pragma once

// A bounded ring of variable-length records between one producer and one consumer thread.
//
//      try_claim -> write in place -> publish          peek -> read (and edit) in place -> release
//
// Positions are byte counts that only grow; position & (capacity - 1) is the offset in the memory.
// A record starts on a cache line and takes whole lines:
//
//      line       0        8                                              64
//      0          | commit | payload ......................................|
//      1 .. n     | payload, then padding to the end of the line           |
//
// The commit word is the only hand-over of a record: 0 while it is not there, its payload size once
// it is. Record and commit word travel in the same cache line, so a small record costs the reader
// one line transfer where an index beside the data costs two. Up to 56 bytes fit that line; the
// price is that payloads are aligned to 8 and no more.
//
//      free ... | released, kept for a batch | to be read | claimed ... | 0 | free ...
//               ^ handed_back_               ^ read_      ^ tail_       ^ next commit word
//
// Invariants
//      handed_back_ <= read_ <= tail_ <= handed_back_ + capacity - one line
//      the commit word at tail_ is 0, so the consumer stops there: publish() zeroes the next one
//      before it sets its own, because what lies there is payload of an earlier round.
//      A claim leaves room for that next commit word, hence the one line above.
//
// Space goes back to the producer in batches, since each hand-over costs both sides a line
// transfer, and whenever the consumer finds the ring empty, without which a large record could wait
// for ever on space that was released but never handed back.
//
// Deliberately not done: blocking, waking, more than one producer or consumer, growing, destructors
// of what lies in the payload (store trivially destructible types), prefetching.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "upfeed/mirrored_memory.hpp"

#ifndef UPFEED_RING_ASSERT
#if !defined(NDEBUG) || defined(UPFEED_CHECKED)
#define UPFEED_RING_ASSERT(condition) ((condition) ? static_cast<void>(0) : __builtin_trap())
#else
#define UPFEED_RING_ASSERT(condition) static_cast<void>(0)
#endif
#endif

namespace upfeed {

/// The atomics policy a ring ships with. Another policy gives the same two names: a counter with
/// load(order) and store(value, order), and access to the commit word at an offset of the storage.
struct StdAtomics {
  using Counter = std::atomic<std::uint64_t>;

  template <class Storage>
  [[nodiscard]] static std::atomic_ref<std::uint64_t> commit_word(const Storage& storage,
                                                                  std::size_t offset) noexcept {
    void* word = storage.at(offset);
    return std::atomic_ref<std::uint64_t>(*static_cast<std::uint64_t*>(word));
  }
};

/// Single-producer single-consumer ring of variable-length records, written and read in place.
///
/// Storage   zero-filled memory, constructed from (capacity_bytes, contiguous_bytes); at(offset)
///           gives contiguous_bytes contiguous bytes from every offset < capacity_bytes. Whether
///           the bytes behind the end are those at the start again is of no account to the ring.
/// Atomics   see StdAtomics.
/// threads   one producer thread and one consumer thread at a time, possibly the same one; the
///           observers from any thread. Construct before, destroy after both.
/// lifetime  payload pointers die with the ring, and earlier as each call says.
/// errors    only the constructor throws. Misuse of the calls is a failed UPFEED_RING_ASSERT in
///           debug and UPFEED_CHECKED builds, undefined in others.
template <class Storage = MirroredMemory, class Atomics = StdAtomics>
class BasicSpscRing {
 public:
  /// Every payload starts on a multiple of this.
  static constexpr std::size_t kPayloadAlignment = 8;

  /// Reserves all memory; nothing is allocated later.
  /// capacity_bytes    a power of two, and what the storage asks for (MirroredMemory: a multiple
  ///                   of the page size). Never rounded.
  /// max_record_bytes  the largest claim, at least 1. A record of that size fits whenever the ring
  ///                   is drained, so it is at most capacity_bytes - 72.
  /// errors            std::invalid_argument naming field, value and way out; std::system_error if
  ///                   the memory is not to be had.
  BasicSpscRing(std::size_t capacity_bytes, std::size_t max_record_bytes)
      : offset_mask_(checked_capacity(capacity_bytes, max_record_bytes) - 1),
        max_record_bytes_(max_record_bytes),
        storage_(capacity_bytes, footprint_bytes(max_record_bytes)),
        tail_(first_position(capacity_bytes)),
        handed_back_seen_(first_position(capacity_bytes)),
        handed_back_(first_position(capacity_bytes)),
        read_(first_position(capacity_bytes)),
        peeked_end_(first_position(capacity_bytes)),
        handed_back_last_(first_position(capacity_bytes)) {}

  BasicSpscRing(const BasicSpscRing&) = delete;
  BasicSpscRing& operator=(const BasicSpscRing&) = delete;

  /// Reserves room for one record of up to `bytes` and lets the caller write it in place.
  /// bytes     1 to max_record_bytes().
  /// returns   the payload, aligned to kPayloadAlignment, with leftovers of earlier records in it;
  ///           nullptr when there is no room now. Either way a claim before it is forgotten, so a
  ///           record is abandoned by claiming again or by doing nothing.
  /// threads   producer. Never waits.
  /// lifetime  writable until the next publish() or try_claim().
  [[nodiscard]] std::byte* try_claim(std::size_t bytes) noexcept {
    UPFEED_RING_ASSERT(bytes >= 1);
    UPFEED_RING_ASSERT(bytes <= max_record_bytes_);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t needed_end = tail + footprint_bytes(bytes) + kLineBytes;
    if (needed_end - handed_back_seen_ > capacity_bytes()) {
      // Pairs with the release in hand_back(): the consumer's last look at these bytes comes before
      // our first write to them.
      handed_back_seen_ = handed_back_.load(std::memory_order_acquire);
      if (needed_end - handed_back_seen_ > capacity_bytes()) {
        claimed_bytes_ = 0;
        return nullptr;
      }
    }
    claimed_bytes_ = bytes;
    return payload_at(tail);
  }

  /// Makes the claimed record visible to the consumer.
  /// bytes     1 to the claimed size; what lies behind them is not part of the record, and its
  ///           room is free for the next one.
  /// threads   producer, after a successful try_claim(); ends that claim.
  void publish(std::size_t bytes) noexcept {
    UPFEED_RING_ASSERT(bytes >= 1);
    UPFEED_RING_ASSERT(bytes <= claimed_bytes_);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t end = tail + footprint_bytes(bytes);
    // Relaxed is enough: the release below carries it. Only now is it known where the next record
    // starts, as this one may be shorter than its claim.
    commit_word_at(end).store(0, std::memory_order_relaxed);
    // Pairs with the acquire in peek(): who reads a size here sees the whole record, and the zero
    // behind it.
    commit_word_at(tail).store(bytes, std::memory_order_release);
    tail_.store(end, std::memory_order_relaxed);
    claimed_bytes_ = 0;
  }

  /// The oldest record not yet released, or an empty span if there is none; finding none hands all
  /// released space back to the producer. Asked again before release(), gives the same record.
  /// returns   the payload, as large as it was published; the consumer may change it.
  /// threads   consumer. Never waits.
  /// lifetime  until release().
  [[nodiscard]] std::span<std::byte> peek() noexcept {
    const std::uint64_t bytes = commit_word_at(read_).load(std::memory_order_acquire);
    if (bytes == 0) {
      if (read_ != handed_back_last_) hand_back();
      return {};
    }
    UPFEED_RING_ASSERT(bytes <= max_record_bytes_);
    peeked_end_ = read_ + footprint_bytes(bytes);
    return {payload_at(read_), static_cast<std::size_t>(bytes)};
  }

  /// Consumes the record that peek() gave; its space goes back with the current batch.
  /// threads   consumer, once after each peek() that gave a record.
  void release() noexcept {
    UPFEED_RING_ASSERT(peeked_end_ != read_);
    read_ = peeked_end_;
    if (read_ - handed_back_last_ >= capacity_bytes() / kBatchesPerRound) hand_back();
  }

  /// Bytes that the producer cannot use now: records published and not yet handed back, with their
  /// headers and padding. Exact when both sides rest, 0 when the ring is drained; else as of some
  /// recent moment, and up to an eighth of the capacity too high, as space goes back in batches.
  /// threads   any.
  [[nodiscard]] std::size_t used_bytes() const noexcept {
    const std::uint64_t handed_back = handed_back_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    // The two are not one snapshot: an old tail may lie before a new handed_back.
    const auto used = static_cast<std::int64_t>(tail - handed_back);
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(used, 0, static_cast<std::int64_t>(capacity_bytes())));
  }

  /// As given to the constructor. threads: any.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return offset_mask_ + 1; }
  [[nodiscard]] std::size_t max_record_bytes() const noexcept { return max_record_bytes_; }

  /// The room that a record with a payload of `payload_bytes` takes in the ring. threads: any.
  [[nodiscard]] static constexpr std::size_t footprint_bytes(std::size_t payload_bytes) noexcept {
    return (kHeaderBytes + payload_bytes + kLineBytes - 1) & ~(kLineBytes - 1);
  }

 private:
  static constexpr std::size_t kLineBytes = 64;
  static constexpr std::size_t kHeaderBytes = sizeof(std::uint64_t);
  static constexpr std::size_t kBatchesPerRound = 8;
  static_assert(kHeaderBytes % kPayloadAlignment == 0 && kLineBytes % kPayloadAlignment == 0);

  // One round before the counters overflow, so every program crosses the wrap of the positions in
  // its first round, and code that compares them wrongly does not live long.
  static constexpr std::uint64_t first_position(std::size_t capacity_bytes) noexcept {
    return std::uint64_t{0} - capacity_bytes;
  }

  static std::size_t checked_capacity(std::size_t capacity_bytes, std::size_t max_record_bytes) {
    constexpr std::size_t kOverheadBytes = kHeaderBytes + kLineBytes;
    if (!std::has_single_bit(capacity_bytes)) {
      throw std::invalid_argument("upfeed: ring capacity_bytes is " +
                                  std::to_string(capacity_bytes) +
                                  ": must be a power of two, for instance 1048576");
    }
    if (max_record_bytes == 0) {
      throw std::invalid_argument("upfeed: ring max_record_bytes is 0: must be at least 1");
    }
    if (capacity_bytes <= kOverheadBytes || max_record_bytes > capacity_bytes - kOverheadBytes) {
      throw std::invalid_argument(
          "upfeed: ring capacity_bytes is " + std::to_string(capacity_bytes) +
          ": too small for max_record_bytes " + std::to_string(max_record_bytes) +
          ", a record may take capacity_bytes - " + std::to_string(kOverheadBytes) +
          "; raise the one or lower the other");
    }
    return capacity_bytes;
  }

  [[nodiscard]] decltype(auto) commit_word_at(std::uint64_t position) const noexcept {
    return Atomics::commit_word(storage_, static_cast<std::size_t>(position) & offset_mask_);
  }

  [[nodiscard]] std::byte* payload_at(std::uint64_t position) const noexcept {
    return storage_.at(static_cast<std::size_t>(position) & offset_mask_) + kHeaderBytes;
  }

  void hand_back() noexcept {
    // Pairs with the acquire in try_claim(): our reads of the released records end before it.
    handed_back_.store(read_, std::memory_order_release);
    handed_back_last_ = read_;
  }

  // One cache line per writer: what the producer writes, what the consumer writes and the producer
  // reads now and then, what only the consumer touches. The first line is constant.
  const std::size_t offset_mask_;
  const std::size_t max_record_bytes_;
  Storage storage_;

  alignas(kLineBytes) typename Atomics::Counter tail_;  // producer writes; observers read
  std::uint64_t handed_back_seen_;
  std::size_t claimed_bytes_ = 0;  // 0: no claim

  alignas(kLineBytes) typename Atomics::Counter handed_back_;

  alignas(kLineBytes) std::uint64_t read_;
  std::uint64_t peeked_end_;  // equals read_: nothing peeked
  std::uint64_t handed_back_last_;
};

/// The ring as it ships.
using SpscRing = BasicSpscRing<>;

}  // namespace upfeed
