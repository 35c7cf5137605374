#include "capture/upcap_reader.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "upfeed/capture.hpp"

namespace upfeed::capture {
namespace {

constexpr std::size_t kReadAheadBytes = std::size_t{256} << 10;

Error bad_capture(const std::string& path, std::string_view what) {
  return {Errc::bad_capture, "capture \"" + path + "\": " + std::string(what)};
}

/// Number of the first record behind that block.
std::uint64_t next_record(const BlockHeader& header) noexcept {
  return header.first_record + (header.kind == BlockKind::records ? header.record_count : 0U);
}

/// The records fill the payload and are as many as the header says.
bool adds_up(std::span<const char> payload, std::uint32_t record_count) noexcept {
  std::uint32_t count = 0;
  while (!payload.empty()) {
    if (!take_record(payload)) return false;
    ++count;
  }
  return count == record_count;
}

}  // namespace

void UpcapReader::FreeContext::operator()(ZSTD_DCtx_s* context) const noexcept {
  ZSTD_freeDCtx(context);
}

std::size_t UpcapReader::want(std::size_t size) {
  if (end_ - begin_ >= size) return size;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  base_ += begin_;
  end_ -= std::exchange(begin_, 0);
  const std::size_t room = std::max(size, kReadAheadBytes);
  if (buffer_.size() < room + kCapturePadding) buffer_.resize(room + kCapturePadding);
  while (end_ < size) {
    const std::size_t count =
        source_.read({buffer_.data() + end_, buffer_.size() - kCapturePadding - end_});
    if (count == 0) break;
    end_ += count;
  }
  return std::min(end_, size);
}

void UpcapReader::go_to(std::uint64_t offset) {
  if (offset >= base_ && offset <= base_ + end_) {
    begin_ = static_cast<std::size_t>(offset - base_);
    return;
  }
  source_.seek(offset);
  base_ = offset;
  begin_ = end_ = 0;
}

Status UpcapReader::begin(const std::string& path, std::string_view start, bool bear_damage) {
  buffer_.assign(start.begin(), start.end());
  buffer_.resize(kReadAheadBytes + kCapturePadding);
  end_ = start.size();
  const std::optional<std::size_t> size = file_header_bytes(window(want(kFileHeaderProbeBytes)));
  const std::size_t have = want(size.value_or(kFileHeaderBytesMax));
  const bool blocks =
      std::string_view(window(have).data(), have).find(kBlockMagic) != std::string_view::npos;
  if (have < size.value_or(kFileHeaderProbeBytes) && !blocks) {
    return bad_capture(path, "ends within its file header, so it holds no record");
  }
  switch (size && have >= *size ? read_file_header(window(*size), header_) : HeaderStep::damaged) {
    case HeaderStep::ok:
      file_id_ = header_.file_id;
      header_bytes_ = *size;
      begin_ += *size;
      return Done{};
    case HeaderStep::future_version:
      return bad_capture(path, "is of .upcap version " + std::to_string(header_.version) +
                                   "; this library reads up to version " +
                                   std::to_string(kFormatVersion) + " and must be updated");
    case HeaderStep::wrong_magic:
    case HeaderStep::damaged:
      break;
  }
  header_ = {};
  header_damaged_ = true;
  if (bear_damage) return Done{};
  return bad_capture(path, "the file header at offset 0 does not match its checksum");
}

std::optional<BlockHeader> UpcapReader::header_here() {
  const std::optional<BlockHeader> header = read_block_header(window(want(kBlockHeaderBytes)));
  if (!header || (file_id_ && *file_id_ != header->file_id)) return {};
  return header;
}

bool UpcapReader::find_block() {
  for (;;) {
    const std::size_t have = want(kBlockHeaderBytes + 1);
    if (have <= kBlockHeaderBytes) {
      begin_ += have;
      return false;
    }
    ++begin_;
    // memchr and compare: a magic may hang over the window's end, so the rest is kept for the next.
    const std::string_view text(buffer_.data() + begin_, end_ - begin_);
    const std::size_t at = text.find(kBlockMagic);
    if (at == std::string_view::npos) {
      begin_ += text.size() - std::min(text.size(), kBlockMagic.size());
      continue;
    }
    begin_ += at;
    if (header_here()) return true;
  }
}

UpcapStep UpcapReader::report(std::uint64_t from, std::string reason, bool torn,
                              std::optional<std::uint64_t> next_record) {
  const std::uint64_t lost_bytes = offset() - from;
  const std::uint64_t known = std::max(record_number_, missed_up_to_);
  if (const auto next = header_here()) next_record = next->first_record;
  std::optional<std::uint64_t> lost;
  if (next_record) lost = std::max(known, *next_record) - known;
  missed_up_to_ = known + lost.value_or(0);
  reason += "; " + std::to_string(lost_bytes) + " bytes lost, with " +
            (!lost        ? "an unknown number of"
             : *lost == 0 ? "no"
                          : std::to_string(*lost)) +
            " records";
  damage_ = {.offset_bytes = from,
             .lost_bytes = lost_bytes,
             .lost_records = lost,
             .reason = std::move(reason),
             .torn = torn};
  return UpcapStep::damage;
}

/// Empty: rest_ holds the records. Otherwise what is wrong.
std::string UpcapReader::unpack(const BlockHeader& header) {
  const std::span<const char> stored =
      window(kBlockHeaderBytes + header.stored_bytes).subspan(kBlockHeaderBytes);
  if (hash_of(stored) != header.payload_hash) return "the payload does not match its checksum";
  if (header.kind != BlockKind::records) return {};
  std::span<const char> plain = stored;
  if ((header.flags & ~kBlockFlagZstd) != 0) return "it is packed in a way not known here";
  if ((header.flags & kBlockFlagZstd) != 0) {
    if (context_ == nullptr) context_.reset(ZSTD_createDCtx());
    if (unpacked_.size() < header.unpacked_bytes + kCapturePadding) {
      unpacked_.resize(header.unpacked_bytes + kCapturePadding);
    }
    const std::size_t size = ZSTD_decompressDCtx(
        context_.get(), unpacked_.data(), header.unpacked_bytes, stored.data(), stored.size());
    if (ZSTD_isError(size)) return "the payload cannot be unpacked";
    plain = {unpacked_.data(), size};
  }
  if (plain.size() != header.unpacked_bytes || !adds_up(plain, header.record_count)) {
    return "its records do not add up";
  }
  rest_ = plain;
  return {};
}

UpcapStep UpcapReader::load_block() {
  const std::uint64_t from = offset();
  if (std::exchange(header_damaged_, false)) {
    find_block();
    return report(from, "the file header is damaged", false);
  }
  const std::size_t have = want(kBlockHeaderBytes);
  if (have < kBlockHeaderBytes && !source_.error().empty()) {
    begin_ += have;
    const std::string reason(source_.error());
    return std::exchange(error_told_, true) ? UpcapStep::end : report(from, reason, source_.torn());
  }
  if (have == 0) return UpcapStep::end;
  if (have < kBlockHeaderBytes) {
    begin_ += have;
    return report(from, "the file ends within a block header", true);
  }
  const std::optional<BlockHeader> header = header_here();
  if (!header) {
    find_block();
    return report(from, "the block header is damaged", false);
  }
  file_id_ = header->file_id;
  const std::size_t size = kBlockHeaderBytes + header->stored_bytes;
  const std::size_t block_bytes = want(size);
  if (block_bytes < size) {
    begin_ += block_bytes;
    const bool cut_off = source_.error().empty();
    return report(from, cut_off ? "the file ends within a block" : std::string(source_.error()),
                  cut_off || source_.torn(), next_record(*header));
  }
  std::string wrong = unpack(*header);
  if (!wrong.empty()) {
    begin_ += size;
    return report(from, "the block is damaged: " + wrong, false, next_record(*header));
  }
  consumed_ = size;
  record_number_ = header->first_record;
  closed_ = header->kind == BlockKind::index;
  return UpcapStep::record;
}

UpcapStep UpcapReader::next(CaptureRecord& record) {
  for (;;) {
    const bool within = !rest_.empty();
    while (!rest_.empty()) {
      record = *take_record(rest_);
      ++record_number_;
      if (record.unix_ns >= not_before_unix_ns_) return UpcapStep::record;
    }
    begin_ += std::exchange(consumed_, 0);
    if (within && not_before_unix_ns_ != INT64_MIN) return UpcapStep::passed;
    if (const UpcapStep step = load_block(); step != UpcapStep::record) return step;
  }
}

std::optional<std::vector<IndexEntry>> UpcapReader::read_index_block() {
  const std::uint64_t size = source_.size_bytes();
  if (size < header_bytes_ + kBlockHeaderBytes + kIndexTailBytes) return {};
  go_to(size - kIndexTailBytes);
  const std::optional<std::uint64_t> at = index_offset(window(want(kIndexTailBytes)));
  if (!at || *at > size - kIndexTailBytes) return {};
  go_to(*at);
  const std::optional<BlockHeader> header = header_here();
  if (!header || header->kind != BlockKind::index) return {};
  const std::size_t block_bytes = kBlockHeaderBytes + header->stored_bytes;
  if (want(block_bytes) < block_bytes) return {};
  const std::span<const char> payload = window(block_bytes).subspan(kBlockHeaderBytes);
  if (hash_of(payload) != header->payload_hash) return {};
  return read_index(*header, payload);
}

std::vector<IndexEntry> UpcapReader::read_index_or_scan() {
  if (std::optional<std::vector<IndexEntry>> index = read_index_block()) return *index;
  std::vector<IndexEntry> entries;
  go_to(header_bytes_);
  while (header_here() || find_block()) {
    const BlockHeader header = *header_here();
    if (header.kind == BlockKind::records) {
      entries.push_back({.offset_bytes = offset(),
                         .first_record = header.first_record,
                         .record_count = header.record_count,
                         .earliest_unix_ns = header.earliest_unix_ns,
                         .latest_unix_ns = header.latest_unix_ns});
    }
    go_to(offset() + kBlockHeaderBytes + header.stored_bytes);
  }
  return entries;
}

void UpcapReader::seek(std::int64_t unix_ns) {
  rest_ = {};
  consumed_ = 0;
  error_told_ = false;
  header_damaged_ = false;  // behind the seek it does not matter
  not_before_unix_ns_ = unix_ns;
  if (!source_.seekable()) return;  // the records before it are passed over one by one
  const std::vector<IndexEntry> entries = read_index_or_scan();
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const IndexEntry& entry) {
    return entry.latest_unix_ns >= unix_ns;
  });
  go_to(found != entries.end() ? found->offset_bytes : source_.size_bytes());
  record_number_ = found != entries.end() ? found->first_record : 0;
  missed_up_to_ = 0;
}

}  // namespace upfeed::capture
