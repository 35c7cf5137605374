// Several captures as one, by the times of their records.
//
//   a.upcap  1 4 5 9 |      one recording: one source, its connections keep their numbers
//   b.upcap         10 12 |
//   c.upcap   2 6 11 |      another recording: connections + kConnectionsPerRecording
//   next()   1 2 4 5 6 9 10 11 12
//
// The time of a record is its steady time, moved so that it is the wall time where its recording
// began; the wall clock may jump within a recording, this one does not. Of text it is the wall
// time. Records of equal time come in the order in which the files were named, so the order of all
// is the same each time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "upfeed/capture.hpp"

namespace upfeed::capture {

class MergedCapture {
 public:
  /// A recording has at most 16 public connections, the private one and that for indicators.
  static constexpr std::uint32_t kConnectionsPerRecording = 32;

  struct Bounds {
    std::int64_t from_unix_ns = 0;  ///< 0: none
    std::int64_t to_unix_ns = 0;    ///< exclusive; 0: none
  };
  /// needs_times  a capture that says none is refused; several are in any case.
  /// errors  as CaptureReader::open; bad_capture: a pipe, no times.
  [[nodiscard]] static Result<MergedCapture> open(const std::vector<std::string>& paths,
                                                  const Bounds& bounds, bool needs_times);

  /// The next record of all, with its connection moved, or CaptureStep::passed on the way to the
  /// first. time_ns  its time; 0: the file says none.
  [[nodiscard]] CaptureStep next(CapturedFrame& record, std::int64_t& time_ns);
  /// See CaptureReader. It is of the file that next() was in.
  [[nodiscard]] const CaptureBadLine& bad_line() const noexcept;
  [[nodiscard]] CaptureKind kind() const noexcept { return inputs_[current_].reader.kind(); }

  [[nodiscard]] std::uint32_t first_connection() const noexcept {
    return inputs_[current_].first_connection;
  }

  /// Most connection numbers there can be.
  [[nodiscard]] std::uint32_t connection_count() const noexcept {
    return recordings_ * kConnectionsPerRecording;
  }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept;
  [[nodiscard]] std::uint64_t bytes_total() const noexcept;

 private:
  struct Input {
    CaptureReader reader;
    std::uint32_t first_connection = 0;
    std::int64_t time_less_mono_ns = 0;
    bool ended = false;  ///< before the file
    // Read ahead.
    CaptureStep step = CaptureStep::end;
    CapturedFrame record{};
    std::int64_t time_ns = INT64_MIN;
    CaptureBadLine bad{};
    std::string reason{};  ///< of bad, where it was made here
  };

  void group_recordings();
  void advance(Input& input);
  /// false: no feed has so many connections.
  bool place(Input& input);
  void choose() noexcept;

  std::vector<Input> inputs_;
  Bounds bounds_;
  std::uint32_t recordings_ = 1;
  std::size_t current_ = 0;
  std::int64_t others_from_ns_ = INT64_MAX;  ///< the least time of the others
  std::size_t other_ = 0;                    ///< whose it is
  bool begun_ = false;
};

}  // namespace upfeed::capture
