// Records in, the bytes of a whole block out.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "capture/upcap_format.hpp"

struct ZSTD_CCtx_s;

namespace upfeed::capture {

/// Gathers the records of one block. Allocates only when a record is longer than all before.
class BlockPacker {
 public:
  /// zstd_level  0: blocks stay plain.
  BlockPacker(std::size_t block_bytes, int zstd_level);

  void add(const CaptureRecord& record);
  /// The block as it goes to the file; valid until the next call. Not for an empty block.
  /// plain  it is not packed, whatever the level.
  [[nodiscard]] std::span<const char> pack(std::uint64_t file_id, std::uint64_t first_record,
                                           bool plain = false);
  void clear() noexcept;

  [[nodiscard]] bool empty() const noexcept { return header_.record_count == 0; }
  [[nodiscard]] std::size_t payload_bytes() const noexcept {
    return plain_.size() - kBlockHeaderBytes;
  }
  [[nodiscard]] std::uint32_t record_count() const noexcept { return header_.record_count; }
  [[nodiscard]] std::int64_t first_mono_ns() const noexcept { return first_mono_ns_; }
  [[nodiscard]] std::int64_t earliest_unix_ns() const noexcept { return header_.earliest_unix_ns; }
  [[nodiscard]] std::int64_t latest_unix_ns() const noexcept { return header_.latest_unix_ns; }

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const noexcept;
  };

  std::vector<char> plain_;   ///< room for the header, then the records
  std::vector<char> packed_;  ///< the same, packed
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
  int zstd_level_;
  std::int64_t first_mono_ns_ = 0;
  BlockHeader header_;
};

}  // namespace upfeed::capture
