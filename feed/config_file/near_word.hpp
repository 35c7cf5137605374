#pragma once

// "did you mean": how far two words are apart.

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace upfeed::detail {

/// Letters to insert, remove or replace to turn a into b.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The one of `words` nearest to `word`; empty when none is near.
template <class Words>
[[nodiscard]] std::string_view near_word(std::string_view word, const Words& words) {
  std::string_view nearest;
  std::size_t best = std::max<std::size_t>(word.size() / 4, 2) + 1;
  for (const std::string_view candidate : words) {
    const std::size_t edits = edit_distance(word, candidate);
    if (edits < best) {
      best = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace upfeed::detail
