#pragma once

// Captured frames, read in the order they were written. What the file is, is found by its content,
// never by its name:
//
//   .upcap          what this library records: binary, in checked blocks (feed/capture/README.md)
//   cryptofeed      1617646620.849474: b'{"ty":"trade",...}'      a frame: Python bytes, or bare
//   JSON
//                   wss://host/path <-> 1617646619.694145         a connection was made
//                   wss://host/path <- 1617646620.613985: [...]   a request was sent
//                   configuration: {...}
//   timestamped     2021-04-05T18:17:00.849474Z {"ty":"trade",...}
//   JSON lines      {"type":"trade",...}
//
// Each may be packed by gzip or zstd. The rest of this page is about the three kinds of text.
//
// Lines end with LF or CR LF; blank lines are nothing. Every other line is a frame, a remark of its
// tool, or reported as bad: nothing is skipped in silence. Whether a frame makes sense is for the
// decoder to say; only the end of a file that was cut off within a line is looked at closely here,
// because half a frame can end with a bracket too.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"

namespace upfeed {

enum class CaptureKind : std::uint8_t { cryptofeed, timestamped, json_lines, upcap };
[[nodiscard]] std::string_view to_string(CaptureKind kind) noexcept;

/// What a record is; text has frames only.
enum class CapturedType : std::uint8_t {
  frame,    ///< received; with CaptureOptions::all_records also those of control opcodes
  request,  ///< sent: the text of the WebSocket message
  status,   ///< a change of a connection's state; see captured_status()
  loss,     ///< what the recorder could not write; see captured_loss()
  unknown   ///< of a type that a younger version wrote
};

/// One frame as it was received, or another record of an .upcap file.
struct CapturedFrame {
  /// Valid until the next call of next(). kCapturePadding readable bytes follow it; their content
  /// means nothing.
  std::span<const char> payload;
  std::int64_t received_unix_ns = 0;  ///< wall clock; 0: the file does not say
  std::uint64_t line = 0;             ///< in the file, from 1; .upcap: number of the record
  // What only .upcap says; 0 in text.
  std::int64_t received_mono_ns = 0;  ///< steady clock of the recording machine
  std::int64_t kernel_unix_ns = 0;    ///< wall clock when the kernel had it; 0: not known
  std::uint32_t connection = 0;
  std::uint32_t epoch = 0;
  std::uint8_t opcode = 0;  ///< of RFC 6455: 1 text, 2 binary
  CapturedType type = CapturedType::frame;
  bool kernel_time_shared = false;  ///< kKernelTimeShared
};
inline constexpr std::size_t kCapturePadding = 64;

enum class CaptureStep : std::uint8_t {
  frame,     ///< the next frame
  end,       ///< there is no more; stays so
  bad_line,  ///< bad_line() says which and why; the next call goes on behind it
  passed     ///< with CaptureOptions::yields only
};

/// A line that is no frame and no remark; in an .upcap file a piece that holds no whole block.
struct CaptureBadLine {
  std::uint64_t line = 0;   ///< from 1; .upcap: number of the last record read
  std::string_view reason;  ///< one line for a person, without the line number; .upcap: it names
                            ///< the file, the offset and how much is lost
  bool torn = false;        ///< the file ends within this line or block
  std::uint64_t offset_bytes = 0;  ///< .upcap: where the lost bytes begin in the unpacked file
  std::uint64_t lost_bytes = 0;    ///< .upcap: up to the next whole block, or the end
  std::optional<std::uint64_t> lost_records{};  ///< .upcap: in them; empty: cannot be told
};

/// What the tool that wrote the file said about itself; grows while the file is read.
struct CaptureRemarks {
  std::string endpoint;  ///< of the last connection
  std::string request;   ///< the last one sent
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  // What only .upcap says.
  std::string library_version;        ///< that recorded the file
  std::uint64_t recording_id = 0;     ///< the same in all files of one recording
  std::uint32_t file_number = 0;      ///< within its recording, from 0
  std::int64_t opened_mono_ns = 0;    ///< steady clock when the file was begun
  std::int64_t opened_unix_ns = 0;    ///< wall clock when the file was begun
  std::uint64_t status_changes = 0;   ///< of connections
  std::uint64_t records_lost = 0;     ///< that the recorder could not write, by its own count
  std::uint64_t unknown_records = 0;  ///< of types that a younger version wrote; passed over
  bool closed = false;                ///< the recorder ended the file; else it was cut off
};

enum class CaptureDamage : std::uint8_t {
  skip,  ///< report it, go on behind it: the next line, the next whole block
  stop   ///< report it, then the end
};
struct CaptureOptions {
  CaptureDamage on_damage = CaptureDamage::skip;
  /// next() gives every record of an .upcap file as CaptureStep::frame, whatever its type.
  bool all_records = false;
  /// For who must not wait long: behind a seek() in a packed file or in text, where all before that
  /// place is read, next() returns CaptureStep::passed now and then on the way.
  bool yields = false;
};

/// What a recorder could not write.
struct CapturedLoss {
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::int64_t first_unix_ns = 0;
  std::int64_t last_unix_ns = 0;
};
/// What a record of that type says; empty: of another type, or not readable.
[[nodiscard]] std::optional<CapturedLoss> captured_loss(const CapturedFrame& record) noexcept;
[[nodiscard]] std::optional<StatusEvent> captured_status(const CapturedFrame& record) noexcept;

/// Reads a file from start to end in constant memory (of text one buffer of kLineBytesMax, of which
/// only what the longest line needs is ever touched; of .upcap the largest block, twice).
/// threads  one at a time. Move-only.
class CaptureReader {
 public:
  /// A longer line is reported as bad.
  static constexpr std::size_t kLineBytesMax = std::size_t{8} << 20;

  /// path  a file or a pipe.
  /// errors  no_such_file: cannot be opened or is a directory; bad_capture: empty, binary, of no
  ///         known kind, an .upcap of a future version or cut off within its header; with
  ///         CaptureDamage::stop also a damaged .upcap header. Messages name the path, what was
  ///         found and a way out.
  [[nodiscard]] static Result<CaptureReader> open(const std::string& path,
                                                  CaptureOptions options = {});

  CaptureReader(CaptureReader&&) noexcept;
  CaptureReader& operator=(CaptureReader&&) noexcept;
  ~CaptureReader();

  /// Fills `frame` on CaptureStep::frame only. A system error while reading is a bad line, then the
  /// end. Does not allocate but for a remark or block longer than all before, or a damage.
  [[nodiscard]] CaptureStep next(CapturedFrame& frame);
  /// The next frame is the first in the file received at or behind that wall time. .upcap: by its
  /// index, or by its blocks' headers where that is missing or damaged. Else: from the start again.
  /// errors  bad_capture: the file says no times, or is a pipe; else as open().
  Status seek(std::int64_t unix_ns);
  /// The last bad line; valid until the next call of next().
  [[nodiscard]] const CaptureBadLine& bad_line() const noexcept;
  [[nodiscard]] CaptureKind kind() const noexcept;
  [[nodiscard]] const CaptureRemarks& remarks() const noexcept;
  /// Where reading is in the file as it is stored, and its size; 0 for a pipe.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept;
  [[nodiscard]] std::uint64_t bytes_total() const noexcept;

 private:
  struct State;
  explicit CaptureReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace upfeed
