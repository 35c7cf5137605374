#pragma once

// Everything that passes, on its way into .upcap files.
//
//   I/O thread 0   frame, request, status --> RecordTap: one claim, one copy --> ring --.
//   I/O thread 1   ...                    --> RecordTap                      --> ring --'-->
//   recorder thread: by time into one CaptureWriter --> file
//
// An I/O thread never waits: a record that finds no room in the ring is lost for the recording,
// counted, and told by the next record that gets through, which the file shows as a loss record in
// its place. The recorder's thread looks for work every few milliseconds, so nobody has to wake it.
//
// A thread that hangs in a write must not hold up the end of a feed: it shares its memory with the
// Recorder and is left behind.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "capture/upcap_format.hpp"
#include "counters.hpp"
#include "decode/decode.hpp"
#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"
#include "upfeed/metrics.hpp"
#include "upfeed/spsc_ring.hpp"

namespace upfeed::capture {
struct CaptureCalls;
}

namespace upfeed::detail {

/// One I/O thread's end of the recorder.
class RecordTap {
 public:
  /// What lies in the ring in front of a payload.
  struct Header {
    std::int64_t mono_ns = 0;
    std::int64_t kernel_unix_ns = 0;
    std::uint32_t connection = 0;
    std::uint32_t epoch = 0;
    capture::RecordType type = capture::RecordType::received_frame;
    capture::RecordDirection direction = capture::RecordDirection::received;
    std::uint8_t opcode = 0;
    std::uint8_t flags = 0;
    // Lost between the record before and this one.
    std::uint64_t lost_records = 0;
    std::uint64_t lost_bytes = 0;
    std::int64_t lost_since_mono_ns = 0;
  };

  /// errors  as SpscRing.
  explicit RecordTap(std::size_t ring_bytes);

  // The I/O thread.
  void frame(std::uint8_t opcode, std::span<const char> payload, const FrameMeta& meta) noexcept;
  /// The text of a WebSocket message that was sent; nothing of the HTTP upgrade, so never a token.
  void request(std::span<const char> text, std::uint32_t connection, std::uint32_t epoch,
               MonoTime now) noexcept;
  void status(const StatusEvent& event) noexcept;

  // The recorder's thread.
  [[nodiscard]] std::span<const std::byte> peek() noexcept { return ring_.peek(); }
  void release() noexcept { ring_.release(); }
  /// What was lost behind the last record; once the I/O thread puts nothing more.
  [[nodiscard]] Header unsaid_loss() const noexcept { return loss_; }

  // Any thread.
  struct Totals {
    Counter frames, records, bytes, lost_records, lost_bytes;
  };
  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  [[nodiscard]] const SpscRing& ring() const noexcept { return ring_; }

 private:
  void put(Header& header, std::span<const char> payload) noexcept;

  SpscRing ring_;
  Header loss_;  // its three last members
  Totals totals_;
};

class Recorder {
 public:
  /// Opens the first file and starts the thread. taps  one per I/O thread. calls  of a test; null:
  /// the system's.
  /// errors  bad_config: the folder or the name; system: the file, a thread.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> open(
      const FeedConfig& config, std::size_t taps, const capture::CaptureCalls* calls = nullptr);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  [[nodiscard]] RecordTap& tap(std::size_t index) noexcept;
  /// No tap is used any more: what is in the rings is written and the file is closed.
  void finish() noexcept;
  /// Waits for that. errors  system: something could not be written, or it takes too long (the
  /// thread goes on by itself then).
  [[nodiscard]] Status wait(std::int64_t limit_ns);

  // Any thread.
  [[nodiscard]] RecorderMetrics metrics() const;
  /// Changes whenever there is news for people.
  [[nodiscard]] std::uint64_t news_count() const noexcept;
  [[nodiscard]] std::string news() const;

 private:
  struct State;
  explicit Recorder(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
  std::thread thread_;
  bool waited_ = false;
};

}  // namespace upfeed::detail
