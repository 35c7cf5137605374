#pragma once

// The in-memory order book of one market. Every frame is the whole visible book, so a book is
// replaced, never patched:
//
//   apply(frame) -> integrity check -> ok:   levels replaced, state live, what changed is told
//                                   -> fault: levels kept as they were, state stale with the cause
//
// Integrity: asks strictly ascend, bids strictly descend, best bid < best ask, nothing below zero,
// padding (price 0 and size 0) only at the end of a side, time never backwards within an epoch,
// epoch never older than the book's. A size 0 at a live price is kept, and so is an empty book: it
// is live and has no best. The next good frame heals a stale book; only a frame of a later epoch
// heals a disconnected one. A frame of a dead epoch changes nothing, not even the state.
//
//   never_seen --good--> live --fault, loss, silence--> stale --good--> live
//   live, stale --disconnect--> disconnected --good frame of a later epoch--> live
//                                           \--bad frame of a later epoch--> stale
//   never_seen --bad--> stale
//
// No I/O, no threads, no clock: `now` is handed in. One thread owns a Book; SharedBook publishes
// copies to others.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "upfeed/assert.hpp"
#include "upfeed/events.hpp"

namespace upfeed {

enum class BookState : std::uint8_t { never_seen, live, stale, disconnected };

/// Why a book is not live. As wide as the masks of a BookChange, which is then returned in two
/// registers without a detour through memory.
enum class BookFault : std::uint32_t {
  none,
  unsorted,        ///< asks do not ascend or bids do not descend
  crossed,         ///< best bid >= best ask
  padding_inside,  ///< an empty slot before a filled one, or a size without a price
  time_backwards,  ///< older than the book already held
  old_epoch,       ///< from a connection that is gone
  records_lost,    ///< a loss record named this book
  connection_lost,
  silent,   ///< the stream fell silent while the connection lived
  negative  ///< a price or size below zero
};
[[nodiscard]] std::string_view to_string(BookState state) noexcept;
[[nodiscard]] std::string_view to_string(BookFault fault) noexcept;

struct Level {
  Price price;
  WideQuantity size;
  friend bool operator==(const Level&, const Level&) = default;
};

/// What one apply() did. Bit i of a mask: level i of that side differs in price or size from what
/// the book held before, levels that appeared or vanished included.
struct BookChange {
  std::uint32_t asks = 0;
  std::uint32_t bids = 0;
  BookFault fault = BookFault::none;
  [[nodiscard]] bool applied() const { return fault == BookFault::none; }
};

/// Result of walking one side of the book.
struct BookWalk {
  WideQuantity quantity;     ///< base currency taken
  Decimal notional;          ///< quote currency paid, exact
  Price worst_price;         ///< of the last level touched
  std::uint32_t levels = 0;  ///< something was taken of this many
  bool filled = false;       ///< false: the visible book ends before the target
};

class Book {
 public:
  /// Replaces the book by event's first depth units, or marks it stale; see the top of this file.
  /// Units beyond depth are neither used nor checked.
  /// event  of this book's market always; its epoch counts from 1.
  /// depth  1 to kBookDepthMax.
  /// Returns what changed. Fault old_epoch: nothing was touched.
  BookChange apply(const OrderbookEvent& event, std::size_t depth = kBookDepthMax) noexcept;
  /// The book cannot be trusted until the next good frame. Keeps never_seen and disconnected.
  void mark_stale(BookFault cause) noexcept;
  /// The connection of `epoch` is gone; only frames of a later epoch are believed. Keeps
  /// never_seen, and the state of a book that already lives on a later epoch.
  void disconnect(std::uint32_t epoch) noexcept;

  [[nodiscard]] BookState state() const noexcept { return state_; }
  [[nodiscard]] BookFault fault() const noexcept { return fault_; }
  [[nodiscard]] bool live() const noexcept { return state_ == BookState::live; }
  [[nodiscard]] const MarketCode& code() const noexcept { return code_; }
  [[nodiscard]] Decimal level() const noexcept { return level_; }
  /// Exchange time of the last good frame.
  [[nodiscard]] ExchangeTime timestamp() const noexcept { return timestamp_; }
  [[nodiscard]] MonoTime received_mono() const noexcept { return received_mono_; }
  /// Nanoseconds since the last good frame was received; empty when there was none.
  [[nodiscard]] std::optional<std::int64_t> age_ns(MonoTime now) const noexcept;
  /// Good frames applied so far.
  [[nodiscard]] std::uint64_t update_count() const noexcept { return update_count_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }

