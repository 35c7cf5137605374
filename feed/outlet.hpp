#pragma once

// The I/O side's end of the ring, and what happens while the ring has no room.
//
//   claim --decode--> commit --> ring                               there is room
//                            --> pending: newest value per stream    order book, ticker, candle
//                            --> pending: the loss alone             trade
//
// The I/O thread never waits for the dispatcher. While anything is pending, everything goes through
// the pending table, so nothing overtakes; it empties oldest first, each market's loss record
// before its newest value, as soon as the ring has room, whether or not another frame arrives.
//
//   order_  [ key 7 | status 0 | (moved) | key 3 ]    first in, first out
//   slots_  key -> newest record and what was lost of that key
//
// Invariants: a pending value is in order_ exactly once; a value that a newer one replaces after a
// status record came between moves behind it, so data never overtakes the status of its epoch.
// All memory is reserved at construction; pages of it are touched when first needed.
// A key keeps its slot for the outlet's life; when all are taken, further keys lose their records
// like trades do, told by a loss record without a market, which makes every book stale.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "counters.hpp"
#include "recorder.hpp"
#include "stream_slot.hpp"
#include "upfeed/events.hpp"
#include "upfeed/spsc_ring.hpp"

namespace upfeed {

/// What of one stream of one market did not come through.
struct LossTally {
  std::uint64_t dropped = 0;
  std::uint64_t conflated = 0;
  std::uint64_t refused = 0;
  std::uint64_t first_sequential_id = 0;
  std::uint64_t last_sequential_id = 0;
  [[nodiscard]] bool any() const { return (dropped | conflated | refused) != 0; }
};

/// threads  the I/O side only.
class Outlet {
 public:
  /// pending_max  (market, stream) values that can wait at a time.
  /// tap  null, or where each status is recorded.
  Outlet(SpscRing& ring, IntakeCounters& counters, std::size_t pending_max,
         detail::RecordTap* tap = nullptr);

  /// Room for the event of a frame of that size (event_room_bytes), aligned to 8; valid until
  /// commit() or the next claim(). An unused claim costs nothing.
  [[nodiscard]] std::span<std::byte> claim(std::size_t payload_bytes) noexcept;
  /// Hands on the event written into the claimed room.
  void commit(EventHeader& event) noexcept;
  /// Writes a status record in order with the events. While the ring is full, the newest one stands
  /// for those beyond 256; that the loss of a stream was among them is told by a loss record.
  void status(const StatusEvent& event) noexcept;
  /// A frame was refused: its readers must know. An invalid market: whose it was could not be told;
  /// kind status: neither could its stream.
  void charge_refused(EventKind kind, CandleUnit unit, MarketId market, const MarketCode& code,
                      std::uint32_t connection, std::uint32_t epoch) noexcept;

  /// So many records of whatever stream are missing here. Counts nothing.
  void charge_missing(std::uint64_t count, std::uint32_t connection, std::uint32_t epoch) noexcept;

  /// Moves pending records into the ring as far as there is room; returns how many.
  std::size_t flush() noexcept;
  [[nodiscard]] bool pending() const noexcept { return order_head_ != order_tail_; }
  /// How many records wait, losses and states included.
  [[nodiscard]] std::uint64_t pending_count() const noexcept { return order_tail_ - order_head_; }
  /// The next commit goes straight into the ring; what a lossless source asks before it reads on.
  [[nodiscard]] bool has_room() noexcept;
  /// Gives up what is pending, counted as dropped; when the reader is gone for good.
  void abandon() noexcept;
  /// Records put into the ring so far; a change means the dispatcher has work.
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }

 private:
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  static constexpr std::uint32_t kMoved = UINT32_MAX;
  static constexpr std::uint32_t kStatusBit = 1U << 31;
  static constexpr std::uint32_t kStatusPendingMax = 256;

  struct Key {
    std::uint64_t stream_and_market = 0;
    Decimal level;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Slot {
    Key key;
    LossTally tally;
    EventHeader header;  // of the newest loss: market, connection, epoch
    CandleUnit unit = CandleUnit::m1;
    bool used = false;
    bool has_record = false;
    bool queued = false;
    std::uint64_t position = 0;  // in order_, while queued
  };

  static Key key_of(const EventHeader& event) noexcept;
  Slot* slot_for(const Key& key) noexcept;
  std::byte* record_of(const Slot& slot) noexcept;
  void keep(EventHeader& event) noexcept;
  void lose(const EventHeader& event) noexcept;
  Slot& slot_without_market(EventKind kind) noexcept;
  void enqueue(Slot& slot) noexcept;
  [[nodiscard]] bool room_to_move() const noexcept;
  void push_order(std::uint32_t entry) noexcept;
  bool flush_slot(Slot& slot) noexcept;
  bool publish_loss(Slot& slot) noexcept;
  bool publish_copy(const EventHeader& event) noexcept;
  void publish(EventHeader& event) noexcept;

  SpscRing& ring_;
  IntakeCounters& counters_;
  detail::RecordTap* const tap_;
  std::size_t slot_mask_;
  std::vector<Slot> slots_;  // open addressing by key, then one a kind for losses without a market
  std::size_t slots_used_ = 0;
  std::size_t slots_max_;
  struct FreeDeleter {
    void operator()(std::byte* memory) const noexcept;
  };
  std::unique_ptr<std::byte[], FreeDeleter> records_;  // one of kMarketEventBytesMax per slot
  std::vector<StatusEvent> statuses_;                  // ring of kStatusPendingMax
  std::uint32_t status_head_ = 0;
  std::uint32_t status_tail_ = 0;
  // Of the newest status or refusal: values must not be replaced in front of it.
  std::uint64_t barrier_position_ = 0;
  std::vector<std::uint32_t> order_;
  std::uint64_t order_head_ = 1;
  std::uint64_t order_tail_ = 1;
  alignas(16) std::byte scratch_[kEventBytesMax];
  bool claimed_in_ring_ = false;
  std::uint32_t lost_before_ = 0;
  std::uint64_t published_ = 0;
};

}  // namespace upfeed
