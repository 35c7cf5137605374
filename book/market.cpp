#include "upfeed/market.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "upfeed/assert.hpp"

namespace upfeed {
namespace {

constexpr std::uint32_t kCapacityMax = 65'536;

bool is_code_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/// A code as two machine words, each read by itself: words() as a whole goes through memory.
struct Words {
  std::uint64_t first;
  std::uint64_t second;

  explicit Words(const MarketCode& code) noexcept {
    static_assert(sizeof(MarketCode) == 16 && std::is_trivially_copyable_v<MarketCode>);
    const auto* const bytes = reinterpret_cast<const std::byte*>(&code);
    std::memcpy(&first, bytes, sizeof first);
    std::memcpy(&second, bytes + sizeof first, sizeof second);
  }
  [[nodiscard]] bool is(const Words& other) const {
    return ((first ^ other.first) | (second ^ other.second)) == 0;
  }
};

std::uint32_t checked_capacity(std::uint32_t capacity) {
  if (capacity == 0 || capacity > kCapacityMax) {
    throw std::invalid_argument("MarketTable: capacity must be 1 to 65536");
  }
  return capacity;
}

}  // namespace

std::optional<MarketCode> MarketCode::parse(std::string_view text) noexcept {
  if (text.empty() || text.size() > kLengthMax) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), is_code_character)) return std::nullopt;
  if (text.front() == '-' || text.back() == '-') return std::nullopt;
  if (text.find('-') == std::string_view::npos) return std::nullopt;
  MarketCode code;
  std::copy(text.begin(), text.end(), code.text_.begin());
  return code;
}

MarketTable::MarketTable(std::uint32_t capacity)
    : capacity_(checked_capacity(capacity)),
      // At most half full, so that probes stay short and always meet an empty slot.
      slot_mask_(std::bit_ceil(std::size_t{capacity_} * 2) - 1),
      codes_(std::make_unique<MarketCode[]>(capacity_)),
      slots_(std::make_unique<std::atomic<std::uint32_t>[]>(slot_mask_ + 1)) {}

MarketTable::Probe MarketTable::probe(const MarketCode& code) const noexcept {
  const Words words(code);
  // Fibonacci hashing of both words; the upper bits are the well mixed ones.
  const std::uint64_t mixed =
      (words.first ^ (words.second * 0xC2B2'AE3D'27D4'EB4FU)) * 0x9E37'79B9'7F4A'7C15U;
  for (std::size_t slot = (mixed >> 32) & slot_mask_;; slot = (slot + 1) & slot_mask_) {
    // Pairs with the release in intern(): who sees the id sees the code behind it. An id, once
    // stored, never changes.
    const std::uint32_t id_plus_one = slots_[slot].load(std::memory_order_acquire);
    if (id_plus_one == 0) return {slot, MarketId{}};
    if (Words(codes_[id_plus_one - 1]).is(words)) return {slot, MarketId{id_plus_one - 1}};
  }
}

MarketId MarketTable::find(const MarketCode& code) const noexcept {
  return probe(code).id;
}

MarketId MarketTable::intern(const MarketCode& code) {
  UPFEED_ASSERT(!code.empty());
  const std::lock_guard lock(growing_);
  const Probe found = probe(code);
  if (found.id.valid()) return found.id;
  const std::uint32_t next = count_.load(std::memory_order_relaxed);  // written under the lock
  if (next == capacity_) return {};
  codes_[next] = code;
  slots_[found.slot].store(next + 1, std::memory_order_release);
  // Release, so that who counts n markets can read n codes.
  count_.store(next + 1, std::memory_order_release);
  return MarketId{next};
}

}  // namespace upfeed
