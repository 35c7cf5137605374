#pragma once

// What `inspect` finds out about one file while it reads it.
//
//   file --CaptureItem--> Inspection::add --> counts by stream and code, seconds, lives, silences

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture_file.hpp"
#include "frame_decoder.hpp"

namespace upfeed::program {

/// From the first to the last wall time of some frames; 0: none said any.
struct TimeSpan {
  std::int64_t first_unix_ns = 0;
  std::int64_t last_unix_ns = 0;
  void add(std::int64_t unix_ns) noexcept {
    if (unix_ns == 0) return;
    if (first_unix_ns == 0 || unix_ns < first_unix_ns) first_unix_ns = unix_ns;
    if (unix_ns > last_unix_ns) last_unix_ns = unix_ns;
  }
  [[nodiscard]] std::int64_t length_ns() const noexcept { return last_unix_ns - first_unix_ns; }
};

class Inspection {
 public:
  /// silence_ns  no frame at all for longer is a silence.
  explicit Inspection(std::int64_t silence_ns) : silence_ns_(silence_ns) {}
  /// Everything but the end.
  void add(const CaptureFile& file, const CaptureItem& item);

  struct Stream {
    std::uint64_t frames = 0;
    std::uint64_t payload_bytes = 0;
    std::map<std::string, std::uint64_t> codes;  ///< frames of each; without a code: none
  };
  struct Life {  ///< one epoch of a connection
    std::uint64_t frames = 0;
    TimeSpan time;
  };
  struct Gap {
    std::int64_t from_unix_ns = 0;
    std::int64_t to_unix_ns = 0;
    [[nodiscard]] std::int64_t length_ns() const noexcept { return to_unix_ns - from_unix_ns; }
  };
  /// Between two lives of a connection; what it said when it lost the older one.
  struct ConnectionGap : Gap {
    std::uint32_t connection = 0;
    std::uint32_t epoch_before = 0;
    std::uint32_t epoch = 0;
  };
  struct Damage {
    std::string place;
    std::string reason;
  };
  struct Loss {
    std::string place;
    capture::Loss what;
  };
  struct Second {
    std::int64_t unix_s = 0;
    std::uint64_t frames = 0;
    std::uint64_t payload_bytes = 0;
  };

  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::uint64_t payload_bytes() const noexcept { return payload_bytes_; }
  [[nodiscard]] const TimeSpan& time() const noexcept { return time_; }
  [[nodiscard]] const std::map<std::string, Stream>& streams() const noexcept { return streams_; }
  /// Frames that are no event of a stream, by what they are.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& others() const noexcept {
    return others_;
  }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  [[nodiscard]] std::uint64_t without_time() const noexcept { return without_time_; }
  [[nodiscard]] std::uint64_t time_backwards() const noexcept { return time_backwards_; }
  /// Frames of all streams by code.
  [[nodiscard]] std::map<std::string, std::uint64_t> codes() const;
  [[nodiscard]] const std::map<std::uint32_t, std::map<std::uint32_t, Life>>& connections() const {
    return connections_;
  }
  [[nodiscard]] std::vector<ConnectionGap> connection_gaps() const;
  /// The longest first, at most kSilencesKept of the silence_count().
  [[nodiscard]] const std::vector<Gap>& silences() const noexcept { return silences_; }
  [[nodiscard]] std::uint64_t silence_count() const noexcept { return silence_count_; }
  [[nodiscard]] std::int64_t silence_ns() const noexcept { return silence_ns_; }
  [[nodiscard]] Second peak_second() const;
  [[nodiscard]] double frames_per_second() const noexcept;
  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
  [[nodiscard]] std::uint64_t status_changes() const noexcept { return status_changes_; }
  /// How often connections were lost, by the cause that was recorded.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& ends_by_cause() const noexcept {
    return ends_by_cause_;
  }
  [[nodiscard]] std::uint64_t unknown_records() const noexcept { return unknown_records_; }
  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  [[nodiscard]] const std::vector<Loss>& losses() const noexcept { return losses_; }
  [[nodiscard]] std::uint64_t records_lost() const noexcept;
  /// At most kDamagesKept of the damage_count().
  [[nodiscard]] const std::vector<Damage>& damages() const noexcept { return damages_; }
  [[nodiscard]] std::uint64_t damage_count() const noexcept { return damage_count_; }
  /// Something of the file, or a frame, cannot be read.
  [[nodiscard]] bool flawed() const noexcept { return damage_count_ + refused_ > 0; }

  static constexpr std::size_t kSilencesKept = 10;
  static constexpr std::size_t kDamagesKept = 100;

 private:
  void add_frame(const capture::CaptureRecord& record);
  void add_status(const capture::CaptureRecord& record);
  void add_time(const capture::CaptureRecord& record);
  void keep_silence(Gap gap);

  const std::int64_t silence_ns_;
  FrameDecoder decoder_;
  std::uint64_t frames_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t without_time_ = 0;
  std::uint64_t time_backwards_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t status_changes_ = 0;
  std::uint64_t unknown_records_ = 0;
  std::uint64_t blocks_ = 0;
  std::optional<std::uint64_t> block_offset_;
  std::uint64_t damage_count_ = 0;
  std::uint64_t silence_count_ = 0;
  std::int64_t last_unix_ns_ = 0;
  TimeSpan time_;
  std::map<std::string, Stream> streams_;
  std::map<std::string, std::uint64_t> others_;
  std::map<std::uint32_t, std::map<std::uint32_t, Life>> connections_;
  std::map<std::string, std::uint64_t> ends_by_cause_;
  std::map<std::int64_t, Second> seconds_;
  std::vector<Gap> silences_;
  std::vector<Loss> losses_;
  std::vector<Damage> damages_;
};

}  // namespace upfeed::program