  // Stale-proof: empty (or nullopt) unless the book is live and has that side.
  [[nodiscard]] std::size_t ask_count() const noexcept { return live() ? ask_count_ : 0; }
  [[nodiscard]] std::size_t bid_count() const noexcept { return live() ? bid_count_ : 0; }
  [[nodiscard]] std::optional<Level> ask(std::size_t i) const noexcept;
  [[nodiscard]] std::optional<Level> bid(std::size_t i) const noexcept;
  [[nodiscard]] std::optional<Level> best_ask() const noexcept { return ask(0); }
  [[nodiscard]] std::optional<Level> best_bid() const noexcept { return bid(0); }
  /// best ask - best bid.
  [[nodiscard]] std::optional<Price> spread() const noexcept;
  /// (best ask + best bid) / 2, exact (it may need one more decimal than a price).
  [[nodiscard]] std::optional<Decimal> mid() const noexcept;
  /// Mid weighted by the size of the other side: (ask x bid_size + bid x ask_size) / sum of sizes.
  /// The quotient of the exact sums, correctly rounded; empty when both best sizes are 0.
  [[nodiscard]] std::optional<double> microprice() const noexcept;
  /// (bids - asks) / (bids + asks) over the sizes of the first depth levels, -1 to 1, correctly
  /// rounded from exact sums; empty when both are 0.
  [[nodiscard]] std::optional<double> imbalance(std::size_t depth = 1) const noexcept;
  /// Walks asks (side == ask: what a buyer pays) or bids until `notional` of quote currency is
  /// reached; the last level is taken in part, rounded down to 1e-8 of the base currency.
  /// nullopt: the book is not live, side is absent, the target is negative, or the notional walked
  /// is 1.7e22 of the quote currency or more (2^127 at 1e-16), which no Decimal holds.
  [[nodiscard]] std::optional<BookWalk> depth_to_notional(Side side, Price notional) const noexcept;
  /// Walks until `quantity` of base currency is reached; nullopt as depth_to_notional.
  [[nodiscard]] std::optional<BookWalk> walk_quantity(Side side,
                                                      WideQuantity quantity) const noexcept;
  /// Average price for a quantity above 0, correctly rounded from exact sums of any size; empty
  /// when the visible book is too thin.
  [[nodiscard]] std::optional<double> vwap(Side side, WideQuantity quantity) const noexcept;

  // For who looked at state() first: the last good content whatever the state.
  [[nodiscard]] std::span<const BookUnit> units_unchecked() const noexcept {
    return {units_.data(), unit_count_};
  }
  [[nodiscard]] std::size_t ask_count_unchecked() const noexcept { return ask_count_; }
  [[nodiscard]] std::size_t bid_count_unchecked() const noexcept { return bid_count_; }
  [[nodiscard]] Level ask_unchecked(std::size_t i) const noexcept;
  [[nodiscard]] Level bid_unchecked(std::size_t i) const noexcept;

 private:
  // Both give the masks of what changed, asks from bit 0 and bids from bit 32.
  std::uint64_t drop_units_behind(std::size_t count) noexcept;
  std::uint64_t replace_wide(std::span<const WideUnitSizes> fresh) noexcept;
  BookChange refuse(BookFault fault) noexcept;
  [[nodiscard]] bool goes_back(const OrderbookEvent& event) const noexcept;
  void check_invariants() const noexcept;

  // Aligned, so that no unit lies across two cache lines.
  alignas(sizeof(BookUnit)) std::array<BookUnit, kBookDepthMax> units_{};
  std::array<WideUnitSizes, kBookDepthMax> wide_{};  // filled only when has_wide_
  MarketCode code_;
  Decimal level_;
  ExchangeTime timestamp_;
  MonoTime received_mono_;
  std::uint64_t update_count_ = 0;
  std::uint32_t epoch_ = 0;
  std::uint32_t disconnected_epoch_ = 0;
  std::uint8_t unit_count_ = 0;
  std::uint8_t ask_count_ = 0;
  std::uint8_t bid_count_ = 0;
  bool has_wide_ = false;
  BookState state_ = BookState::never_seen;
  BookFault fault_ = BookFault::none;
};

/// One book for readers on other threads: the owner publishes, anyone reads a consistent copy.
/// A seqlock over atomic words (their orders are argued in shared_book.cpp): the writer never
/// waits; a reader retries while a write is going on. cost: publishing copies the whole book (about
/// three times a plain copy), so it is opt-in.
class SharedBook {
 public:
  SharedBook() = default;
  SharedBook(const SharedBook&) = delete;
  SharedBook& operator=(const SharedBook&) = delete;

  /// The owner's thread only.
  void publish(const Book& book) noexcept;
  /// Any thread. Empty when nothing was published yet, or when attempts reads all met a write.
  [[nodiscard]] std::optional<Book> read(int attempts = 1000) const noexcept;

 private:
  static_assert(std::is_trivially_copyable_v<Book>, "copied word by word");
  static_assert(sizeof(Book) % sizeof(std::uint64_t) == 0, "no word is copied in part");
  static constexpr std::size_t kWords = sizeof(Book) / sizeof(std::uint64_t);
  std::atomic<std::uint64_t> sequence_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace upfeed
