// .upcap files after the worst: every bit flipped, the recording process killed.
// UPFEED_BITS_STEP (default 401; 1: every bit) and UPFEED_KILLS (default 10) say how thoroughly.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <iostream>

#include "capture/merged_capture.hpp"
#include "clock.hpp"
#include "recorder.hpp"
#include "seed.hpp"
#include "upcap_harness.hpp"

namespace upfeed::capture {
namespace {

std::size_t number_from(const char* variable, std::size_t otherwise) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

// Goal: a flipped bit anywhere is noticed, its place is named, and it costs its own block alone.
// Method: a file of 64 KiB with plain and packed blocks, an index and a header; flip, read, flip
// back.
TEST_F(Upcap, every_flipped_bit_is_detected_and_located) {
  std::mt19937_64 random(test_seed());
  CaptureWriterConfig with = config();
  with.block_bytes = 3'000;
  with.compress = true;  // half of the records cannot be, so some blocks stay plain
  std::vector<OwnRecord> written;
  std::string path;
  std::string file;
  for (std::size_t records = 100; file.size() < (64U << 10U); records += 10) {
    written = random_frames(random, records, 900);
    path = write(written, with);
    file = bytes_of(path);
  }
  const std::vector<std::size_t> blocks = block_offsets(file);
  const std::size_t step = number_from("UPFEED_BITS_STEP", 401);
  std::uint64_t flips = 0;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  for (std::size_t bit = random() % step; bit < file.size() * 8; bit += step, ++flips) {
    const std::size_t at = bit / 8;
    const char flipped = static_cast<char>(file[at] ^ (1 << (bit % 8)));
    ASSERT_EQ(::pwrite(fd, &flipped, 1, static_cast<off_t>(at)), 1);
    const Read all = read(path);
    ASSERT_EQ(::pwrite(fd, &file[at], 1, static_cast<off_t>(at)), 1);
    ASSERT_EQ(all.bad.size(), 1U) << "bit " << bit;
    ASSERT_LE(all.bad[0].offset_bytes, at);
    ASSERT_GT(all.bad[0].offset_bytes + all.bad[0].lost_bytes, at);
    const auto next = std::upper_bound(blocks.begin(), blocks.end(), at);
    std::size_t missing = 0;
    if (next != blocks.begin() && *(next - 1) != *(blocks.end() - 2)) {
      missing = read_block_header(std::span(file).subspan(*(next - 1)))->record_count;
    }
    ASSERT_EQ(all.frames.size(), written.size() - missing) << "bit " << bit;
    // Unknown only where the header of the last block, the index, is hit.
    ASSERT_EQ(all.bad[0].lost_records.value_or(0), missing) << "bit " << bit;
    ASSERT_TRUE(all.bad[0].lost_records || at >= *(blocks.end() - 2)) << "bit " << bit;
    expect_written(all, written);
    if (HasFatalFailure()) return;
  }
  ::close(fd);
  std::cout << flips << " bits of " << file.size() << " bytes flipped, each found\n";
}

/// Files of two blocks and an index whose checksums are right, and all else is as it likes.
class WrongFile {
 public:
  explicit WrongFile(std::uint64_t seed) : random_(seed) {
    put_file_header({.file_id = kFileId,
                     .opened_unix_ns = time(),
                     .opened_mono_ns = time(),
                     .file_number = static_cast<std::uint32_t>(number()),
                     .recording_id = number(),
                     .endpoint = "wss://api.example.com"},
                    bytes);
    add_block();
    add_block();
    std::vector<IndexEntry> index(2);
    for (IndexEntry& entry : index) {
      entry = {rarely() ? number() : bytes.size(), number(), number(), time(), time()};
    }
    if (!rarely()) put_index_block(index, kFileId, rarely() ? number() : bytes.size(), bytes);
  }
  std::uint64_t number() {
    constexpr std::array<std::uint64_t, 8> kEdges{
        0, 1, 31, 32, UINT32_MAX, std::uint64_t{1} << 62U, INT64_MAX, UINT64_MAX};
    return random_() % 3 == 0 ? random_() : kEdges[random_() % kEdges.size()];
  }
  /// Mostly one that can be: else hardly a block would hold what it says.
  std::int64_t time() {
    return static_cast<std::int64_t>(random_() % 64 == 0 ? number() : number() >> 3U);
  }

