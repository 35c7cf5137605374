// Captured files in text: each sample is written by hand to a temporary folder and read
// back.
#include "upfeed/capture.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "capture/line.hpp"

namespace upfeed {
namespace {

class Capture : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/upfeed_capture_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    ::unlink((folder_ + "/file").c_str());
    ::rmdir(folder_.c_str());
  }

  std::string write(std::string_view content) const {
    const std::string path = folder_ + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  struct Read {
    std::vector<std::string> payloads;
    std::vector<std::int64_t> times;
    std::vector<std::uint64_t> lines;
    std::vector<CaptureBadLine> bad;
  };
  static Read read_all(CaptureReader& reader) {
    Read all;
    CapturedFrame frame;
    for (;;) {
      switch (reader.next(frame)) {
        case CaptureStep::frame:
          all.payloads.emplace_back(frame.payload.data(), frame.payload.size());
          all.times.push_back(frame.received_unix_ns);
          all.lines.push_back(frame.line);
          break;
        case CaptureStep::bad_line:
          all.bad.push_back(reader.bad_line());
          break;
        case CaptureStep::passed:
          ADD_FAILURE() << "only for those who ask for it";
          break;
        case CaptureStep::end:
          return all;
      }
    }
  }
  Read read(std::string_view content) const {
    Result<CaptureReader> reader = CaptureReader::open(write(content));
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    return reader.ok() ? read_all(*reader) : Read{};
  }
  Error open_error(std::string_view content) const {
    const Result<CaptureReader> reader = CaptureReader::open(write(content));
    EXPECT_FALSE(reader.ok());
    return reader.ok() ? Error{} : reader.error();
  }

  std::string folder_;
};

using Texts = std::vector<std::string>;

// Goal: every line of a cryptofeed file is understood. Method: one file with all its kinds of line.
TEST_F(Capture, cryptofeed_frames_and_remarks_are_told_apart) {
  Result<CaptureReader> reader = CaptureReader::open(
      write("configuration: {\"trades\":[\"BTC-KRW\"]}\n"
            "wss://api.example.com/websocket/v1 <-> 1617646619.694145\n"
            "wss://api.example.com/websocket/v1 <- 1617646620.613985: [{\"ticket\":\"x\"}]\n"
            "https://api.example.com/v1/market/all -> 1617646620.7: [] header: {}\n"
            "1617646620.849474: b'{\"ty\":\"trade\"}'\n"
            "1617646621: {\"ty\":\"ticker\"}\n"));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->kind(), CaptureKind::cryptofeed);
  const Read all = read_all(*reader);
  EXPECT_EQ(all.payloads, (Texts{"{\"ty\":\"trade\"}", "{\"ty\":\"ticker\"}"}));
  EXPECT_EQ(all.times,
            (std::vector<std::int64_t>{1'617'646'620'849'474'000, 1'617'646'621'000'000'000}));
  EXPECT_EQ(all.lines, (std::vector<std::uint64_t>{5, 6}));
  EXPECT_TRUE(all.bad.empty());
  EXPECT_EQ(reader->remarks().connections, 1U);
  EXPECT_EQ(reader->remarks().requests, 1U);
  EXPECT_EQ(reader->remarks().endpoint, "wss://api.example.com/websocket/v1");
  EXPECT_EQ(reader->remarks().request, "[{\"ticket\":\"x\"}]");
}

// Goal: the bytes of a frame come back exactly. Method: each escape of Python, both quotes.
TEST_F(Capture, python_bytes_are_unfolded) {
  const Read all = read(
      "1.5: b'{\"m\":\"\\xed\\x8B\\xb0\\\\n\\'\\t\\r\\n\"}'\n"
      "2.5: b\"{'it''s': \\\"x\\\"}\"\n"
      "3.5: b''\n");
  EXPECT_EQ(all.payloads, (Texts{"{\"m\":\"\xED\x8B\xB0\\n'\t\r\n\"}", "{'it''s': \"x\"}", ""}));
  EXPECT_TRUE(all.bad.empty());
}

