// What the .upcap tests share: a folder of their own, random records, and reading a file whole.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "capture/upcap_writer.hpp"
#include "upfeed/capture.hpp"

namespace upfeed::capture {

/// A record that owns its payload.
struct OwnRecord {
  CaptureRecord record;
  std::string payload;
  [[nodiscard]] CaptureRecord get() const {
    CaptureRecord copy = record;
    copy.payload = payload;
    return copy;
  }
};

class Upcap : public testing::Test {
 protected:
  static constexpr std::int64_t kStartUnixNs = 1'617'646'620'000'000'000;  // 2021-04-05 18:17:00
  static constexpr CaptureNow kStart{.mono_ns = 1'000, .unix_ns = kStartUnixNs};

  void SetUp() override {
    // In memory where that can be: thousands of small files are written.
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name = std::string(memory ? "/dev/shm" : "/tmp") + "/upfeed_upcap_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] CaptureWriterConfig config() const {
    return {.folder = folder_, .endpoint = "wss://api.example.com/websocket/v1"};
  }
  [[nodiscard]] static CaptureNow after(std::int64_t ns) {
    return {.mono_ns = kStart.mono_ns + ns, .unix_ns = kStart.unix_ns + ns};
  }
  /// The i-th frame, one every second.
  [[nodiscard]] static OwnRecord frame(std::uint64_t i, std::string payload) {
    const CaptureNow now = after(static_cast<std::int64_t>(i) * 1'000'000'000);
    return {.record = {.opcode = 2,
                       .connection = static_cast<std::uint32_t>(i % 3),
                       .epoch = static_cast<std::uint32_t>(1 + i / 7),
                       .mono_ns = now.mono_ns,
                       .unix_ns = now.unix_ns,
                       .kernel_unix_ns = now.unix_ns - 5},
            .payload = std::move(payload)};
  }
  [[nodiscard]] static std::vector<OwnRecord> random_frames(std::mt19937_64& random,
                                                            std::size_t count,
                                                            std::size_t bytes_max) {
    std::vector<OwnRecord> frames;
    for (std::size_t i = 0; i < count; ++i) {
      std::string payload(random() % (bytes_max + 1), 'a');
      // Half of them can be packed, the others cannot; and any byte may stand in a frame.
      const bool noise = random() % 2 == 0;
      for (char& c : payload) c = static_cast<char>(noise ? random() : 'a' + random() % 3);
      frames.push_back(frame(i, std::move(payload)));
    }
    return frames;
  }
  /// Writes a file and closes it; its path.
  std::string write(const std::vector<OwnRecord>& records, CaptureWriterConfig with) const {
    Result<CaptureWriter> writer = CaptureWriter::open(std::move(with), kStart);
    EXPECT_TRUE(writer.ok()) << writer.error().message;
    if (!writer.ok()) return {};
    for (const OwnRecord& own : records) writer->append(own.get());
    std::string path = writer->path();
    const Status closed = writer->close(kStart);
    EXPECT_TRUE(closed.ok()) << closed.error().message;
    return path;
  }

  struct Read {
    std::vector<OwnRecord> frames;
    std::vector<std::uint64_t> numbers;
    std::vector<CaptureBadLine> bad;
    std::vector<std::string> reasons;
    CaptureRemarks remarks;
  };
  static Read read_all(CaptureReader& reader) {
    Read all;
    CapturedFrame got;
    for (;;) {
      const CaptureStep step = reader.next(got);
      if (step == CaptureStep::end) break;
      if (step == CaptureStep::bad_line) {
        all.bad.push_back(reader.bad_line());
        all.reasons.emplace_back(reader.bad_line().reason);
        continue;
      }
      all.frames.push_back({.record = {.opcode = got.opcode,
                                       .connection = got.connection,
                                       .epoch = got.epoch,
                                       .mono_ns = got.received_mono_ns,
                                       .unix_ns = got.received_unix_ns,
                                       .kernel_unix_ns = got.kernel_unix_ns},
                            .payload = {got.payload.data(), got.payload.size()}});
      all.numbers.push_back(got.line);
    }
    all.remarks = reader.remarks();
    return all;
  }
  static Read read(const std::string& path, CaptureOptions options = {}) {
    Result<CaptureReader> reader = CaptureReader::open(path, options);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    return reader.ok() ? read_all(*reader) : Read{};
  }
  static bool same(const OwnRecord& a, const OwnRecord& b) {
    return a.payload == b.payload && a.record.opcode == b.record.opcode &&
           a.record.connection == b.record.connection && a.record.epoch == b.record.epoch &&
           a.record.mono_ns == b.record.mono_ns && a.record.unix_ns == b.record.unix_ns &&
           a.record.kernel_unix_ns == b.record.kernel_unix_ns;
  }
  /// The frames are those written, by the record numbers they came with; none twice.
  static void expect_written(const Read& all, const std::vector<OwnRecord>& written) {
    for (std::size_t i = 0; i < all.frames.size(); ++i) {
      ASSERT_GE(all.numbers[i], 1U);
      ASSERT_LE(all.numbers[i], written.size());
      if (i > 0) {
        ASSERT_GT(all.numbers[i], all.numbers[i - 1]);
      }
      ASSERT_TRUE(same(all.frames[i], written[all.numbers[i] - 1])) << "record " << all.numbers[i];
    }
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().extension() == ".upcap") names.push_back(entry.path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void put_bytes(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string folder_;
};

/// Where the blocks of a whole file begin, its index block included, and behind them its end.
inline std::vector<std::size_t> block_offsets(const std::string& file) {
  std::vector<std::size_t> offsets;
  std::size_t at = *file_header_bytes(file);
  while (at < file.size()) {
    offsets.push_back(at);
    const auto header = read_block_header(std::span(file).subspan(at));
    if (!header) break;
    at += kBlockHeaderBytes + header->stored_bytes;
  }
  offsets.push_back(at);
  return offsets;
}

}  // namespace upfeed::capture
