#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sim/instruments.hpp"
#include "sim/number.hpp"
#include "sim/random.hpp"

namespace upfeed::sim {

/// Most units an orderbook frame carries.
inline constexpr std::size_t kDepthMax = 30;

/// One price level. Price in quote x 1e-8, size in base x 1e-8.
struct Level {
  std::int64_t price = 0;
  Int128 size = 0;
};

/// One side of a book, best level first; `count` levels are in use.
struct Side {
  std::array<Level, kDepthMax> levels{};
  std::size_t count = 0;

  [[nodiscard]] const Level& best() const { return levels[0]; }
  [[nodiscard]] Int128 total_size() const;
};

/// A whole book. Invariant: both sides have at least one level, prices are > 0 and strictly sorted,
/// sizes are > 0, best bid < best ask.
struct Book {
  Side asks;
  Side bids;
  std::int64_t time_ms = 0;  ///< of the last change, exchange time
};

/// True while the invariant of Book holds.
[[nodiscard]] bool is_sound(const Book& book);

/// `book` as seen with price grouping `level` (x 1e-8, > 0): asks rounded up, bids rounded down to
/// its multiples, sizes of a group added up exactly.
[[nodiscard]] Book grouped(const Book& book, std::int64_t level);

/// Which side took liquidity: `bid` means the buyer did, at the ask price.
enum class Aggressor : std::uint8_t { ask, bid };

/// A book that lives: levels come, go and change size, trades eat the best ones.
class LivingBook {
 public:
  LivingBook(const Instrument& instrument, Random& random);

  [[nodiscard]] const Book& book() const { return book_; }

  /// Makes about `changes` random changes.
  void mutate(Random& random, unsigned changes);

  /// The volume a random order of `aggressor` would trade at the best level: 1 .. the whole level,
  /// 0 when the side must not get emptier.
  [[nodiscard]] Int128 draw_volume(Random& random, Aggressor aggressor) const;

  /// Takes `volume` (<= the best size) from the best level. A level that is eaten whole goes away,
  /// and the other side usually follows.
  void take(Random& random, Aggressor aggressor, Int128 volume);

 private:
  struct Half {
    Side& side;
    std::uint32_t depth;
    bool is_ask;
  };

  Half asks();
  Half bids();
  [[nodiscard]] std::int64_t away(const Half& half, std::int64_t price, std::uint64_t ticks) const;
  [[nodiscard]] Int128 draw_size(Random& random) const;
  void erase(const Half& half, std::size_t index);
  void insert(const Half& half, std::size_t index, Level level);
  void refill(Random& random, const Half& half);
  void improve(Random& random, const Half& half);
  void fill_gap(Random& random, const Half& half);

  const Instrument* instrument_;
  Book book_;
};

}  // namespace upfeed::sim
