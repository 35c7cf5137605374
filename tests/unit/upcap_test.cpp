// .upcap files: what is written comes back, and what is damaged is named and never invented.
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "seed.hpp"
#include "upcap_harness.hpp"

namespace upfeed::capture {
namespace {

// Goal: every field of every frame comes back in order. Method: random frames of all bytes, plain
// and packed, blocks from one record to many.
TEST_F(Upcap, random_records_come_back_plain_and_packed) {
  std::mt19937_64 random(test_seed());
  for (const bool compress : {false, true}) {
    for (const std::size_t block_bytes :
         {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 20}) {
      const std::vector<OwnRecord> written = random_frames(random, 400, 900);
      CaptureWriterConfig with = config();
      with.compress = compress;
      with.block_bytes = block_bytes;
      const Read all = read(write(written, with));
      ASSERT_EQ(all.frames.size(), written.size());
      expect_written(all, written);
      EXPECT_TRUE(all.bad.empty());
      EXPECT_TRUE(all.remarks.closed);
      EXPECT_EQ(all.remarks.endpoint, "wss://api.example.com/websocket/v1");
      EXPECT_EQ(all.remarks.opened_unix_ns, kStartUnixNs);
      EXPECT_FALSE(all.remarks.library_version.empty());
    }
  }
}

// Goal: packing saves room where there is something to save, and nothing is packed else. Method:
// one file of equal letters and one of noise.
TEST_F(Upcap, packing_is_used_where_it_gains) {
  std::mt19937_64 random(test_seed());
  std::string noise(50'000, ' ');
  for (char& c : noise) c = static_cast<char>(random());
  CaptureWriterConfig with = config();
  with.compress = true;
  const std::string letters = write({frame(0, std::string(50'000, 'a'))}, with);
  const std::string random_file = write({frame(0, noise)}, with);
  EXPECT_LT(bytes_of(letters).size(), 1'000U);
  const std::string bytes = bytes_of(random_file);
  EXPECT_EQ(read_block_header(std::span(bytes).subspan(*file_header_bytes(bytes)))->flags, 0);
}

// Goal: who is about to lose records gets plain blocks instead, and packed ones again later.
// Method: one block each way, in one file.
TEST_F(Upcap, a_writer_in_a_hurry_does_not_pack) {
  CaptureWriterConfig with = config();
  with.compress = true;
  Result<CaptureWriter> writer = CaptureWriter::open(with, kStart);
  ASSERT_TRUE(writer.ok());
  const std::string path = writer->path();
  for (const bool hurry : {false, true, false}) {
    writer->hurry(hurry);
    writer->append(frame(0, std::string(10'000, 'a')).get());
    writer->flush(kStart);
  }
  ASSERT_TRUE(writer->close(kStart).ok());
  const std::string file = bytes_of(path);
  const std::vector<std::size_t> blocks = block_offsets(file);
  ASSERT_EQ(blocks.size(), 5U);  // three, the index, the end
  for (const std::size_t i : {0U, 1U, 2U}) {
    EXPECT_EQ(read_block_header(std::span(file).subspan(blocks[i]))->flags,
              i == 1 ? 0 : kBlockFlagZstd);
  }
  EXPECT_EQ(read(path).frames.size(), 3U);
}

// Goal: what is no frame is kept as a remark, and what is not known is passed over. Method: one
// record of each type between two frames, control frames and a type of the future among them.
TEST_F(Upcap, other_records_are_remarks_and_unknown_types_are_passed_over) {
  OwnRecord request = frame(1, "[{\"ticket\":\"x\"}]");
  request.record.type = RecordType::sent_request;
  request.record.direction = RecordDirection::sent;
  OwnRecord status = frame(2, "live\tnone\t");
  status.record.type = RecordType::status;
  OwnRecord ping = frame(3, "");
  ping.record.opcode = 9;
  OwnRecord future = frame(4, "what a younger library wrote");
  future.record.type = static_cast<RecordType>(77);
  const std::string path =
      write({frame(0, "first"), request, status, ping, future, frame(5, "last")}, config());
  const Read all = read(path);
  ASSERT_EQ(all.frames.size(), 2U);
  EXPECT_EQ(all.frames[1].payload, "last");
  EXPECT_EQ(all.numbers, (std::vector<std::uint64_t>{1, 6}));
  EXPECT_EQ(all.remarks.request, "[{\"ticket\":\"x\"}]");
  EXPECT_EQ(all.remarks.requests, 1U);
  EXPECT_EQ(all.remarks.status_changes, 1U);
  EXPECT_EQ(all.remarks.unknown_records, 1U);
  EXPECT_TRUE(all.bad.empty());
}

// Goal: cut off anywhere, every whole block comes back and nothing else. Method: cut a small file
// at every byte; plain and packed.
TEST_F(Upcap, cut_anywhere_whole_blocks_come_back_and_the_rest_is_counted) {
  std::mt19937_64 random(test_seed());
  for (const bool compress : {false, true}) {
    CaptureWriterConfig with = config();
    with.block_bytes = 300;
    with.compress = compress;
    const std::vector<OwnRecord> written = random_frames(random, 24, 120);
    const std::string file = bytes_of(write(written, with));
    const std::vector<std::size_t> blocks = block_offsets(file);
    ASSERT_GT(blocks.size(), 5U);
    const std::string path = folder_ + "/cut";
    for (std::size_t size = 0; size < file.size(); ++size) {
      put_bytes(path, std::string_view(file).substr(0, size));
      Result<CaptureReader> reader = CaptureReader::open(path);
      ASSERT_EQ(reader.ok(), size >= blocks[0]) << size;
      if (!reader.ok()) {
        const bool empty = size == 0;
        EXPECT_NE(reader.error().message.find(empty ? "is empty" : "ends within its file header"),
                  std::string::npos)
            << reader.error().message;
        continue;
      }
      const Read all = read_all(*reader);
      const auto next = std::upper_bound(blocks.begin(), blocks.end(), size);
      const std::size_t whole = *(next - 1);  // the end of the whole blocks
      std::size_t records = 0;
      for (auto at = blocks.begin(); *at < whole; ++at) {
        records += read_block_header(std::span(file).subspan(*at))->record_count;
      }
      ASSERT_EQ(all.frames.size(), records) << size;
      expect_written(all, written);
      ASSERT_EQ(all.bad.size(), size == whole ? 0U : 1U) << size;
      if (size != whole) {
        EXPECT_TRUE(all.bad[0].torn);
        EXPECT_EQ(all.bad[0].offset_bytes, whole);
        EXPECT_EQ(all.bad[0].lost_bytes, size - whole);
        EXPECT_NE(all.reasons[0].find(std::to_string(size - whole) + " bytes lost"),
                  std::string::npos);
      }
      EXPECT_FALSE(all.remarks.closed);
    }
  }
}

// Goal: a damaged block is named by file and offset, and by option the reading ends there. Method:
// one byte of the payload, then of the header of a block in the middle.
TEST_F(Upcap, damaged_block_is_named_and_skipped_or_ends_the_reading) {
  std::mt19937_64 random(test_seed());
  CaptureWriterConfig with = config();
  with.block_bytes = 500;
  const std::vector<OwnRecord> written = random_frames(random, 60, 120);
  const std::string path = write(written, with);
  const std::string file = bytes_of(path);
  const std::vector<std::size_t> blocks = block_offsets(file);
  ASSERT_GT(blocks.size(), 6U);
  const auto header = *read_block_header(std::span(file).subspan(blocks[2]));
  for (const std::size_t place : {std::size_t{10}, kBlockHeaderBytes + 3}) {
    std::string damaged = file;
    damaged[blocks[2] + place] ^= 1;
    put_bytes(path, damaged);
    const Read all = read(path);
    EXPECT_EQ(all.frames.size(), written.size() - header.record_count);
    expect_written(all, written);
    ASSERT_EQ(all.bad.size(), 1U);
    EXPECT_EQ(all.bad[0].offset_bytes, blocks[2]);
    EXPECT_EQ(all.bad[0].lost_bytes, blocks[3] - blocks[2]);
    EXPECT_FALSE(all.bad[0].torn);
    EXPECT_NE(all.reasons[0].find(path), std::string::npos);
    EXPECT_NE(all.reasons[0].find("offset " + std::to_string(blocks[2])), std::string::npos);
    const Read stopped = read(path, {.on_damage = CaptureDamage::stop});
    EXPECT_EQ(stopped.frames.size(), header.first_record);
    EXPECT_EQ(stopped.bad.size(), 1U);
  }
}

// Goal: the search behind a damage is not deceived by a block within a frame. Method: a frame holds
// a whole .upcap file; the header of the block around it is damaged.
TEST_F(Upcap, blocks_within_a_frame_are_never_taken_for_blocks_of_the_file) {
  const std::string inner = bytes_of(write({frame(0, "invented")}, config()));
  CaptureWriterConfig with = config();
  with.block_bytes = 1;
  const std::string path = write({frame(0, "before"), frame(1, inner), frame(2, "behind")}, with);
  std::string file = bytes_of(path);
  file[block_offsets(file)[1] + 9] ^= 4;
  put_bytes(path, file);
  const Read all = read(path);
  ASSERT_EQ(all.frames.size(), 2U);
  EXPECT_EQ(all.frames[0].payload, "before");
  EXPECT_EQ(all.frames[1].payload, "behind");
  EXPECT_EQ(all.bad.size(), 1U);
}

// Goal: without its file header a capture still gives its blocks, unless damage is to stop it.
// Method: damage the endpoint's text, then the header's size.
TEST_F(Upcap, damaged_file_header_costs_the_header_only) {
  const std::vector<OwnRecord> written = {frame(0, "one"), frame(1, "two")};
  const std::string path = write(written, config());
  const std::string file = bytes_of(path);
  for (const std::size_t place : {std::size_t{12}, std::size_t{14}, std::size_t{60}}) {
    std::string damaged = file;
    damaged[place] ^= 2;
    put_bytes(path, damaged);
    const Read all = read(path);
    EXPECT_EQ(all.frames.size(), 2U) << place;
    ASSERT_EQ(all.bad.size(), 1U) << place;
    EXPECT_EQ(all.bad[0].offset_bytes, 0U);
    const auto strict = CaptureReader::open(path, {.on_damage = CaptureDamage::stop});
    ASSERT_FALSE(strict.ok());
    EXPECT_EQ(strict.error().code, Errc::bad_capture);
    EXPECT_NE(strict.error().message.find("offset 0"), std::string::npos);
  }
}

// Goal: a file of a later version says so. Method: a header with the next version and a right hash.
TEST_F(Upcap, future_version_is_refused_by_name) {
  std::vector<char> bytes;
  put_file_header({.version = kFormatVersion + 1}, bytes);
  const std::string path = folder_ + "/future";
  put_bytes(path, {bytes.data(), bytes.size()});
  const auto reader = CaptureReader::open(path);
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().message.find("version 2"), std::string::npos) << reader.error().message;
  EXPECT_NE(reader.error().message.find(path), std::string::npos);
}

// Goal: seek gives the first frame at or behind a time, with a sound, a missing and a damaged
// index. Method: every time of a file, one before and one behind it.
TEST_F(Upcap, seek_by_time_with_and_without_an_index) {
  CaptureWriterConfig with = config();
  with.block_bytes = 400;
  std::vector<OwnRecord> written;
  for (std::uint64_t i = 0; i < 40; ++i) written.push_back(frame(i, std::string(50 + i, 'x')));
  const std::string path = write(written, with);
  const std::string file = bytes_of(path);
  const std::vector<std::size_t> blocks = block_offsets(file);
  const std::size_t index_at = blocks[blocks.size() - 2];
  std::string damaged = file;
  damaged[index_at + kBlockHeaderBytes + 1] ^= 1;
  for (const std::string& variant : {file, file.substr(0, index_at), damaged}) {
    put_bytes(path, variant);
    Result<CaptureReader> reader = CaptureReader::open(path);
    ASSERT_TRUE(reader.ok());
    for (std::uint64_t i = 40; i-- > 0;) {
      ASSERT_TRUE(reader->seek(written[i].record.unix_ns - 1).ok());
      CapturedFrame got;
      ASSERT_EQ(reader->next(got), CaptureStep::frame);
      EXPECT_EQ(got.line, i + 1);
      EXPECT_EQ(got.received_unix_ns, written[i].record.unix_ns);
    }
    ASSERT_TRUE(reader->seek(0).ok());
    EXPECT_EQ(read_all(*reader).frames.size(), written.size());
    ASSERT_TRUE(reader->seek(written.back().record.unix_ns + 1).ok());
    EXPECT_TRUE(read_all(*reader).frames.empty());
  }
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), ' ');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), ' ');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

// Goal: packed captures read like the plain ones. Method: each kind of text and an .upcap file,
// plain, as .gz and .zst, in one stream and in two, with frames that are to be skipped; many times
// the size of a read.
TEST_F(Upcap, packed_captures_read_equal_to_plain_ones) {
  std::string cryptofeed = "wss://api.example.com/x <-> 1617646619.694145\n";
  std::string timestamped;
  std::string json;
  for (int i = 0; i < 20'000; ++i) {
    const std::string payload = "{\"ty\":\"trade\",\"n\":" + std::to_string(i * 7919) + "}";
    cryptofeed += std::to_string(1'617'646'620 + i) + ".5: b'" + payload + "'\n";
    timestamped += "2021-04-05T18:17:00.849474Z " + payload + "\n";
    json += payload + "\n";
  }
  std::mt19937_64 random(test_seed());
  const std::string upcap = bytes_of(write(random_frames(random, 3'000, 300), config()));
  for (const std::string& text : {cryptofeed, timestamped, json, upcap}) {
    const std::string path = folder_ + "/file";
    put_bytes(path, text);
    const Read plain = read(path);
    ASSERT_GE(plain.frames.size(), 3'000U);
    const std::string front = text.substr(0, text.size() / 3);
    const std::string back = text.substr(text.size() / 3);
    const std::string skippable("\x55\x2A\x4D\x18\x03\0\0\0abc", 11);
    for (const std::string& packed :
         {gzip(text), zstd(text), gzip(front) + gzip(back), zstd(front) + zstd(back),
          skippable + zstd(front) + skippable + zstd(back)}) {
      put_bytes(path, packed);
      const Read all = read(path);
      ASSERT_EQ(all.frames.size(), plain.frames.size());
      for (std::size_t i = 0; i < all.frames.size(); ++i) {
        ASSERT_TRUE(same(all.frames[i], plain.frames[i])) << i;
      }
      EXPECT_EQ(all.numbers, plain.numbers);
      EXPECT_TRUE(all.bad.empty());
      EXPECT_EQ(all.remarks.connections, plain.remarks.connections);
    }
  }
}

// Goal: packed text that is cut off or damaged delivers what came before and says so. Method: half
// of a file, and a file with a byte changed in the middle.
TEST_F(Upcap, packed_text_cut_or_damaged_is_reported) {
  std::mt19937_64 random(test_seed());
  std::string json;
  for (int i = 0; i < 50'000; ++i) json += "{\"n\":" + std::to_string(random()) + "}\n";
  const std::string path = folder_ + "/file";
  for (const std::string& packed : {gzip(json), zstd(json)}) {
    put_bytes(path, packed.substr(0, packed.size() / 2));
    const Read cut = read(path);
    EXPECT_GT(cut.frames.size(), 10'000U);
    ASSERT_GE(cut.bad.size(), 1U);
    EXPECT_TRUE(cut.bad.back().torn);
    EXPECT_NE(cut.reasons.back().find("ends early"), std::string::npos);
  }
  std::string broken = gzip(json);
  broken[broken.size() - 5] ^= 1;  // the checksum at its end
  put_bytes(path, broken);
  const Read all = read(path);
  ASSERT_EQ(all.bad.size(), 1U);
  EXPECT_NE(all.reasons[0].find("gzip data is damaged"), std::string::npos);
}

// Goal: a file that somebody removes while it is written costs what was in it and no more, is told,
// and its loss stands in the next one. Method: unlink between blocks.
TEST_F(Upcap, a_file_that_was_removed_is_noted_and_another_begun) {
  CaptureWriterConfig with = config();
  Result<CaptureWriter> writer = CaptureWriter::open(with, kStart);
  ASSERT_TRUE(writer.ok());
  std::uint64_t i = 0;
  const auto write_ten = [&] {
    for (const std::uint64_t end = i + 10; i < end; ++i) writer->append(frame(i, "abc").get());
    writer->flush(after(static_cast<std::int64_t>(i) * 1'000'000'000));
  };
  write_ten();
  ASSERT_EQ(::unlink(writer->path().c_str()), 0);
  write_ten();
  EXPECT_NE(writer->error().find("was removed"), std::string::npos) << writer->error();
  EXPECT_EQ(writer->stats().records_lost, 20U);
  EXPECT_EQ(writer->stats().bytes_lost, 60U);
  write_ten();
  ASSERT_TRUE(writer->close(kStart).ok());
  EXPECT_EQ(writer->stats().records, 10U);
  ASSERT_EQ(files().size(), 1U);
  const Read all = read(files()[0], {.all_records = true});
  ASSERT_EQ(all.frames.size(), 11U);
  const auto loss = read_loss(all.frames[0].payload);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->records, 20U);
  EXPECT_EQ(loss->payload_bytes, 60U);
  EXPECT_EQ(loss->first_unix_ns, frame(0, "").record.unix_ns);
  EXPECT_EQ(loss->last_unix_ns, frame(19, "").record.unix_ns);
  EXPECT_TRUE(same(all.frames[1], frame(20, "abc")));
  EXPECT_TRUE(all.bad.empty());
}

// Goal: who must not wait long is given a turn on the way to a place in a packed file or in text,
// and finds the same place. Method: seek to the end of both, with and without turns.
TEST_F(Upcap, a_long_way_to_a_place_yields_where_that_was_asked_for) {
  std::mt19937_64 random(test_seed());
  CaptureWriterConfig with = config();
  with.block_bytes = 2'000;
  const std::vector<OwnRecord> written = random_frames(random, 1'000, 100);
  const std::string upcap = write(written, with);
  put_bytes(folder_ + "/packed", zstd(bytes_of(upcap)));
  std::string text;
  for (int second = 0; second < 1'000; ++second) {
    text += std::to_string(1'617'646'620 + second) + ".0: {}\n";
  }
  put_bytes(folder_ + "/text", text);
  for (const char* name : {"/packed", "/text"}) {
    for (const bool yields : {true, false}) {
      auto reader = CaptureReader::open(folder_ + name, {.yields = yields});
      ASSERT_TRUE(reader.ok());
      ASSERT_TRUE(reader->seek(written[990].record.unix_ns).ok());
      CapturedFrame frame;
      int passed = 0;
      CaptureStep step = reader->next(frame);
      for (; step == CaptureStep::passed; step = reader->next(frame)) ++passed;
      ASSERT_EQ(step, CaptureStep::frame) << name;
      EXPECT_EQ(frame.received_unix_ns, written[990].record.unix_ns) << name;
      EXPECT_EQ(passed >= 3, yields) << name << " " << passed;
      int frames = 1;
      while (reader->next(frame) == CaptureStep::frame) ++frames;
      EXPECT_EQ(frames, 10) << name;
    }
  }
}

// Goal: behind a seek a damage counts the records of its own block, not all that were passed over.
// Method: damage a block in the middle, seek to its first record.
TEST_F(Upcap, a_damage_behind_a_seek_counts_its_own_records) {
  std::mt19937_64 random(test_seed());
  CaptureWriterConfig with = config();
  with.block_bytes = 2'000;
  const std::vector<OwnRecord> written = random_frames(random, 100, 300);
  const std::string path = write(written, with);
  std::string file = bytes_of(path);
  const std::vector<std::size_t> blocks = block_offsets(file);
  ASSERT_GE(blocks.size(), 6U);
  const auto header = read_block_header(std::span(file).subspan(blocks[3]));
  ASSERT_TRUE(header);
  file[blocks[3] + kBlockHeaderBytes + 3] ^= 1;
  put_bytes(path, file);
  Result<CaptureReader> reader = CaptureReader::open(path);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(reader->seek(written[header->first_record].record.unix_ns).ok());
  const Read all = read_all(*reader);
  ASSERT_EQ(all.bad.size(), 1U);
  EXPECT_EQ(all.bad[0].lost_records, header->record_count);
  EXPECT_EQ(all.frames.size(), written.size() - header->first_record - header->record_count);
}

// Goal: seek works on text that says times, and refuses where there are none. Method: back and
// forth over a packed and a plain file, a file of JSON lines, and a pipe.
TEST_F(Upcap, seek_in_text_reads_again_from_the_start) {
  const std::string text = "1.0: b'{}'\n2.0: b'[]'\n3.0: b'{}'\n";
  const std::string path = folder_ + "/file";
  for (const std::string& file : {text, gzip(text)}) {
    put_bytes(path, file);
    Result<CaptureReader> reader = CaptureReader::open(path);
    ASSERT_TRUE(reader.ok());
    for (const std::int64_t second : {3, 1, 2}) {
      ASSERT_TRUE(reader->seek(second * 1'000'000'000).ok());
      CapturedFrame got;
      ASSERT_EQ(reader->next(got), CaptureStep::frame);
      EXPECT_EQ(got.line, static_cast<std::uint64_t>(second));
    }
  }
  put_bytes(path, "{}\n");
  Result<CaptureReader> json = CaptureReader::open(path);
  ASSERT_TRUE(json.ok());
  EXPECT_NE(json->seek(1).error().message.find("no times"), std::string::npos);
}

}  // namespace
}  // namespace upfeed::capture
