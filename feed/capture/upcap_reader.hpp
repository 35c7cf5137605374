// Reads the records of an .upcap file, from any source of bytes.
//
//   buffer_  | block in work ... | what read() brought ahead | free | padding |
//            ^ begin_                                        ^ end_
//   buffer_[0] stands at base_ in the file
//
// A block is given out only when its header and payload match their hashes and its records fill it
// exactly, so no record was ever anything else than what the writer appended. Behind a damage the
// next header of this very file (file_id) is looked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/byte_source.hpp"
#include "capture/upcap_format.hpp"

struct ZSTD_DCtx_s;

namespace upfeed::capture {

/// A piece of the file that holds no record.
struct UpcapDamage {
  std::uint64_t offset_bytes = 0;
  std::uint64_t lost_bytes = 0;
  std::optional<std::uint64_t> lost_records;  ///< in them; empty: cannot be told
  std::string reason;                         ///< with what is lost
  bool torn = false;  ///< the file ends within a block: its writer was stopped
};

enum class UpcapStep : std::uint8_t {
  record,
  damage,
  end,
  passed  ///< behind a seek: a block before the place that was sought
};

class UpcapReader {
 public:
  explicit UpcapReader(ByteSource source) noexcept : source_(std::move(source)) {}

  /// Reads the file header. start  what was read of the source already.
  /// errors  bad_capture: torn within the header, a future version; and, unless `bear_damage`, a
  ///         damaged header. Otherwise next() reports that and the blocks are read without it.
  [[nodiscard]] Status begin(const std::string& path, std::string_view start, bool bear_damage);

  /// Fills `record` on UpcapStep::record; its payload is valid until the next call, kCapturePadding
  /// readable bytes behind it. Records of unknown type come too.
  [[nodiscard]] UpcapStep next(CaptureRecord& record);
  [[nodiscard]] const UpcapDamage& damage() const noexcept { return damage_; }
  /// Number of the last record within the file, from 1.
  [[nodiscard]] std::uint64_t record_number() const noexcept { return record_number_; }
  /// Where the block of the last record begins in the unpacked file.
  [[nodiscard]] std::uint64_t block_offset_bytes() const noexcept { return offset(); }
  [[nodiscard]] const FileHeader& header() const noexcept { return header_; }
  /// The index block was met: the file was closed, not cut off.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] const ByteSource& source() const noexcept { return source_; }

  /// The next record is the first at or behind that wall time, in the order of the file. By the
  /// file's index or, where there is none that is whole, the blocks' headers; where the source is
  /// not seekable forward only, from here.
  void seek(std::int64_t unix_ns);
  /// What seek() goes by; moves the place. Needs a seekable source.
  [[nodiscard]] std::vector<IndexEntry> read_index_or_scan();

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const noexcept;
  };

  /// How many of the next `size` bytes there are in the window now; fewer only at the end.
  std::size_t want(std::size_t size);
  void go_to(std::uint64_t offset);
  [[nodiscard]] std::uint64_t offset() const noexcept { return base_ + begin_; }
  [[nodiscard]] std::span<const char> window(std::size_t size) const noexcept {
    return {buffer_.data() + begin_, size};
  }
  /// The header at the window's begin, if it is one of this file.
  [[nodiscard]] std::optional<BlockHeader> header_here();
  /// Goes to the next such header behind this place; false: the end, all is skipped.
  bool find_block();
  [[nodiscard]] std::optional<std::vector<IndexEntry>> read_index_block();
  [[nodiscard]] UpcapStep load_block();
  [[nodiscard]] std::string unpack(const BlockHeader& header);
  /// From `from` to here there is no record. next_record  the number of the first one behind that,
  /// where a header says it; the next block, where there is one, knows it too.
  [[nodiscard]] UpcapStep report(std::uint64_t from, std::string reason, bool torn,
                                 std::optional<std::uint64_t> next_record = {});

  ByteSource source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t base_ = 0;
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
  std::vector<char> unpacked_;
  std::span<const char> rest_;  ///< of the block in work
  std::size_t consumed_ = 0;    ///< bytes of the block in work, once rest_ is empty
  FileHeader header_;
  std::optional<std::uint64_t> file_id_;
  std::uint64_t header_bytes_ = 0;
  std::uint64_t record_number_ = 0;
  std::uint64_t missed_up_to_ = 0;  ///< records up to here are in a damage that was told
  std::int64_t not_before_unix_ns_ = INT64_MIN;
  bool header_damaged_ = false;
  bool closed_ = false;
  bool error_told_ = false;
  UpcapDamage damage_;
};

}  // namespace upfeed::capture
