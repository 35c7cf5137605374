// Lines of text into frames: the captures of other tools.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "capture/byte_source.hpp"
#include "capture/line.hpp"
#include "upfeed/capture.hpp"

namespace upfeed::capture {

class TextReader {
 public:
  explicit TextReader(ByteSource source) noexcept;

  /// start  what was read of the source already. Tells the kind. errors  bad_capture.
  [[nodiscard]] Status begin(const std::string& path, std::string_view start);
  [[nodiscard]] CaptureStep next(CapturedFrame& frame);

  [[nodiscard]] CaptureKind kind() const noexcept { return kind_; }
  [[nodiscard]] const CaptureBadLine& bad_line() const noexcept { return bad_; }
  [[nodiscard]] const CaptureRemarks& remarks() const noexcept { return remarks_; }
  [[nodiscard]] const ByteSource& source() const noexcept { return source_; }

 private:
  enum class LineStep : std::uint8_t { line, end, too_long };

  /// Reads once, behind what is there. false: no more comes.
  bool fill() noexcept;
  /// The next line without its end; `last` when the file ended without one.
  LineStep next_line(std::span<char>& out, bool& last) noexcept;
  CaptureStep report(std::string_view reason, bool torn) noexcept;
  /// The end, or first the error that made it one.
  CaptureStep end_of_file() noexcept;
  void keep_remark(const Line& line);

  ByteSource source_;
  CaptureKind kind_ = CaptureKind::json_lines;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t line_number_ = 0;
  bool at_end_ = false;
  bool error_told_ = false;
  bool skipping_ = false;  ///< within a line that was too long
  CaptureBadLine bad_;
  CaptureRemarks remarks_;
};

}  // namespace upfeed::capture
