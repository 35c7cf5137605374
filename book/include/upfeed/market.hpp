#pragma once

// Markets are interned once, at subscription, to dense ids; after that no path needs a string key.
// The table only ever grows: lookups are wait-free from any thread while one thread at a time adds.

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace upfeed {

/// A market code such as "KRW-BTC", zero-padded to 16 bytes: two machine words to compare or hash.
/// Upbit writes QUOTE-BASE in upper case letters, digits and '-'.
class MarketCode {
 public:
  static constexpr std::size_t kLengthMax = 16;

  constexpr MarketCode() = default;
  /// nullopt: empty, longer than 16, no '-' inside, '-' at either end, or a character outside
  /// [A-Z0-9-].
  [[nodiscard]] static std::optional<MarketCode> parse(std::string_view text) noexcept;

  [[nodiscard]] std::string_view view() const noexcept {
    return {text_.data(), ::strnlen(text_.data(), kLengthMax)};
  }
  /// "KRW" of "KRW-BTC".
  [[nodiscard]] std::string_view quote() const noexcept {
    return view().substr(0, view().find('-'));
  }
  [[nodiscard]] bool empty() const noexcept { return text_[0] == 0; }
  friend bool operator==(const MarketCode&, const MarketCode&) = default;
  friend auto operator<=>(const MarketCode&, const MarketCode&) = default;

  /// The code as two machine words; the hash table's key.
  [[nodiscard]] std::array<std::uint64_t, 2> words() const noexcept {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), text_.data(), kLengthMax);
    return words;
  }

 private:
  std::array<char, kLengthMax> text_{};
};

/// Dense id of an interned market; valid for the table that gave it, as long as that lives.
struct MarketId {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t value = kNone;
  [[nodiscard]] constexpr bool valid() const { return value != kNone; }
  friend constexpr auto operator<=>(MarketId, MarketId) = default;
};

/// Code -> id and id -> code, append-only and of fixed capacity.
/// threads: find(), code() and count() are wait-free and callable from any thread at any time;
/// intern() takes a mutex (cold path).
class MarketTable {
 public:
  /// capacity  the most markets it can hold, 1 to 65,536; throws std::invalid_argument outside.
  explicit MarketTable(std::uint32_t capacity = 4096);

  MarketTable(const MarketTable&) = delete;
  MarketTable& operator=(const MarketTable&) = delete;

  /// The id of code, added if new; an invalid id when the table is full.
  [[nodiscard]] MarketId intern(const MarketCode& code);
  /// The id of code, or an invalid id. Never blocks or allocates.
  [[nodiscard]] MarketId find(const MarketCode& code) const noexcept;
  /// id  one that this table gave.
  [[nodiscard]] const MarketCode& code(MarketId id) const noexcept { return codes_[id.value]; }
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

 private:
  /// Where a code is, or the empty slot where it would go (then id is invalid).
  struct Probe {
    std::size_t slot;
    MarketId id;
  };
  [[nodiscard]] Probe probe(const MarketCode& code) const noexcept;

  std::uint32_t capacity_;
  std::size_t slot_mask_;
  std::unique_ptr<MarketCode[]> codes_;
  // Open addressing; a slot holds id + 1, stored with release after its code was written.
  std::unique_ptr<std::atomic<std::uint32_t>[]> slots_;
  std::atomic<std::uint32_t> count_{0};
  std::mutex growing_;
};

}  // namespace upfeed
