// Writes .upcap files: records gather in a block, whole blocks go to the file.
//
//   append() -> block_ (memory) --full, or step() finds it old--> file: | header | block | block
//   ...
//
// Invariant: the file is as long as its whole blocks, file_bytes_, at every return; a piece of a
// block that a full disk let through is cut off again. A process killed at any instant leaves whole
// blocks and at most one torn one behind them.
//
// When the disk refuses, the block stays in memory and is tried again; what arrives meanwhile and
// finds no room in it is counted, and the file says so in a loss record as soon as it can.
//
// Deliberately not here: threads and clocks. One thread owns a writer, for instance one that drains
// a ring; the times are those of the records and those handed to step().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capture/upcap_format.hpp"
#include "upfeed/errc.hpp"

namespace upfeed::capture {

/// When the file is forced to the disk. A crash of the process alone never needs it.
enum class CaptureSync : std::uint8_t {
  never,     ///< the system writes when it likes
  on_close,  ///< each file once, when it is closed or rotated
  on_block   ///< after each block
};

/// The system calls that can fail for want of room; a test puts its own here.
struct CaptureCalls {
  ssize_t (*write_at)(int fd, const void* data, std::size_t size_bytes, off_t offset);
  int (*truncate)(int fd, off_t size_bytes);
  int (*sync)(int fd);
};
/// pwrite, ftruncate, fdatasync.
extern const CaptureCalls kSystemCaptureCalls;

struct CaptureWriterConfig {
  std::string folder;                              ///< exists already
  std::string name = "upfeed";                     ///< files are NAME-YYYYMMDDTHHMMSSZ-NNNNNN.upcap
  std::string endpoint;                            ///< for the file header; no secret may be in it
  std::size_t block_bytes = 256 << 10;             ///< a block is written at this size, unpacked
  std::int64_t flush_interval_ns = 1'000'000'000;  ///< or when its first record is this old
  std::uint64_t rotate_bytes = 0;                  ///< next file before this size; 0: never
  std::int64_t rotate_interval_ns = 0;             ///< next file at this age; 0: never
  bool compress = false;                           ///< zstd, where it makes a block smaller
  int zstd_level = 1;
  CaptureSync sync = CaptureSync::on_close;
  std::int64_t retry_interval_ns = 1'000'000'000;
  CaptureCalls calls = kSystemCaptureCalls;
};

struct CaptureNow {
  std::int64_t mono_ns = 0;
  std::int64_t unix_ns = 0;
};

struct CaptureWriterStats {
  std::uint64_t records = 0;       ///< appended and not lost; the last block may be in memory yet
  std::uint64_t records_lost = 0;  ///< loss records in the files say the same
  std::uint64_t bytes_lost = 0;    ///< payload of those
  std::uint64_t blocks = 0;        ///< written
  std::uint64_t bytes = 0;         ///< written, all files
  std::uint64_t files = 0;         ///< opened
  std::uint64_t failures = 0;      ///< refused writes and files that could not be opened
};

enum class CaptureWriterState : std::uint8_t { recording, failing, closed };

/// threads  one at a time; move it to the one that owns it. RLIMIT_FSIZE raises SIGXFSZ in the
///          calling thread unless that is blocked or ignored there.
/// files    mode 0600. `folder/.name.lock` is locked while the writer lives, and stays.
class CaptureWriter {
 public:
  /// errors  bad_config: no folder, or one that is not there or may not be written to, a name with
  ///         a slash or that another writer has, block_bytes 0 or too large; system: no room, no
  ///         descriptor, a failing disk.
  [[nodiscard]] static Result<CaptureWriter> open(CaptureWriterConfig config, CaptureNow now);

  CaptureWriter(CaptureWriter&&) noexcept;
  CaptureWriter& operator=(CaptureWriter&&) noexcept;
  /// Closes; errors are lost.
  ~CaptureWriter();

  /// Keeps a copy of the record; writes the block when it is full. A record longer than
  /// kRecordBytesMax is lost. Its times are taken as the present.
  void append(const CaptureRecord& record);
  /// Counts records that somebody in front of the writer had to drop (a full ring).
  void add_loss(const Loss& loss);
  /// Does what time asks for: writes an old block, begins the next file, tries again.
  void step(CaptureNow now);
  /// Whoever feeds the writer is about to lose records: blocks stay plain, which takes a tenth of
  /// the time, until told otherwise.
  void hurry(bool needed) noexcept;
  /// Writes what is in memory.
  void flush(CaptureNow now);
  /// Writes what is in memory and the index, and closes. Error: what could not be written is lost.
  Status close(CaptureNow now);

  [[nodiscard]] CaptureWriterState state() const noexcept;
  /// While failing: for want of room on the disk.
  [[nodiscard]] bool out_of_room() const noexcept;
  /// Why it is failing, or was the last time; empty: never.
  [[nodiscard]] const std::string& error() const noexcept;
  [[nodiscard]] const CaptureWriterStats& stats() const noexcept;
  /// Of the present file; empty: none is open.
  [[nodiscard]] const std::string& path() const noexcept;

 private:
  class Impl;
  explicit CaptureWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::capture