  std::vector<char> bytes;
  std::uint64_t records = 0;

 private:
  static constexpr std::uint64_t kFileId = 7;
  bool rarely() { return random_() % 8 == 0; }
  void add_record(std::vector<char>& payload) {
    constexpr std::array<std::string_view, 6> kPayloads{
        "",
        "{}",
        "live\tidle\tstream_silent trade 1m KRW-BTC 0 5\tnone\t0\t0\t-1\tx",
        "live\tlive\trenewed\tnone\t0\t0\t-1\t",
        "\t\t\t\t\t\t\t\t",
        "0123456789abcdef0123456789abcdef"};
    put_record({.type = static_cast<RecordType>(random_() % 6),
                .direction = static_cast<RecordDirection>(random_()),
                .opcode = static_cast<std::uint8_t>(random_()),
                .flags = static_cast<std::uint8_t>(random_()),
                .connection = static_cast<std::uint32_t>(rarely() ? number() : random_() % 3),
                .epoch = static_cast<std::uint32_t>(number()),
                .mono_ns = time(),
                .unix_ns = time(),
                .kernel_unix_ns = time(),
                .payload = kPayloads[random_() % kPayloads.size()]},
               payload);
  }
  void add_block() {
    std::vector<char> payload;
    const auto count = static_cast<std::uint32_t>(random_() % 10);
    for (std::uint32_t i = 0; i < count; ++i) add_record(payload);
    if (rarely() && !payload.empty()) payload[random_() % payload.size()] ^= 0x40;
    const auto size = static_cast<std::uint32_t>(payload.size());
    BlockHeader header{.stored_bytes = size,
                       .unpacked_bytes = rarely() ? static_cast<std::uint32_t>(number()) : size,
                       .record_count = count + (rarely() ? 1U : 0U),
                       .kind = static_cast<BlockKind>(rarely() ? number() : 0),
                       .flags = static_cast<std::uint8_t>(rarely() ? number() : 0),
                       .file_id = kFileId,
                       .first_record = rarely() ? number() : records,
                       .earliest_unix_ns = time(),
                       .latest_unix_ns = time(),
                       .payload_hash = hash_of(payload)};
    const std::size_t at = bytes.size();
    bytes.resize(at + kBlockHeaderBytes);
    put_block_header(header, bytes.data() + at);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    records += count;
  }
  std::mt19937_64 random_;
};

// Goal: nothing in a file is believed for its checksum alone: reading ends, gives out no more than
// there is, and no connection that nobody has room for. Method: random fields, hashed rightly.
TEST_F(Upcap, right_checksums_over_wrong_content_harm_nobody) {
  std::mt19937_64 random(test_seed());
  const std::string path = folder_ + "/wrong.upcap";
  std::uint64_t records = 0;
  std::uint64_t damages = 0;
  for (int run = 0; run < 3'000; ++run) {
    WrongFile wrong(random());
    put_bytes(path, {wrong.bytes.data(), wrong.bytes.size()});
    auto reader = CaptureReader::open(path, {.all_records = true, .yields = true});
    ASSERT_TRUE(reader.ok());
    for (const bool sought : {false, true}) {
      if (sought) {
        ASSERT_TRUE(reader->seek(wrong.time()).ok());
      }
      std::uint64_t found = 0;
      CapturedFrame record;
      for (CaptureStep step; (step = reader->next(record)) != CaptureStep::end;) {
        damages += step == CaptureStep::bad_line ? 1U : 0U;
        if (step != CaptureStep::frame) continue;
        ++found;
        static_cast<void>(captured_status(record));
        static_cast<void>(captured_loss(record));
      }
      ASSERT_LE(found, wrong.records);
      records += found;
    }
    auto merged = MergedCapture::open({path}, {0, std::max<std::int64_t>(wrong.time(), 0)}, true);
    ASSERT_TRUE(merged.ok());
    CapturedFrame record;
    std::int64_t time_ns = 0;
    for (CaptureStep step; (step = merged->next(record, time_ns)) != CaptureStep::end;) {
      if (step != CaptureStep::frame) continue;
      ASSERT_LT(record.connection, merged->connection_count());
    }
  }
  std::cout << records << " records read, " << damages << " damages told\n";
  EXPECT_GT(records, 10'000U);
  EXPECT_GT(damages, 1'000U);
}

std::string payload_of(std::uint64_t i) {
  std::string payload = std::to_string(i) + ":";
  payload.resize(20 + i * 7919 % 1'500, static_cast<char>('a' + i % 26));
  return payload;
}

/// Records numbered frames until it is killed.
[[noreturn]] void record_until_killed(const std::string& folder, bool compress) {
  FeedConfig config;
  config.record.directory = folder;
  config.record.compress = compress;
  config.record.rotate_bytes = 1U << 20U;
  config.record.flush_interval = std::chrono::milliseconds(10);
  auto recorder = detail::Recorder::open(config, 1);
  if (!recorder.ok()) ::_exit(1);
  for (std::uint64_t i = 0;; ++i) {
    FrameMeta meta;
    meta.received_mono = mono_now();
    const std::string payload = payload_of(i);
    (*recorder)->tap(0).frame(1, payload, meta);
    if (i % 20 == 0) ::usleep(100);
  }
}

// Goal: a recorder killed at any moment leaves whole blocks, all of which come back, and nothing
// that was not recorded. Method: kill -9 a process after a random time; every frame must be the one
// behind the last, or as many further as a loss record says; the blocks are also counted by hand.
TEST_F(Upcap, kill_9_leaves_every_whole_block) {
  std::mt19937_64 random(test_seed());
  const std::size_t runs = number_from("UPFEED_KILLS", 10);
  std::uint64_t frames = 0;
  std::uint64_t torn = 0;
  for (std::size_t run = 0; run < runs; ++run) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) record_until_killed(folder_, run % 2 == 0);
    ::usleep(static_cast<useconds_t>(1'000 + random() % 200'000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "run " << run << ": the recorder ended by itself";

    std::uint64_t next = 0;
    const std::vector<std::string> paths = files();
    for (const std::string& path : paths) {
      const std::string file = bytes_of(path);
      Result<CaptureReader> reader = CaptureReader::open(path, {.all_records = true});
      if (!reader.ok()) {
        // Killed while it wrote the first bytes of a file.
        ASSERT_EQ(path, paths.back());
        ASSERT_TRUE(!file_header_bytes(file) || *file_header_bytes(file) > file.size());
        continue;
      }
      std::uint64_t in_blocks = 0;
      const std::vector<std::size_t> blocks = block_offsets(file);
      for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
        const auto header = read_block_header(std::span(file).subspan(blocks[i]));
        if (!header || blocks[i] + kBlockHeaderBytes + header->stored_bytes > file.size()) break;
        if (header->kind == BlockKind::records) in_blocks += header->record_count;
      }
      std::uint64_t records = 0;
      CapturedFrame record;
      for (;;) {
        const CaptureStep step = reader->next(record);
        if (step == CaptureStep::end) break;
        if (step == CaptureStep::bad_line) {
          ASSERT_EQ(path, paths.back()) << reader->bad_line().reason;
          ASSERT_TRUE(reader->bad_line().torn);
          ++torn;
          continue;
        }
        ++records;
        if (const auto loss = captured_loss(record)) {
          next += loss->records;
          continue;
        }
        ASSERT_EQ(std::string(record.payload.begin(), record.payload.end()), payload_of(next));
        ++next;
        ++frames;
      }
      ASSERT_EQ(records, in_blocks) << path;
    }
  }
  std::cout << runs << " recorders killed, " << frames << " frames back, " << torn
            << " files ended within a block\n";
  EXPECT_GT(frames, 0U);
}

}  // namespace
}  // namespace upfeed::capture
