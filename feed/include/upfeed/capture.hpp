#pragma once

// Captured frames of other tools, read in the order they were written. What the file is, is found
// by its content, never by its name:
//
//   cryptofeed      1617646620.849474: b'{"ty":"trade",...}'      a frame: Python bytes, or bare
//   JSON
//                   wss://host/path <-> 1617646619.694145         a connection was made
//                   wss://host/path <- 1617646620.613985: [...]   a request was sent
//                   configuration: {...}
//   timestamped     2021-04-05T18:17:00.849474Z {"ty":"trade",...}
//   JSON lines      {"type":"trade",...}
//
// Lines end with LF or CR LF; blank lines are nothing. Every other line is a frame, a remark of its
// tool, or reported as bad: nothing is skipped in silence. Whether a frame makes sense is for the
// decoder to say; only the end of a file that was cut off within a line is looked at closely here,
// because half a frame can end with a bracket too.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "upfeed/errc.hpp"

namespace upfeed {

enum class CaptureKind : std::uint8_t { cryptofeed, timestamped, json_lines };
[[nodiscard]] std::string_view to_string(CaptureKind kind) noexcept;

/// One frame as it was received.
struct CapturedFrame {
  /// Valid until the next call of next(). kCapturePadding readable bytes follow it; their content
  /// means nothing.
  std::span<const char> payload;
  std::int64_t received_unix_ns = 0;  ///< wall clock; 0: the file does not say
  std::uint64_t line = 0;             ///< in the file, from 1
};
inline constexpr std::size_t kCapturePadding = 64;

enum class CaptureStep : std::uint8_t {
  frame,    ///< the next frame
  end,      ///< there is no more; stays so
  bad_line  ///< bad_line() says which and why; the next call goes on behind it
};

/// A line that is no frame and no remark.
struct CaptureBadLine {
  std::uint64_t line = 0;   ///< from 1
  std::string_view reason;  ///< one line for a person, without the line number
  bool torn = false;        ///< the file ends within this line
};

/// What the tool that wrote the file said about itself; grows while the file is read.
struct CaptureRemarks {
  std::string endpoint;  ///< of the last connection
  std::string request;   ///< the last one sent
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
};

/// Reads a file once, from start to end, in constant memory (one buffer of kLineBytesMax, of which
/// only what the longest line needs is ever touched).
/// threads  one at a time. Move-only.
class CaptureReader {
 public:
  /// A longer line is reported as bad.
  static constexpr std::size_t kLineBytesMax = std::size_t{8} << 20;

  /// path  a file or a pipe.
  /// errors  no_such_file: cannot be opened or is a directory; bad_capture: empty, binary,
  ///         compressed, or of no known kind. Messages name the path, what was found and a way out.
  [[nodiscard]] static Result<CaptureReader> open(const std::string& path);

  CaptureReader(CaptureReader&&) noexcept;
  CaptureReader& operator=(CaptureReader&&) noexcept;
  ~CaptureReader();

  /// Fills `frame` on CaptureStep::frame only. A system error while reading is a bad line, then the
  /// end. Does not allocate but for a remark longer than all before.
  [[nodiscard]] CaptureStep next(CapturedFrame& frame);
  /// The last bad line; valid until the next call of next().
  [[nodiscard]] const CaptureBadLine& bad_line() const noexcept;
  [[nodiscard]] CaptureKind kind() const noexcept;
  [[nodiscard]] const CaptureRemarks& remarks() const noexcept;

 private:
  struct State;
  explicit CaptureReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace upfeed
