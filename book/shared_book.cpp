// The seqlock, free of fences (which ThreadSanitizer cannot follow): every word is an atomic, so
// there is no data race, and the orders below forbid a torn copy.
//
//   writer of copy k                          reader
//   sequence = 2k - 1       relaxed           before = sequence     acquire, even: copy before/2
//   word[i]  = ...          release           word[i]               acquire
//   sequence = 2k           release           after  = sequence     relaxed, must equal before
//
// A word is never older than copy before/2: `before` was stored by the release that follows those
// words, and the acquire makes them visible. A word is never younger: had one been stored by a
// later copy, its acquire load would pair with that release, which makes the odd sequence stored
// ahead of it visible, so `after` would differ. The acquire on the words also keeps the load of
// `after` behind them.

#include <bit>
#include <cstring>

#include "upfeed/book.hpp"

namespace upfeed {

void SharedBook::publish(const Book& book) noexcept {
  const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);  // only we write it
  UPFEED_ASSERT(sequence % 2 == 0);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  const auto* const bytes = reinterpret_cast<const std::byte*>(&book);
  for (std::size_t i = 0; i < kWords; ++i) {
    std::uint64_t word;
    std::memcpy(&word, bytes + i * sizeof word, sizeof word);
    words_[i].store(word, std::memory_order_release);
  }
  sequence_.store(sequence + 2, std::memory_order_release);
}

std::optional<Book> SharedBook::read(int attempts) const noexcept {
  std::array<std::uint64_t, kWords> words;
  for (; attempts > 0; --attempts) {
    const std::uint64_t before = sequence_.load(std::memory_order_acquire);
    if (before == 0) return std::nullopt;
    if (before % 2 != 0) continue;
    for (std::size_t i = 0; i < kWords; ++i) {
      words[i] = words_[i].load(std::memory_order_acquire);
    }
    if (sequence_.load(std::memory_order_relaxed) == before) return std::bit_cast<Book>(words);
  }
  return std::nullopt;
}

}  // namespace upfeed
