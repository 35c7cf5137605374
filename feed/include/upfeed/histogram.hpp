#pragma once

// A log-linear histogram of durations, after the idea of HdrHistogram:
//
//   value    0 .. 63 | 64 .. 127 | 128 .. 255 | ...      every power of two from 64 on is cut into
//   bucket   1 each  |  2 each   |   4 each   | ...      32 buckets, so the error is below 1/32
//
// Recording is an index and an addition; no memory is allocated ever. Deliberately not here: units,
// clocks, threads.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace upfeed {

/// Values are usually nanoseconds. 15 KB; copy it to keep it.
/// threads  one at a time.
class Histogram {
 public:
  /// value  any; negative ones count as 0 (two clocks may disagree by a little).
  void record(std::int64_t value) noexcept {
    const auto magnitude = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    ++counts_[index_of(magnitude)];
    ++count_;
    sum_ += magnitude;
    max_ = std::max(max_, magnitude);
  }

  /// Adds what another one holds.
  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  /// What was recorded after `earlier`, a copy of this histogram, was taken. Its max() is the upper
  /// end of the highest bucket in use, so it may be 1/32 too high, too.
  [[nodiscard]] Histogram since(const Histogram& earlier) const noexcept {
    Histogram difference;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      difference.counts_[i] = counts_[i] - earlier.counts_[i];
      if (difference.counts_[i] != 0) difference.max_ = std::min(highest_of(i), max_);
    }
    difference.count_ = count_ - earlier.count_;
    difference.sum_ = sum_ - earlier.sum_;
    return difference;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Of all values recorded; may wrap after 2^64.
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
  /// Largest value recorded, exact; 0 when there was none.
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
  /// The value that `fraction` (0 to 1) of all recorded ones do not exceed, at most 1/32 too high;
  /// 0 when there was none.
  [[nodiscard]] std::uint64_t quantile(double fraction) const noexcept {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::min(highest_of(i), max_);
    }
    return max_;
  }

  // The buckets, for whoever counts elsewhere or draws.
  static constexpr unsigned kSubBits = 5;
  static constexpr std::uint64_t kLinear = std::uint64_t{2} << kSubBits;  // values with own bucket
  static constexpr std::size_t kBucketCount = kLinear + (64 - kSubBits - 1) * (kLinear / 2);

  /// The bucket of a value.
  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    if (value < kLinear) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return kLinear + (shift - 1) * (kLinear / 2) + ((value >> shift) - kLinear / 2);
  }
  /// The largest value of a bucket.
  static constexpr std::uint64_t highest_of(std::size_t index) noexcept {
    if (index < kLinear) return index;
    const std::size_t shift = (index - kLinear) / (kLinear / 2) + 1;
    const std::uint64_t top = (index - kLinear) % (kLinear / 2) + kLinear / 2;
    return ((top + 1) << shift) - 1;
  }
  [[nodiscard]] std::uint64_t bucket(std::size_t index) const noexcept { return counts_[index]; }
  /// Takes over the counts of buckets that were kept elsewhere, with their sum and maximum.
  void set(std::size_t index, std::uint64_t count) noexcept {
    count_ += count - counts_[index];
    counts_[index] = count;
  }
  void set_sum_and_max(std::uint64_t sum, std::uint64_t max) noexcept {
    sum_ = sum;
    max_ = max;
  }

 private:
  std::array<std::uint64_t, kBucketCount> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace upfeed
