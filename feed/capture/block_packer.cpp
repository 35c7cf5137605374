#include "capture/block_packer.hpp"

#include <zstd.h>

#include <algorithm>

#include "upfeed/assert.hpp"

namespace upfeed::capture {

void BlockPacker::FreeContext::operator()(ZSTD_CCtx_s* context) const noexcept {
  ZSTD_freeCCtx(context);
}

BlockPacker::BlockPacker(std::size_t block_bytes, int zstd_level) : zstd_level_(zstd_level) {
  plain_.reserve(kBlockHeaderBytes + block_bytes);
  if (zstd_level_ != 0) {
    context_.reset(ZSTD_createCCtx());
    packed_.reserve(kBlockHeaderBytes + ZSTD_compressBound(block_bytes));
  }
  clear();
}

void BlockPacker::add(const CaptureRecord& record) {
  if (empty()) {
    first_mono_ns_ = record.mono_ns;
    header_.earliest_unix_ns = header_.latest_unix_ns = record.unix_ns;
  }
  header_.earliest_unix_ns = std::min(header_.earliest_unix_ns, record.unix_ns);
  header_.latest_unix_ns = std::max(header_.latest_unix_ns, record.unix_ns);
  ++header_.record_count;
  put_record(record, plain_);
}

std::span<const char> BlockPacker::pack(std::uint64_t file_id, std::uint64_t first_record,
                                        bool plain) {
  UPFEED_ASSERT(!empty());
  std::vector<char>* out = &plain_;
  header_.flags = 0;
  // Without memory for a context blocks stay plain, as they do when packing gains nothing.
  if (context_ != nullptr && !plain) {
    packed_.resize(kBlockHeaderBytes + ZSTD_compressBound(payload_bytes()));
    const std::size_t size = ZSTD_compressCCtx(
        context_.get(), packed_.data() + kBlockHeaderBytes, packed_.size() - kBlockHeaderBytes,
        plain_.data() + kBlockHeaderBytes, payload_bytes(), zstd_level_);
    if (!ZSTD_isError(size) && size < payload_bytes()) {
      packed_.resize(kBlockHeaderBytes + size);
      header_.flags = kBlockFlagZstd;
      out = &packed_;
    }
  }
  const std::span<const char> payload = std::span<const char>(*out).subspan(kBlockHeaderBytes);
  header_.stored_bytes = static_cast<std::uint32_t>(payload.size());
  header_.unpacked_bytes = static_cast<std::uint32_t>(payload_bytes());
  header_.file_id = file_id;
  header_.first_record = first_record;
  header_.payload_hash = hash_of(payload);
  put_block_header(header_, out->data());
  return *out;
}

void BlockPacker::clear() noexcept {
  plain_.resize(kBlockHeaderBytes);
  header_ = {};
}

}  // namespace upfeed::capture
