#include "book_rows.hpp"

#include <cstddef>
#include <cstring>

namespace upfeed::detail {
namespace {

/// The prices of a unit, or its sizes: ask and bid in one register of any 64-bit machine with
/// vectors. Unsigned, so that no difference overflows.
using Pair = std::uint64_t __attribute__((vector_size(16)));
enum Lane : std::size_t { kAsk, kBid };
constexpr std::uint64_t kOnes = ~std::uint64_t{0};
static_assert(offsetof(BookUnit, ask_price) == 0 && offsetof(BookUnit, bid_price) == 8);
static_assert(offsetof(BookUnit, ask_size) == 16 && offsetof(BookUnit, bid_size) == 24);

void load(Pair& prices, Pair& sizes, const BookUnit& unit) {
  std::memcpy(&prices, &unit, sizeof prices);
  std::memcpy(&sizes, reinterpret_cast<const std::byte*>(&unit) + sizeof prices, sizeof sizes);
}
constexpr bool is_negative(std::uint64_t lane) {
  return lane >> 63 != 0;
}

}  // namespace

// No branch in the loop: levels change at random places, so one would be mispredicted.
RowsFound look_at_rows_portable(BookUnit* held, const BookUnit* fresh, std::size_t count,
                                bool replace) noexcept {
  if (count == 0) return {0, true};
  Pair masks{};
  Pair wrong{};  // the top bit of a lane: a value below zero, or a step that goes the wrong way
  Pair behind, sizes_behind;
  load(behind, sizes_behind, fresh[count - 1]);
  behind += Pair{1, kOnes};  // so that the last row is followed by a step of the right kind
  for (std::size_t i = count; i-- > 0;) {
    Pair old_prices, old_sizes, prices, sizes;
    load(old_prices, old_sizes, held[i]);
    load(prices, sizes, fresh[i]);
    const Pair difference = (old_prices ^ prices) | (old_sizes ^ sizes);
    // The top bit of x | -x is set where x is not zero; it enters at the bottom of the mask.
    masks = masks << 1 | (difference | -difference) >> 63;
    // An ask has risen when rise - 1 is not negative, a bid has fallen when ~rise = -rise - 1 is
    // not. Prices that are not negative leave no overflow.
    const Pair rise = behind - prices;
    wrong |= prices | sizes | ((rise + Pair{kOnes, 0}) ^ Pair{0, kOnes});
    behind = prices;
  }
  const bool good =
      !is_negative(wrong[kAsk] | wrong[kBid]) && fresh[0].bid_price < fresh[0].ask_price;
  if (good && replace) {
    std::memcpy(static_cast<void*>(held), fresh, count * sizeof(BookUnit));
  }
  return {
      level_masks(static_cast<std::uint32_t>(masks[kAsk]), static_cast<std::uint32_t>(masks[kBid])),
      good};
}

RowsFunction best_rows_function() noexcept {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return look_at_rows_avx2;
#endif
  return look_at_rows_portable;
}

}  // namespace upfeed::detail
