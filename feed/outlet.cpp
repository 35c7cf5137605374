#include "outlet.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "upfeed/assert.hpp"

namespace upfeed {

namespace {

constexpr std::uint64_t kRefusedKey = std::uint64_t{1} << 63;

constexpr std::size_t kRecordBytes = (kMarketEventBytesMax + 63) & ~std::size_t{63};

IntakeCounters::Stream& stream_of(IntakeCounters& counters, EventKind kind) {
  return counters.streams[static_cast<std::size_t>(kind)];
}

}  // namespace

void Outlet::FreeDeleter::operator()(std::byte* memory) const noexcept {
  std::free(memory);
}

Outlet::Outlet(SpscRing& ring, IntakeCounters& counters, std::size_t pending_max,
               detail::RecordTap* tap)
    : ring_(ring),
      counters_(counters),
      tap_(tap),
      slot_mask_(std::bit_ceil(pending_max * 2) - 1),
      slots_(slot_mask_ + 1 + kEventKindCount),
      slots_max_(pending_max),
      // Untouched until a record has to wait, so a feed that never falls behind never pays for it.
      records_(static_cast<std::byte*>(std::aligned_alloc(64, (slot_mask_ + 1) * kRecordBytes))),
      statuses_(kStatusPendingMax),
      order_(std::bit_ceil(3 * slots_.size() + kStatusPendingMax)) {
  if (records_ == nullptr) throw std::bad_alloc();
}

std::span<std::byte> Outlet::claim(std::size_t payload_bytes) noexcept {
  const std::size_t room_bytes = event_room_bytes(payload_bytes);
  if (pending()) flush();
  std::byte* room = pending() ? nullptr : ring_.try_claim(room_bytes);
  claimed_in_ring_ = room != nullptr;
  return {claimed_in_ring_ ? room : scratch_, room_bytes};
}

void Outlet::commit(EventHeader& event) noexcept {
  if (claimed_in_ring_) {
    claimed_in_ring_ = false;
    publish(event);
    return;
  }
  keep(event);
}

void Outlet::publish(EventHeader& event) noexcept {
  event.lost_before = std::exchange(lost_before_, 0);
  ring_.publish(event.size_bytes);
  ++published_;
}

bool Outlet::publish_copy(const EventHeader& event) noexcept {
  std::byte* room = ring_.try_claim(event.size_bytes);
  if (room == nullptr) return false;
  std::memcpy(room, static_cast<const void*>(&event), event.size_bytes);
  publish(*std::launder(reinterpret_cast<EventHeader*>(room)));
  return true;
}

bool Outlet::has_room() noexcept {
  if (pending()) flush();
  return !pending() && ring_.try_claim(kEventBytesMax) != nullptr;
}

// --- while the ring is full
// -----------------------------------------------------------------------

Outlet::Key Outlet::key_of(const EventHeader& event) noexcept {
  Key key;
  key.stream_and_market = std::uint64_t{stream_slot(event)} << 32 | event.market.value;
  if (event.kind == EventKind::orderbook) {
    key.level = static_cast<const OrderbookEvent&>(event).level;
  }
  return key;
}

Outlet::Slot* Outlet::slot_for(const Key& key) noexcept {
  std::uint64_t hash = key.stream_and_market * 0x9E3779B97F4A7C15U;
  hash ^= static_cast<std::uint64_t>(key.level.mantissa()) * 0xC2B2AE3D27D4EB4FU;
  hash ^= hash >> 29;
  for (std::size_t i = hash & slot_mask_;; i = (i + 1) & slot_mask_) {
    Slot& slot = slots_[i];
    if (slot.used && slot.key == key) return &slot;
    if (slot.used) continue;
    if (slots_used_ == slots_max_) return nullptr;
    ++slots_used_;
    slot.used = true;
    slot.key = key;
    return &slot;
  }
}

std::byte* Outlet::record_of(const Slot& slot) noexcept {
  return records_.get() + static_cast<std::size_t>(&slot - slots_.data()) * kRecordBytes;
}

void Outlet::keep(EventHeader& event) noexcept {
  // What happened, not what is: a newer one does not stand for an older.
  if (event.kind == EventKind::trade || !is_market_stream(event.kind)) return lose(event);
  Slot* slot = slot_for(key_of(event));
  if (slot == nullptr) return lose(event);
  slot->header = event;
  if (event.kind == EventKind::candle) slot->unit = static_cast<const CandleEvent&>(event).unit;
  if (slot->has_record) {
    ++slot->tally.conflated;
    ++lost_before_;
    stream_of(counters_, event.kind).conflated.add();
  }
  std::memcpy(record_of(*slot), static_cast<const void*>(&event), event.size_bytes);
  slot->has_record = true;
  enqueue(*slot);
}

void Outlet::lose(const EventHeader& event) noexcept {
  stream_of(counters_, event.kind).dropped.add();
  ++lost_before_;
  Slot* slot = slot_for(key_of(event));
  if (slot == nullptr) {
    Slot& common = slot_without_market(event.kind);
    common.header.connection = event.connection;
    common.header.epoch = event.epoch;
    ++common.tally.dropped;
    return enqueue(common);
  }
  slot->header = event;
  ++slot->tally.dropped;
  if (event.kind == EventKind::trade) {
    const std::uint64_t id = static_cast<const TradeEvent&>(event).sequential_id;
    // Trades may arrive out of order; the range must cover all of them.
    LossTally& tally = slot->tally;
    tally.first_sequential_id = tally.dropped == 1 ? id : std::min(tally.first_sequential_id, id);
    tally.last_sequential_id = std::max(tally.last_sequential_id, id);
  }
  enqueue(*slot);
}

void Outlet::charge_refused(EventKind kind, CandleUnit unit, MarketId market,
                            const MarketCode& code, std::uint32_t connection,
                            std::uint32_t epoch) noexcept {
  ++lost_before_;
  // A key of its own, that never holds a record: an older value that waits must not come behind it.
  Key key;
  key.stream_and_market = kRefusedKey | std::uint64_t{static_cast<std::uint8_t>(kind)} << 40 |
                          std::uint64_t{static_cast<std::uint8_t>(unit)} << 32 | market.value;
  Slot* slot = market.valid() ? slot_for(key) : nullptr;
  if (slot == nullptr) slot = &slot_without_market(kind);
  slot->header = EventHeader{};
  slot->header.kind = kind;
  if (slot->used) {
    slot->header.market = market;
    slot->header.code = code;
  }
  slot->header.connection = connection;
  slot->header.epoch = epoch;
  slot->unit = unit;
  ++slot->tally.refused;
  if (slot->queued && room_to_move()) {
    order_[slot->position & (order_.size() - 1)] = kMoved;
    slot->queued = false;
  }
  enqueue(*slot);
  barrier_position_ = std::max(barrier_position_, slot->position);
  flush();
}

void Outlet::charge_missing(std::uint64_t count, std::uint32_t connection,
                            std::uint32_t epoch) noexcept {
  Slot& slot = slot_without_market(EventKind::status);
  slot.header.connection = connection;
  slot.header.epoch = epoch;
  slot.tally.dropped += count;
  enqueue(slot);
  barrier_position_ = std::max(barrier_position_, slot.position);
  flush();
}

void Outlet::enqueue(Slot& slot) noexcept {
  if (slot.queued) {
    if (slot.position > barrier_position_ || !room_to_move()) return;
    order_[slot.position & (order_.size() - 1)] = kMoved;
  }
  slot.queued = true;
  slot.position = order_tail_;
  push_order(static_cast<std::uint32_t>(&slot - slots_.data()));
}

bool Outlet::room_to_move() const noexcept {
  // Whoever is not queued yet must always find a place.
  return order_tail_ - order_head_ + slots_.size() + kStatusPendingMax < order_.size();
}

Outlet::Slot& Outlet::slot_without_market(EventKind kind) noexcept {
  Slot& slot = slots_[slot_mask_ + 1 + static_cast<std::size_t>(kind)];
  slot.header.kind = kind;
  return slot;
}

void Outlet::push_order(std::uint32_t entry) noexcept {
  UPFEED_ASSERT(order_tail_ - order_head_ < order_.size());
  order_[order_tail_ & (order_.size() - 1)] = entry;
  ++order_tail_;
}

void Outlet::status(const StatusEvent& event) noexcept {
  if (tap_ != nullptr) tap_->status(event);
  if (pending()) flush();
  if (!pending() && publish_copy(event)) return;
  if (status_tail_ - status_head_ == kStatusPendingMax) {
    // So many changes of state without a look from the reader: the newest one is what counts, but
    // that a stream was lost must not be lost itself.
    StatusEvent& newest = statuses_[(status_tail_ - 1) % kStatusPendingMax];
    const bool hides_loss = newest.lost_kind != EventKind::status;
    newest = event;
    ++lost_before_;
    if (hides_loss) charge_missing(1, event.connection, event.epoch);
    return;
  }
  statuses_[status_tail_ % kStatusPendingMax] = event;
  barrier_position_ = order_tail_;
  push_order(kStatusBit);
  ++status_tail_;
}

std::size_t Outlet::flush() noexcept {
  std::size_t moved = 0;
  for (; pending(); ++order_head_, ++moved) {
    const std::uint32_t entry = order_[order_head_ & (order_.size() - 1)];
    if (entry == kMoved) continue;
    if (entry == kStatusBit) {
      if (!publish_copy(statuses_[status_head_ % kStatusPendingMax])) break;
      ++status_head_;
    } else if (!flush_slot(slots_[entry])) {
      break;
    }
  }
  return moved;
}

bool Outlet::flush_slot(Slot& slot) noexcept {
  if (slot.tally.any() && !publish_loss(slot)) return false;
  if (slot.has_record) {
    const auto* record = std::launder(reinterpret_cast<const EventHeader*>(record_of(slot)));
    if (!publish_copy(*record)) return false;
    slot.has_record = false;
  }
  slot.queued = false;
  return true;
}

bool Outlet::publish_loss(Slot& slot) noexcept {
  LossEvent loss;
  static_cast<EventHeader&>(loss) = slot.header;
  loss.size_bytes = sizeof(LossEvent);
  loss.kind = EventKind::loss;
  loss.stream_type = StreamType::absent;
  loss.flags = 0;
  loss.present = 0;
  loss.null = 0;
  loss.lost_kind = slot.header.kind;
  loss.candle_unit = slot.unit;
  loss.dropped = slot.tally.dropped;
  loss.conflated = slot.tally.conflated;
  loss.refused = slot.tally.refused;
  loss.first_sequential_id = slot.tally.first_sequential_id;
  loss.last_sequential_id = slot.tally.last_sequential_id;
  if (!publish_copy(loss)) return false;
  slot.tally = {};
  return true;
}

void Outlet::abandon() noexcept {
  for (; pending(); ++order_head_) {
    const std::uint32_t entry = order_[order_head_ & (order_.size() - 1)];
    if (entry == kMoved || entry == kStatusBit) continue;
    Slot& slot = slots_[entry];
    if (slot.has_record) stream_of(counters_, slot.header.kind).dropped.add();
    slot.has_record = false;
    slot.queued = false;
  }
}

}  // namespace upfeed
