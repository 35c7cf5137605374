#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace upfeed::program {

/// One line on the terminal's standard error that is written over and over, and gone at the end.
/// Nothing when nobody looks.
class Progress {
 public:
  /// quiet  say nothing even on a terminal.
  explicit Progress(bool quiet = false);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// It is time for another line; false most of the time.
  [[nodiscard]] bool due();
  void show(const std::string& text);
  /// Before something else is written there.
  void clear();

  [[nodiscard]] double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
  bool dirty_ = false;
};

struct ReadPosition {
  std::uint64_t read_bytes = 0;
  std::uint64_t size_bytes = 0;  ///< 0: not known
};
/// "45 %  1,234,567 frames  400,123/s  98 MB/s  0:12 left"
[[nodiscard]] std::string progress_text(const ReadPosition& position, std::uint64_t frames,
                                        double seconds);
/// "1:02:03", "0:12"
[[nodiscard]] std::string clock_text(double seconds);
/// "12.3 MB"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace upfeed::program
