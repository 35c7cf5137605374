// The bytes of an .upcap file, to and from memory. Knows no files; README.md has the tables.
//
//   file header | block | block | ... | index block (when it was closed)
//   block  =  header of kBlockHeaderBytes | payload, plain or one zstd frame
//   payload, plain  =  record | record | ...
//
// Whatever was read from a file is checked before it is believed: sizes as integers against what is
// there, hashes before contents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace upfeed::capture {

inline constexpr std::string_view kFileMagic = "\x89UPCAP\r\n";
inline constexpr std::string_view kBlockMagic = "\x9DUPBLK\r\n";
inline constexpr std::string_view kIndexEndMagic = "\x9DUPIDX\r\n";
inline constexpr std::uint32_t kFormatVersion = 1;

inline constexpr std::size_t kFileHeaderFixedBytes = 56;
inline constexpr std::size_t kFileHeaderBytesMax = 4096;
inline constexpr std::size_t kBlockHeaderBytes = 72;
inline constexpr std::size_t kRecordHeaderBytes = 40;
inline constexpr std::size_t kIndexEntryBytes = 40;
inline constexpr std::size_t kIndexTailBytes = 16;
/// The longest record, its header included.
inline constexpr std::size_t kRecordBytesMax = std::size_t{8} << 20;
/// The longest block, unpacked or as stored, its header left out.
inline constexpr std::size_t kBlockBytesMax = std::size_t{16} << 20;

/// Times are not negative and below this, so that they can be added and subtracted.
inline constexpr std::int64_t kTimeEndNs = std::int64_t{1} << 62;

/// The length of the file header can be told from this many bytes.
inline constexpr std::size_t kFileHeaderProbeBytes = 16;

struct FileHeader {
  std::uint32_t version = kFormatVersion;
  std::uint64_t file_id = 0;  ///< random; repeated in every block of the file
  std::int64_t opened_unix_ns = 0;
  std::int64_t opened_mono_ns = 0;
  std::uint32_t file_number = 0;   ///< within its recording, from 0
  std::uint64_t recording_id = 0;  ///< random; the same in all files of one recording
  std::string endpoint{};
  std::string library_version{};
};

enum class HeaderStep : std::uint8_t { ok, wrong_magic, future_version, damaged };

/// Appends the header's bytes. Texts are cut so that it keeps to kFileHeaderBytesMax.
void put_file_header(const FileHeader& header, std::vector<char>& out);
/// Bytes of the whole file header by its first kFileHeaderProbeBytes; empty: no such size can be.
[[nodiscard]] std::optional<std::size_t> file_header_bytes(std::span<const char> probe) noexcept;
/// bytes  exactly the header. `out` is whole on ok; on future_version only its version is set.
[[nodiscard]] HeaderStep read_file_header(std::span<const char> bytes, FileHeader& out);

enum class BlockKind : std::uint8_t { records = 0, index = 1 };
inline constexpr std::uint8_t kBlockFlagZstd = 1;

struct BlockHeader {
  std::uint32_t stored_bytes = 0;    ///< of the payload as it stands in the file
  std::uint32_t unpacked_bytes = 0;  ///< of the payload
  std::uint32_t record_count = 0;    ///< index block: entries
  BlockKind kind = BlockKind::records;
  std::uint8_t flags = 0;
  std::uint64_t file_id = 0;
  std::uint64_t first_record = 0;  ///< number of the block's first record in its file, from 0
  std::int64_t earliest_unix_ns = 0;
  std::int64_t latest_unix_ns = 0;
  std::uint64_t payload_hash = 0;  ///< XXH3-64 of the payload as stored
};

/// Writes kBlockHeaderBytes at `out`, the header's own hash included.
void put_block_header(const BlockHeader& header, char* out) noexcept;
/// bytes  at least kBlockHeaderBytes. Empty: no block header, or a damaged one.
[[nodiscard]] std::optional<BlockHeader> read_block_header(std::span<const char> bytes) noexcept;
[[nodiscard]] std::uint64_t hash_of(std::span<const char> bytes) noexcept;

/// Values stand in the file. Others may come: a reader skips what it does not know.
enum class RecordType : std::uint8_t {
  received_frame = 1,  ///< payload: that of the WebSocket message
  sent_request = 2,    ///< payload: the text sent; never headers, so never a token
  status = 3,          ///< payload: see put_status
  loss = 4             ///< payload: Loss
};
enum class RecordDirection : std::uint8_t { none = 0, received = 1, sent = 2 };

/// Several frames came with one segment: the kernel time is that of the last.
inline constexpr std::uint8_t kRecordFlagKernelShared = 1;

struct CaptureRecord {
  RecordType type = RecordType::received_frame;
  RecordDirection direction = RecordDirection::received;
  std::uint8_t opcode = 0;  ///< of RFC 6455; 0: none
  std::uint8_t flags = 0;   ///< kRecordFlag...
  std::uint32_t connection = 0;
  std::uint32_t epoch = 0;
  std::int64_t mono_ns = 0;         ///< steady clock of the recording machine
  std::int64_t unix_ns = 0;         ///< wall clock when the program had it
  std::int64_t kernel_unix_ns = 0;  ///< wall clock when the kernel had it; 0: not known
  std::span<const char> payload{};
};

/// Appends kRecordHeaderBytes and the payload.
void put_record(const CaptureRecord& record, std::vector<char>& out);
/// The record at the front of `bytes`, which moves behind it. Empty: its size or times cannot be.
[[nodiscard]] std::optional<CaptureRecord> take_record(std::span<const char>& bytes) noexcept;

/// What the recorder could not write.
struct Loss {
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::int64_t first_unix_ns = 0;
  std::int64_t last_unix_ns = 0;
};
inline constexpr std::size_t kLossBytes = 32;
[[nodiscard]] std::array<char, kLossBytes> put_loss(const Loss& loss) noexcept;
[[nodiscard]] std::optional<Loss> read_loss(std::span<const char> payload) noexcept;

/// Where a block is and which times it holds.
struct IndexEntry {
  std::uint64_t offset_bytes = 0;  ///< of the block's header in the file
  std::uint64_t first_record = 0;
  std::uint64_t record_count = 0;
  std::int64_t earliest_unix_ns = 0;
  std::int64_t latest_unix_ns = 0;
};

/// Appends the index block: header, entries, tail. offset_bytes  where it will stand.
void put_index_block(std::span<const IndexEntry> entries, std::uint64_t file_id,
                     std::uint64_t offset_bytes, std::vector<char>& out);
/// Offset of the index block by the last kIndexTailBytes of a file; empty: there is none.
[[nodiscard]] std::optional<std::uint64_t> index_offset(std::span<const char> tail) noexcept;
/// payload  of an index block whose hash was right. Empty: the sizes do not fit.
[[nodiscard]] std::optional<std::vector<IndexEntry>> read_index(const BlockHeader& header,
                                                                std::span<const char> payload);

}  // namespace upfeed::capture