// Goal: damaged lines are reported with number and reason, the frames around them delivered.
// Method: one damage a line, sound lines between.
TEST_F(Capture, damaged_cryptofeed_lines_are_reported) {
  const Read all = read(
      "1.0: b'{}'\n"
      "2.0: b'{}\n"
      "3.0: b'{\\q}'\n"
      "4.0: b'{}' more\n"
      "5.0: b'{\\xg1}'\n"
      "x6.0: b'{}'\n"
      "7.0 b'{}'\n"
      "8.0: hello\n"
      "9.0: {\"a\":1\n"
      "9.1234567891: b'{}'\n"
      "-1.0: b'{}'\n"
      "99999999999999999999.0: b'{}'\n"
      "wss://nowhere\n"
      "wss://nowhere <- 1\n"
      "14.0: b'[]'\n");
  EXPECT_EQ(all.payloads, (Texts{"{}", "[]"}));
  ASSERT_EQ(all.bad.size(), 13U);
  for (std::size_t i = 0; i < all.bad.size(); ++i) {
    EXPECT_EQ(all.bad[i].line, i + 2);
    EXPECT_FALSE(all.bad[i].reason.empty());
    EXPECT_FALSE(all.bad[i].torn);
  }
  EXPECT_EQ(all.bad[0].reason, "the closing quote is missing");
}

// Goal: lines with an ISO time. Method: resolutions from none to nanoseconds, then impossible ones.
TEST_F(Capture, timestamped_lines_keep_their_time) {
  const Read all = read(
      "2021-04-05T18:17:00.849474Z {\"a\":1}\n"
      "2021-04-05T18:17:01Z [1]\n"
      "1970-01-01T00:00:00.000000001Z {}\n"
      "2021-02-29T00:00:00Z {}\n"
      "2021-04-05T24:00:00Z {}\n"
      "2021-04-05T18:17:00 {}\n"
      "2021-04-05T18:17:00Z\n");
  EXPECT_EQ(all.payloads, (Texts{"{\"a\":1}", "[1]", "{}"}));
  EXPECT_EQ(all.times,
            (std::vector<std::int64_t>{1'617'646'620'849'474'000, 1'617'646'621'000'000'000, 1}));
  EXPECT_EQ(all.bad.size(), 4U);
}

