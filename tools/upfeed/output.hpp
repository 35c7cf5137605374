#pragma once

// Standard output: data only. Threads append, the main thread writes what has gathered in one call.
//
//   dispatcher --append--> waiting_ ==swap==> writing_ --write--> stdout
//
// Invariant: waiting_ stays below kWaitingBytesMax plus one append. A reader that is too slow makes
// append() wait, and with it the feed, which then conflates and counts: nothing grows without end.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

namespace upfeed::program {

class Output {
 public:
  /// Any thread.
  void append(std::string_view text);
  /// append() never waits from here on: the end is near, and the main thread no longer pumps.
  void release();

  /// The main thread: waits up to `wait` for text and writes it.
  void pump(std::chrono::milliseconds wait);
  /// The main thread: writes all there is.
  void flush() { pump(std::chrono::milliseconds(0)); }
  /// Standard output takes nothing any more: its reader is gone, or writing failed (which was
  /// told).
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// A reader that went away is a good end; output that could not be written is none.
  [[nodiscard]] int exit_code(int otherwise) const noexcept;

 private:
  static constexpr std::size_t kWaitingBytesMax = std::size_t{8} << 20;

  std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::string waiting_;
  std::string writing_;
  bool released_ = false;
  bool closed_ = false;  // main thread only
  bool failed_ = false;  // main thread only
};

/// Text of files and peers for a terminal: control characters, which could change what it shows or
/// does, become '?'; line ends and tabs stay.
[[nodiscard]] std::string printable(std::string_view text);
/// One line on standard error; made printable.
void say(std::string_view text);

/// Descriptors 0 to 2 that are not open (`>&-`) become ones that fail, so that no file that is
/// opened later is taken for standard output. Before anything is opened.
void reserve_standard_streams();

/// Whether a person is looking at standard output.
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

}  // namespace upfeed::program
