#include "capture/upcap_format.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace upfeed::capture {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are copied as is");

template <class T>
void store(char* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T load(const char* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool in_range(std::int64_t time_ns) noexcept {
  return time_ns >= 0 && time_ns < kTimeEndNs;
}

bool has_magic(std::span<const char> bytes, std::string_view magic) noexcept {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

constexpr std::size_t kHashBytes = sizeof(std::uint64_t);
constexpr std::size_t kTextBytesMax = 1024;

// Places within the file header.
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kHeaderBytesAt = 12;
constexpr std::size_t kFileIdAt = 16;
constexpr std::size_t kOpenedUnixAt = 24;
constexpr std::size_t kOpenedMonoAt = 32;
constexpr std::size_t kFileNumberAt = 40;
constexpr std::size_t kEndpointBytesAt = 44;
constexpr std::size_t kLibraryBytesAt = 46;
constexpr std::size_t kRecordingIdAt = 48;

}  // namespace

void put_file_header(const FileHeader& header, std::vector<char>& out) {
  const std::string_view endpoint = std::string_view(header.endpoint).substr(0, kTextBytesMax);
  const std::string_view library =
      std::string_view(header.library_version).substr(0, kTextBytesMax);
  const std::size_t start = out.size();
  const std::size_t size = kFileHeaderFixedBytes + endpoint.size() + library.size() + kHashBytes;
  out.resize(start + size);
  char* const at = out.data() + start;
  std::memcpy(at, kFileMagic.data(), kFileMagic.size());
  store(at + kVersionAt, header.version);
  store(at + kHeaderBytesAt, static_cast<std::uint32_t>(size));
  store(at + kFileIdAt, header.file_id);
  store(at + kOpenedUnixAt, header.opened_unix_ns);
  store(at + kOpenedMonoAt, header.opened_mono_ns);
  store(at + kFileNumberAt, header.file_number);
  store(at + kEndpointBytesAt, static_cast<std::uint16_t>(endpoint.size()));
  store(at + kLibraryBytesAt, static_cast<std::uint16_t>(library.size()));
  store(at + kRecordingIdAt, header.recording_id);
  std::copy(endpoint.begin(), endpoint.end(), at + kFileHeaderFixedBytes);
  std::copy(library.begin(), library.end(), at + kFileHeaderFixedBytes + endpoint.size());
  store(at + size - kHashBytes, hash_of({at, size - kHashBytes}));
}

std::optional<std::size_t> file_header_bytes(std::span<const char> probe) noexcept {
  if (probe.size() < kFileHeaderProbeBytes) return {};
  const auto size = load<std::uint32_t>(probe.data() + kHeaderBytesAt);
  if (size < kFileHeaderProbeBytes + kHashBytes || size > kFileHeaderBytesMax) return {};
  return size;
}

HeaderStep read_file_header(std::span<const char> bytes, FileHeader& out) {
  if (!has_magic(bytes, kFileMagic)) return HeaderStep::wrong_magic;
  if (file_header_bytes(bytes) != bytes.size()) return HeaderStep::damaged;
  const char* const at = bytes.data();
  const std::size_t hashed = bytes.size() - kHashBytes;
  // First the hash, which is last in every version: a flipped version is no future version.
  if (load<std::uint64_t>(at + hashed) != hash_of(bytes.first(hashed))) return HeaderStep::damaged;
  out.version = load<std::uint32_t>(at + kVersionAt);
  if (out.version > kFormatVersion) return HeaderStep::future_version;
  if (out.version == 0 || hashed < kFileHeaderFixedBytes) return HeaderStep::damaged;
  out.file_id = load<std::uint64_t>(at + kFileIdAt);
  out.opened_unix_ns = load<std::int64_t>(at + kOpenedUnixAt);
  out.opened_mono_ns = load<std::int64_t>(at + kOpenedMonoAt);
  if (!in_range(out.opened_unix_ns) || !in_range(out.opened_mono_ns)) return HeaderStep::damaged;
  out.file_number = load<std::uint32_t>(at + kFileNumberAt);
  out.recording_id = load<std::uint64_t>(at + kRecordingIdAt);
  const std::size_t endpoint_bytes = load<std::uint16_t>(at + kEndpointBytesAt);
  const std::size_t library_bytes = load<std::uint16_t>(at + kLibraryBytesAt);
  if (endpoint_bytes + library_bytes != hashed - kFileHeaderFixedBytes) return HeaderStep::damaged;
  out.endpoint.assign(at + kFileHeaderFixedBytes, endpoint_bytes);
  out.library_version.assign(at + kFileHeaderFixedBytes + endpoint_bytes, library_bytes);
  return HeaderStep::ok;
}

std::uint64_t hash_of(std::span<const char> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void put_block_header(const BlockHeader& header, char* out) noexcept {
  std::memset(out, 0, kBlockHeaderBytes);
  std::memcpy(out, kBlockMagic.data(), kBlockMagic.size());
  store(out + 8, header.stored_bytes);
  store(out + 12, header.unpacked_bytes);
  store(out + 16, header.record_count);
  store(out + 20, header.kind);
  store(out + 21, header.flags);
  store(out + 24, header.file_id);
  store(out + 32, header.first_record);
  store(out + 40, header.earliest_unix_ns);
  store(out + 48, header.latest_unix_ns);
  store(out + 56, header.payload_hash);
  store(out + 64, hash_of({out, kBlockHeaderBytes - kHashBytes}));
}

std::optional<BlockHeader> read_block_header(std::span<const char> bytes) noexcept {
  if (bytes.size() < kBlockHeaderBytes || !has_magic(bytes, kBlockMagic)) return {};
  const char* const at = bytes.data();
  if (load<std::uint64_t>(at + 64) != hash_of(bytes.first(kBlockHeaderBytes - kHashBytes))) {
    return {};
  }
  BlockHeader header;
  header.stored_bytes = load<std::uint32_t>(at + 8);
  header.unpacked_bytes = load<std::uint32_t>(at + 12);
  header.record_count = load<std::uint32_t>(at + 16);
  header.kind = load<BlockKind>(at + 20);
  header.flags = load<std::uint8_t>(at + 21);
  header.file_id = load<std::uint64_t>(at + 24);
  header.first_record = load<std::uint64_t>(at + 32);
  header.earliest_unix_ns = load<std::int64_t>(at + 40);
  header.latest_unix_ns = load<std::int64_t>(at + 48);
  header.payload_hash = load<std::uint64_t>(at + 56);
  if (header.stored_bytes > kBlockBytesMax || header.unpacked_bytes > kBlockBytesMax) return {};
  return header;
}

void put_record(const CaptureRecord& record, std::vector<char>& out) {
  const std::size_t start = out.size();
  const std::size_t size = kRecordHeaderBytes + record.payload.size();
  out.resize(start + size);
  char* const at = out.data() + start;
  store(at, static_cast<std::uint32_t>(size));
  store(at + 4, record.type);
  store(at + 5, record.direction);
  store(at + 6, record.opcode);
  store(at + 7, record.flags);
  store(at + 8, record.mono_ns);
  store(at + 16, record.unix_ns);
  store(at + 24, record.kernel_unix_ns);
  store(at + 32, record.connection);
  store(at + 36, record.epoch);
  std::copy(record.payload.begin(), record.payload.end(), at + kRecordHeaderBytes);
}

std::optional<CaptureRecord> take_record(std::span<const char>& bytes) noexcept {
  if (bytes.size() < kRecordHeaderBytes) return {};
  const char* const at = bytes.data();
  const std::size_t size = load<std::uint32_t>(at);
  if (size < kRecordHeaderBytes || size > bytes.size()) return {};
  CaptureRecord record;
  record.type = load<RecordType>(at + 4);
  record.direction = load<RecordDirection>(at + 5);
  record.opcode = load<std::uint8_t>(at + 6);
  record.flags = load<std::uint8_t>(at + 7);
  record.mono_ns = load<std::int64_t>(at + 8);
  record.unix_ns = load<std::int64_t>(at + 16);
  record.kernel_unix_ns = load<std::int64_t>(at + 24);
  const bool possible =
      in_range(record.mono_ns) && in_range(record.unix_ns) && in_range(record.kernel_unix_ns);
  if (!possible) return {};
  record.connection = load<std::uint32_t>(at + 32);
  record.epoch = load<std::uint32_t>(at + 36);
  record.payload = bytes.subspan(kRecordHeaderBytes, size - kRecordHeaderBytes);
  bytes = bytes.subspan(size);
  return record;
}

std::array<char, kLossBytes> put_loss(const Loss& loss) noexcept {
  std::array<char, kLossBytes> out;
  store(out.data(), loss.records);
  store(out.data() + 8, loss.payload_bytes);
  store(out.data() + 16, loss.first_unix_ns);
  store(out.data() + 24, loss.last_unix_ns);
  return out;
}

std::optional<Loss> read_loss(std::span<const char> payload) noexcept {
  if (payload.size() < kLossBytes) return {};
  const char* const at = payload.data();
  return Loss{.records = load<std::uint64_t>(at),
              .payload_bytes = load<std::uint64_t>(at + 8),
              .first_unix_ns = load<std::int64_t>(at + 16),
              .last_unix_ns = load<std::int64_t>(at + 24)};
}

void put_index_block(std::span<const IndexEntry> entries, std::uint64_t file_id,
                     std::uint64_t offset_bytes, std::vector<char>& out) {
  const std::size_t start = out.size();
  const std::size_t payload_bytes = entries.size() * kIndexEntryBytes + kIndexTailBytes;
  out.resize(start + kBlockHeaderBytes + payload_bytes);
  char* const payload = out.data() + start + kBlockHeaderBytes;
  char* at = payload;
  BlockHeader header;
  for (const IndexEntry& entry : entries) {
    store(at, entry.offset_bytes);
    store(at + 8, entry.first_record);
    store(at + 16, entry.record_count);
    store(at + 24, entry.earliest_unix_ns);
    store(at + 32, entry.latest_unix_ns);
    at += kIndexEntryBytes;
    header.first_record = entry.first_record + entry.record_count;
  }
  store(at, offset_bytes);
  std::memcpy(at + 8, kIndexEndMagic.data(), kIndexEndMagic.size());
  header.stored_bytes = header.unpacked_bytes = static_cast<std::uint32_t>(payload_bytes);
  header.record_count = static_cast<std::uint32_t>(entries.size());
  header.kind = BlockKind::index;
  header.file_id = file_id;
  if (!entries.empty()) {
    header.earliest_unix_ns =
        std::min_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
          return a.earliest_unix_ns < b.earliest_unix_ns;
        })->earliest_unix_ns;
    header.latest_unix_ns =
        std::max_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
          return a.latest_unix_ns < b.latest_unix_ns;
        })->latest_unix_ns;
  }
  header.payload_hash = hash_of({payload, payload_bytes});
  put_block_header(header, out.data() + start);
}

std::optional<std::uint64_t> index_offset(std::span<const char> tail) noexcept {
  if (tail.size() != kIndexTailBytes || !has_magic(tail.subspan(8), kIndexEndMagic)) return {};
  return load<std::uint64_t>(tail.data());
}

std::optional<std::vector<IndexEntry>> read_index(const BlockHeader& header,
                                                  std::span<const char> payload) {
  if (payload.size() != header.record_count * kIndexEntryBytes + kIndexTailBytes) return {};
  std::vector<IndexEntry> entries(header.record_count);
  const char* at = payload.data();
  for (IndexEntry& entry : entries) {
    entry.offset_bytes = load<std::uint64_t>(at);
    entry.first_record = load<std::uint64_t>(at + 8);
    entry.record_count = load<std::uint64_t>(at + 16);
    entry.earliest_unix_ns = load<std::int64_t>(at + 24);
    entry.latest_unix_ns = load<std::int64_t>(at + 32);
    at += kIndexEntryBytes;
  }
  return entries;
}

}  // namespace upfeed::capture