// Goal: line ends and blank lines do not matter. Method: CR LF, blanks, a byte order mark, no line
// end at the end.
TEST_F(Capture, line_ends_blank_lines_and_byte_order_mark) {
  const Read all = read("\xEF\xBB\xBF\r\n\n{\"a\":1}\r\n  \n[{\"b\":\"}\"}] \n\n{\"c\":3}");
  EXPECT_EQ(all.payloads, (Texts{"{\"a\":1}", "[{\"b\":\"}\"}]", "{\"c\":3}"}));
  EXPECT_EQ(all.lines, (std::vector<std::uint64_t>{3, 5, 7}));
  EXPECT_EQ(all.times, (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_TRUE(all.bad.empty());
}

// Goal: a capture cut off anywhere loses nothing but its last line, and says so. Method: cut a file
// of each kind at every byte behind its first line and compare with the whole lines left.
TEST_F(Capture, cut_anywhere_the_frames_before_are_delivered_and_the_torn_line_reported) {
  const std::string json = "{\"a\":[{\"b\":1},{\"b\":2}],\"s\":\"}\\\"]\"}";
  for (const std::string& file :
       {json + "\n" + json + "\n" + json + "\n",
        "2021-04-05T18:17:00Z " + json + "\n2021-04-05T18:17:00Z " + json + "\n",
        "1.0: b'" + std::string("{\"a\":\"\\'\\\\\\xed\"}") + "'\n2.0: b'{\"a\":\"\\'\"}'\n"}) {
    const std::size_t first = file.find('\n') + 1;
    for (std::size_t size = first; size <= file.size(); ++size) {
      const std::string cut = file.substr(0, size);
      const auto ends = static_cast<std::size_t>(std::count(cut.begin(), cut.end(), '\n'));
      // Cut right before its line end a line is whole all the same.
      const bool whole = cut.back() == '\n' || file[size] == '\n';
      const Read all = read(cut);
      EXPECT_EQ(all.payloads.size(), ends + (whole && cut.back() != '\n' ? 1 : 0)) << cut;
      ASSERT_EQ(all.bad.size(), whole ? 0U : 1U) << cut;
      if (!whole) {
        EXPECT_TRUE(all.bad[0].torn);
        EXPECT_EQ(all.bad[0].line, ends + 1);
      }
    }
  }
}

// Goal: lines of any length up to the limit pass whole, longer ones are reported and skipped.
// Method: lengths around the read size and the limit, each followed by a short line.
TEST_F(Capture, long_lines_pass_up_to_the_limit) {
  const auto frame_of = [](std::size_t bytes) {
    return "{\"a\":\"" + std::string(bytes - 8, 'x') + "\"}";
  };
  const std::size_t limit = CaptureReader::kLineBytesMax;
  for (const std::size_t bytes :
       {std::size_t{100}, std::size_t{256} << 10, (std::size_t{256} << 10) + 1, limit - 1}) {
    const std::string line = frame_of(bytes);
    const Read all = read(line + "\n" + line + "\n{}\n");
    EXPECT_EQ(all.payloads, (Texts{line, line, "{}"})) << bytes;
    EXPECT_TRUE(all.bad.empty());
  }
  const Read all = read("[1]\n" + frame_of(limit * 2 + 5) + "\n[2]\n" + frame_of(limit));
  EXPECT_EQ(all.payloads, (Texts{"[1]", "[2]"}));
  ASSERT_EQ(all.bad.size(), 2U);
  EXPECT_EQ(all.bad[0].line, 2U);
  EXPECT_EQ(all.bad[1].line, 4U);
}

// Goal: the promised bytes behind a payload can be read. Method: sum them for the last frame of a
// file, under the address sanitizer where that is built in.
TEST_F(Capture, padding_behind_the_payload_is_readable) {
  Result<CaptureReader> reader = CaptureReader::open(write("{\"a\":1}"));
  ASSERT_TRUE(reader.ok());
  CapturedFrame frame;
  ASSERT_EQ(reader->next(frame), CaptureStep::frame);
  unsigned sum = 0;
  for (std::size_t i = 0; i < kCapturePadding; ++i) {
    sum += static_cast<unsigned char>(frame.payload.data()[frame.payload.size() + i]);
  }
  EXPECT_LE(sum, 255U * kCapturePadding);
  EXPECT_EQ(reader->next(frame), CaptureStep::end);
  EXPECT_EQ(reader->next(frame), CaptureStep::end);
}

// Goal: a file that cannot be read says which, what it is and what to do. Method: one of each.
TEST_F(Capture, unreadable_files_are_named_with_what_was_found) {
  const Error missing = CaptureReader::open(folder_ + "/none").error();
  EXPECT_EQ(missing.code, Errc::no_such_file);
  EXPECT_NE(missing.message.find(folder_ + "/none"), std::string::npos);
  const Error directory = CaptureReader::open(folder_).error();
  EXPECT_EQ(directory.code, Errc::no_such_file);
  EXPECT_NE(directory.message.find("directory"), std::string::npos);

  struct Case {
    std::string_view content;
    std::string_view said;
  };
  const Case cases[] = {
      {"", "empty"},
      {"\n \r\n\n", "empty"},
      {std::string_view("abc\0def\n", 8), "binary"},
      {"\x1F\x8B\x01 no deflate", "gzip data is damaged"},
      {"\x1F\x8B\x08", "ends early"},
      {"\x28\xB5\x2F\xFD", "ends early"},
      {"\xFF\xFE{ ", "UTF-16"},
      {"{\n  \"a\": 1\n}\n", "jq -c"},
      {"time,price,size\n1,2,3\n", "begins with \"time,price,size\""},
  };
  for (const Case& item : cases) {
    const Error error = open_error(item.content);
    EXPECT_EQ(error.code, Errc::bad_capture) << item.said;
    EXPECT_NE(error.message.find(item.said), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(folder_), std::string::npos) << error.message;
  }
}

// Goal: a pipe that brings its bytes one by one reads like a file. Method: a writer thread behind a
// named pipe.
TEST_F(Capture, pipe_in_single_bytes_reads_like_a_file) {
  const std::string path = folder_ + "/file";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream out(path, std::ios::binary);
    for (const char c : std::string("1.0: b'{\"a\":1}'\n2.0: b'[2]'\n")) out << c << std::flush;
  });
  Result<CaptureReader> reader = CaptureReader::open(path);
  ASSERT_TRUE(reader.ok());
  const Read all = read_all(*reader);
  writer.join();
  EXPECT_EQ(all.payloads, (Texts{"{\"a\":1}", "[2]"}));
}

}  // namespace
}  // namespace upfeed
