// RFC 6455 as the client sees it: what is accepted, what is refused and under which name.
#include "net/ws_parser.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "net/utf8.hpp"
#include "net/ws_frame_writer.hpp"
#include "seed.hpp"

namespace upfeed::net {
namespace {

using namespace std::string_literals;

struct Header {
  bool fin = true;
  unsigned rsv = 0;
  unsigned opcode = 2;
  bool masked = false;
  int length_code = -1;           // -1: the shortest form
  std::uint64_t claimed = ~0ull;  // the length to write; ~0: the payload's
};

std::string frame(const Header& header, const std::string& payload = "") {
  const std::uint64_t length = header.claimed != ~0ull ? header.claimed : payload.size();
  int code = header.length_code;
  if (code < 0) code = length < 126 ? static_cast<int>(length) : length < 65536 ? 126 : 127;
  std::string out;
  out += static_cast<char>((header.fin ? 0x80u : 0u) | header.rsv << 4 | header.opcode);
  out += static_cast<char>((header.masked ? 0x80 : 0) | code);
  const int extra = code == 126 ? 2 : code == 127 ? 8 : 0;
  for (int i = extra - 1; i >= 0; --i) out += static_cast<char>(length >> (8 * i) & 0xFF);
  if (header.masked) out += "\x01\x02\x03\x04";
  return out + payload;
}

std::string binary(const std::string& payload) {
  return frame({}, payload);
}
std::string text(const std::string& payload) {
  return frame({.opcode = 1}, payload);
}
std::string first(unsigned opcode, const std::string& payload) {
  return frame({.fin = false, .opcode = opcode}, payload);
}
std::string middle(const std::string& payload) {
  return frame({.fin = false, .opcode = 0}, payload);
}
std::string last(const std::string& payload) {
  return frame({.opcode = 0}, payload);
}
std::string close_frame(const std::string& payload) {
  return frame({.opcode = 8}, payload);
}
std::string close_code(unsigned code, const std::string& reason = "") {
  return close_frame(std::string{static_cast<char>(code >> 8), static_cast<char>(code)} + reason);
}

struct Seen {
  std::string log;  // one letter per message, then payload, e.g. "b:abc|"
  ParseStatus status = ParseStatus::need_more;
  std::uint64_t count = 0;
};

void drain(WsParser& parser, Seen& seen) {
  WsMessage message;
  while ((seen.status = parser.next(message)) == ParseStatus::ready) {
    // The promise of readable bytes behind each payload: read them, so that a sanitizer objects.
    volatile char sink = 0;
    for (std::size_t i = 0; i < kPayloadPaddingBytes; ++i) {
      sink = static_cast<char>(sink ^ *(message.payload.data() + message.payload.size() + i));
    }
    const char letter = message.opcode == WsOpcode::binary  ? 'b'
                        : message.opcode == WsOpcode::text  ? 't'
                        : message.opcode == WsOpcode::ping  ? 'i'
                        : message.opcode == WsOpcode::pong  ? 'o'
                        : message.opcode == WsOpcode::close ? 'c'
                                                            : '?';
    seen.log += letter;
    if (message.opcode == WsOpcode::close) seen.log += std::to_string(message.close_code);
    seen.log += ":" + std::string(message.payload.begin(), message.payload.end()) + "|";
    ++seen.count;
  }
}

void feed(WsParser& parser, std::string_view bytes, Seen& seen) {
  while (!bytes.empty()) {
    const std::span<char> room = parser.prepare();
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    parser.commit(count);
    bytes.remove_prefix(count);
    drain(parser, seen);
    if (seen.status == ParseStatus::broken) return;
  }
}

Seen parse(const std::string& bytes, std::size_t chunk_bytes = ~std::size_t{0},
           WsLimits limits = {.message_bytes_max = 70'000, .fragments_max = 4}) {
  WsParser parser(limits);
  Seen seen;
  for (std::size_t at = 0; at < bytes.size() && seen.status != ParseStatus::broken;) {
    const std::size_t count = std::min(chunk_bytes, bytes.size() - at);
    feed(parser, std::string_view(bytes).substr(at, count), seen);
    at += count;
  }
  return seen;
}

struct Case {
  const char* name;
  std::string bytes;
  WsViolation violation;
  std::string log = "";  // what must have been delivered before
};

std::vector<Case> violations() {
  using V = WsViolation;
  const std::string big(70'001, 'x');
  return {
      {"rsv1", frame({.rsv = 4}, "x"), V::rsv_set},
      {"rsv2", frame({.rsv = 2}, "x"), V::rsv_set},
      {"rsv3", frame({.rsv = 1}, "x"), V::rsv_set},
      {"rsv all on a ping", frame({.rsv = 7, .opcode = 9}), V::rsv_set},
      {"rsv1 on a continuation", first(2, "a") + frame({.rsv = 4, .opcode = 0}), V::rsv_set},
      {"rsv after a good frame", binary("a") + frame({.rsv = 1}), V::rsv_set, "b:a|"},
      {"opcode 3", frame({.opcode = 3}), V::reserved_opcode},
      {"opcode 4", frame({.opcode = 4}), V::reserved_opcode},
      {"opcode 5", frame({.opcode = 5}), V::reserved_opcode},
      {"opcode 6", frame({.opcode = 6}), V::reserved_opcode},
      {"opcode 7", frame({.opcode = 7}), V::reserved_opcode},
      {"opcode 11", frame({.opcode = 11}), V::reserved_opcode},
      {"opcode 12", frame({.opcode = 12}), V::reserved_opcode},
      {"opcode 13", frame({.opcode = 13}), V::reserved_opcode},
      {"opcode 14", frame({.opcode = 14}), V::reserved_opcode},
      {"opcode 15", frame({.opcode = 15}), V::reserved_opcode},
      {"masked binary", frame({.masked = true}, "abc"), V::masked_server_frame},
      {"masked text", frame({.opcode = 1, .masked = true}, ""), V::masked_server_frame},
      {"masked ping", frame({.opcode = 9, .masked = true}, ""), V::masked_server_frame},
      {"masked close", frame({.opcode = 8, .masked = true}, ""), V::masked_server_frame},
      {"ping of 126", frame({.opcode = 9}, std::string(126, 'p')), V::control_too_long},
      {"pong of 126", frame({.opcode = 10}, std::string(126, 'p')), V::control_too_long},
      {"close of 126", close_frame("\x03\xE8"s + std::string(124, 'r')), V::control_too_long},
      {"ping of 64 KiB", frame({.opcode = 9}, std::string(65536, 'p')), V::control_too_long},
      {"ping with long length form", frame({.opcode = 9, .length_code = 126}, "p"),
       V::control_too_long},
      {"ping without fin", frame({.fin = false, .opcode = 9}), V::control_fragmented},
      {"pong without fin", frame({.fin = false, .opcode = 10}), V::control_fragmented},
      {"close without fin", frame({.fin = false, .opcode = 8}), V::control_fragmented},
      {"continuation first", last("x"), V::continuation_without_start},
      {"open continuation first", middle("x"), V::continuation_without_start},
      {"continuation after whole", binary("a") + last("x"), V::continuation_without_start, "b:a|"},
      {"continuation after assembled", first(2, "a") + last("b") + last("c"),
       V::continuation_without_start, "b:ab|"},
      {"binary inside fragments", first(2, "a") + binary("b"), V::data_inside_fragmented},
      {"text inside fragments", first(2, "a") + text("b"), V::data_inside_fragmented},
      {"new start inside fragments", first(1, "a") + first(1, "b"), V::data_inside_fragmented},
      {"16-bit length of 0", frame({.length_code = 126}), V::length_not_minimal},
      {"16-bit length of 125", frame({.length_code = 126}, std::string(125, 'x')),
       V::length_not_minimal},
      {"64-bit length of 0", frame({.length_code = 127}), V::length_not_minimal},
      {"64-bit length of 65535", frame({.length_code = 127}, std::string(65535, 'x')),
       V::length_not_minimal},
      {"64-bit length 2^63", frame({.length_code = 127, .claimed = 1ull << 63}),
       V::length_high_bit},
      {"64-bit length 2^64-2", frame({.length_code = 127, .claimed = ~1ull}), V::length_high_bit},
      {"lying length 2^63-1", frame({.claimed = (1ull << 63) - 1}), V::message_too_big},
      {"one byte over the limit", binary(big), V::message_too_big},
      {"limit crossed by a fragment", first(2, std::string(70'000, 'x')) + last("x"),
       V::message_too_big},
      {"lying length in a fragment", first(2, "x") + frame({.opcode = 0, .claimed = 1ull << 40}),
       V::message_too_big},
      {"fifth fragment", first(2, "") + middle("") + middle("") + middle("") + last(""),
       V::too_many_fragments},
      {"text: lone continuation byte", text("a\x80z"), V::bad_utf8_text},
      {"text: overlong slash", text("\xC0\xAF"), V::bad_utf8_text},
      {"text: overlong 3", text("\xE0\x80\xAF"), V::bad_utf8_text},
      {"text: overlong 4", text("\xF0\x80\x80\xAF"), V::bad_utf8_text},
      {"text: surrogate", text("\xED\xA0\x80"), V::bad_utf8_text},
      {"text: above U+10FFFF", text("\xF4\x90\x80\x80"), V::bad_utf8_text},
      {"text: lead F5", text("\xF5\x80\x80\x80"), V::bad_utf8_text},
      {"text: cut off", text("abcdefgh\xED\x95"), V::bad_utf8_text},
      {"text: cut off in the last fragment", first(1, "\xED\x95") + last(""), V::bad_utf8_text},
      {"text: fault after eight plain bytes", text("abcdefgh\xFF"), V::bad_utf8_text},
      {"close of one byte", close_frame("\x03"), V::close_payload_one_byte},
      {"close 0", close_code(0), V::bad_close_code},
      {"close 999", close_code(999), V::bad_close_code},
      {"close 1004", close_code(1004), V::bad_close_code},
      {"close 1005", close_code(1005), V::bad_close_code},
      {"close 1006", close_code(1006), V::bad_close_code},
      {"close 1015", close_code(1015), V::bad_close_code},
      {"close 1016", close_code(1016), V::bad_close_code},
      {"close 2999", close_code(2999), V::bad_close_code},
      {"close 5000", close_code(5000), V::bad_close_code},
      {"close 65535", close_code(65535), V::bad_close_code},
      {"close reason not UTF-8", close_code(1000, "bye\xFF"), V::bad_utf8_close_reason},
  };
}

TEST(WsParser, every_violation_is_refused_under_its_name) {
  // Each byte string breaks one rule; it must be named, for good, at once and byte by byte alike.
  for (const Case& c : violations()) {
    for (const std::size_t chunk : {~std::size_t{0}, std::size_t{1}}) {
      SCOPED_TRACE(std::string(c.name) + (chunk == 1 ? ", byte by byte" : ""));
      WsParser parser({.message_bytes_max = 70'000, .fragments_max = 4});
      Seen seen;
      for (std::size_t at = 0; at < c.bytes.size() && seen.status != ParseStatus::broken;) {
        const std::size_t count = std::min(chunk, c.bytes.size() - at);
        feed(parser, std::string_view(c.bytes).substr(at, count), seen);
        at += count;
      }
      EXPECT_EQ(seen.status, ParseStatus::broken);
      EXPECT_STREQ(to_string(parser.violation()), to_string(c.violation));
      EXPECT_EQ(seen.log, c.log);
      WsMessage message;
      EXPECT_EQ(parser.next(message), ParseStatus::broken) << "a violation is final";
      EXPECT_FALSE(parser.mid_message());
    }
  }
}

TEST(WsParser, violations_in_the_first_two_bytes_need_no_third) {
  // A peer that breaks a rule in two bytes and then stalls is named for the rule.
  for (const std::string& bytes :
       {"\xC2\x05"s, "\x83\x05"s, "\x82\x85"s, "\x89\x7E"s, "\x09\x05"s, "\x80\x05"s}) {
    EXPECT_EQ(parse(bytes).status, ParseStatus::broken);
  }
}

TEST(WsParser, valid_streams_give_their_messages) {
  // Correct streams, one rule each; the log names opcode, close code and payload.
  const std::string k125(125, 'x'), k126(126, 'y'), k65535(65535, 'z'), k65536(65536, 'w');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {binary("{}"), "b:{}|"},
      {binary(""), "b:|"},
      {text("\xED\x95\x9C\xEA\xB8\x80"), "t:\xED\x95\x9C\xEA\xB8\x80|"},
      {text("\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80"),
       "t:\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80|"},
      {binary("\xFF\xFE"), "b:\xFF\xFE|"},
      {binary(k125) + binary(k126), "b:" + k125 + "|b:" + k126 + "|"},
      {binary(k65535) + binary(k65536), "b:" + k65535 + "|b:" + k65536 + "|"},
      {binary(std::string(70'000, 'm')), "b:" + std::string(70'000, 'm') + "|"},
      {frame({.opcode = 9}, k125), "i:" + k125 + "|"},
      {frame({.opcode = 10}), "o:|"},
      {first(2, "a") + last("b"), "b:ab|"},
      {first(1, "a") + middle("") + middle("b") + last(""), "t:ab|"},
      {first(1, "\xED") + middle("\x95") + last("\x9C"), "t:\xED\x95\x9C|"},
      {first(2, "a") + frame({.opcode = 9}, "p") + middle("b") + frame({.opcode = 10}, "q") +
           last("c") + binary("d"),
       "i:p|o:q|b:abc|b:d|"},
      {first(2, "a") + close_code(1001, "bye"), "c1001:bye|"},
      {close_frame(""), "c1005:|"},
      {close_code(1000), "c1000:|"},
      {close_code(1012, "\xEC\xA0\x90\xEA\xB2\x80"), "c1012:\xEC\xA0\x90\xEA\xB2\x80|"},
      {close_code(1014), "c1014:|"},
      {close_code(3000), "c3000:|"},
      {close_code(4999, std::string(123, 'r')), "c4999:" + std::string(123, 'r') + "|"},
  };
  for (const auto& [bytes, log] : cases) {
    const Seen whole = parse(bytes);
    EXPECT_EQ(whole.status, ParseStatus::need_more);
    EXPECT_EQ(whole.log, log);
    EXPECT_EQ(parse(bytes, 7).log, log);
  }
}

TEST(WsParser, nothing_is_parsed_behind_a_close_frame) {
  // Garbage, a valid frame and more chunks behind a close must all be discarded.
  WsParser parser;
  Seen seen;
  feed(parser, close_code(1000) + "\xFF\xFF" + binary("late"), seen);
  feed(parser, std::string(500'000, '\xFF'), seen);
  EXPECT_EQ(seen.log, "c1000:|");
  EXPECT_EQ(seen.status, ParseStatus::need_more);
  EXPECT_TRUE(parser.close_received());
  EXPECT_FALSE(parser.mid_message());
}

TEST(WsParser, reset_makes_it_as_new) {
  // After a violation, after a close, and with fragments and half a frame pending: once reset, the
  // next connection's stream is parsed from its first byte.
  WsParser parser;
  for (const std::string& before :
       {frame({.rsv = 1}), close_code(1000), first(2, "open") + binary("abc").substr(0, 3)}) {
    Seen seen;
    feed(parser, before, seen);
    parser.reset();
    EXPECT_EQ(parser.violation(), WsViolation::none);
    EXPECT_FALSE(parser.mid_message());
    EXPECT_FALSE(parser.close_received());
    Seen after;
    feed(parser, first(1, "a") + last("b"), after);
    EXPECT_EQ(after.log, "t:ab|");
    EXPECT_EQ(parser.data_message_count(), 1u);
    parser.reset();
  }
}

std::string script_of_20_frames() {
  return binary("{\"a\":1}") + frame({.opcode = 9}, "ping") + text("plain") + binary("") +
         first(2, "frag") + frame({.opcode = 10}, "") + middle("ment") + last("ed") +
         binary(std::string(126, 'e')) + binary(std::string(300, 'f')) + first(1, "\xED\x95") +
         frame({.opcode = 9}, "inside") + last("\x9C") + binary("x") + binary("yy") + text("zzz") +
         frame({.opcode = 9}) + binary(std::string(200, 'g')) + binary("tail") +
         close_code(1000, "done");
}

TEST(WsParser, every_split_point_gives_the_same_messages) {
  // The 20-frame script cut in two at each byte, and fed in chunks of every small size.
  const std::string script = script_of_20_frames();
  const Seen expected = parse(script);
  ASSERT_EQ(expected.count, 17u);  // 20 frames, of which two and three are one message each
  for (std::size_t cut = 1; cut < script.size(); ++cut) {
    WsParser parser({.message_bytes_max = 1000, .fragments_max = 4});
    Seen seen;
    feed(parser, std::string_view(script).substr(0, cut), seen);
    feed(parser, std::string_view(script).substr(cut), seen);
    ASSERT_EQ(seen.log, expected.log) << "cut at " << cut;
  }
  for (std::size_t chunk = 1; chunk < 40; ++chunk) {
    ASSERT_EQ(parse(script, chunk).log, expected.log) << "chunks of " << chunk;
  }
}

TEST(WsParser, random_streams_survive_random_chunks) {
  // Random frames in random chunks through a parser small enough to compact all the time, against
  // the list of what was put in.
  std::mt19937_64 random(test_seed());
  WsParser parser({.message_bytes_max = 5'000, .fragments_max = 8});
  std::string stream, expected;
  for (int i = 0; i < 3'000; ++i) {
    const std::string payload(random() % 5'000, static_cast<char>('a' + random() % 26));
    if (random() % 4 == 0) {
      const std::size_t cut = payload.empty() ? 0 : random() % payload.size();
      stream +=
          first(2, payload.substr(0, cut)) + frame({.opcode = 9}, "p") + last(payload.substr(cut));
      expected += "i:p|";
    } else {
      stream += binary(payload);
    }
    expected += "b:" + payload + "|";
  }
  Seen seen;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t count = std::min<std::size_t>(1 + random() % 40'000, stream.size() - at);
    feed(parser, std::string_view(stream).substr(at, count), seen);
    at += count;
  }
  EXPECT_TRUE(seen.log == expected);
  EXPECT_EQ(parser.data_message_count(), 3'000u);
  EXPECT_FALSE(parser.mid_message());
}

TEST(WsParser, whole_frames_are_not_copied) {
  // The payload of an unfragmented frame must lie in the memory that prepare() offered.
  WsParser parser;
  const std::span<char> room = parser.prepare();
  const std::string bytes = binary("in place") + binary("second");
  std::memcpy(room.data(), bytes.data(), bytes.size());
  parser.commit(bytes.size());
  WsMessage message;
  ASSERT_EQ(parser.next(message), ParseStatus::ready);
  EXPECT_EQ(message.payload.data(), room.data() + 2);
  ASSERT_EQ(parser.next(message), ParseStatus::ready);
  EXPECT_EQ(message.payload.data(), room.data() + 2 + 8 + 2);
}

TEST(WsParser, room_never_runs_out) {
  // A message of exactly the limit, fed behind a frame that pushes it away from the buffer's start,
  // in chunks as large as offered: room is at least kReadRoomBytes each time.
  WsParser parser({.message_bytes_max = 300'000});
  const std::string stream = binary(std::string(250'000, 'a')) + binary(std::string(300'000, 'b')) +
                             binary(std::string(299'999, 'c'));
  Seen seen;
  for (std::size_t at = 0; at < stream.size();) {
    const std::span<char> room = parser.prepare();
    ASSERT_GE(room.size(), WsParser::kReadRoomBytes);
    const std::size_t count = std::min(room.size(), stream.size() - at);
    std::memcpy(room.data(), stream.data() + at, count);
    parser.commit(count);
    drain(parser, seen);
    at += count;
  }
  EXPECT_EQ(seen.count, 3u);
  EXPECT_EQ(seen.status, ParseStatus::need_more);
}

TEST(WsParser, two_million_empty_fragments_stop_at_the_limit) {
  // The endless message of W3: it is cut at the fragment limit, long before its end.
  WsParser parser;
  Seen seen;
  std::string chunk;
  for (int i = 0; i < 1000; ++i) chunk += middle("");
  feed(parser, first(2, ""), seen);
  int chunks = 0;
  while (seen.status != ParseStatus::broken && chunks < 2'000) {
    feed(parser, chunk, seen);
    ++chunks;
  }
  EXPECT_EQ(parser.violation(), WsViolation::too_many_fragments);
  EXPECT_EQ(chunks, 2) << "1024 fragments are the default limit";
  EXPECT_EQ(seen.count, 0u);
}

TEST(WsParser, mid_message_tells_when_to_time_an_assembly) {
  // Control frames between fragments neither end the message nor look like progress.
  WsParser parser;
  Seen seen;
  EXPECT_FALSE(parser.mid_message());
  feed(parser, first(2, "a"), seen);
  EXPECT_TRUE(parser.mid_message());
  feed(parser, frame({.opcode = 9}, "p"), seen);
  EXPECT_TRUE(parser.mid_message());
  EXPECT_EQ(parser.data_message_count(), 0u);
  feed(parser, last("b"), seen);
  EXPECT_FALSE(parser.mid_message());
  EXPECT_EQ(parser.data_message_count(), 1u);
  feed(parser, binary("abc").substr(0, 3), seen);
  EXPECT_TRUE(parser.mid_message()) << "half a frame";
  EXPECT_EQ(seen.log, "i:p|b:ab|");
}

TEST(Utf8, agrees_with_a_slow_decoder_on_all_short_sequences) {
  // All strings of up to three bytes, and all four-byte ones with the telling bytes: decode to a
  // code point the obvious way and encode it back.
  const auto slow = [](const std::string& s) {
    for (std::size_t i = 0; i < s.size();) {
      const auto byte = [&](std::size_t k) {
        return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u;
      };
      const unsigned lead = byte(i);
      const std::size_t size = lead < 0x80           ? 1
                               : (lead >> 5) == 0x6  ? 2
                               : (lead >> 4) == 0xE  ? 3
                               : (lead >> 3) == 0x1E ? 4
                                                     : 0;
      if (size == 0 || i + size > s.size()) return false;
      unsigned long point = size == 1 ? lead : lead & (0xFFu >> (size + 1));
      for (std::size_t k = 1; k < size; ++k) {
        if ((byte(i + k) & 0xC0) != 0x80) return false;
        point = point << 6 | (byte(i + k) & 0x3F);
      }
      const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
      if (point < least[size] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
        return false;
      }
      i += size;
    }
    return true;
  };
  std::string s(3, '\0');
  for (unsigned v = 0; v < 1u << 24; v += (v & 0xFF) == 0xFF ? 0x41 : 1) {
    s[0] = static_cast<char>(v >> 16);
    s[1] = static_cast<char>(v >> 8);
    s[2] = static_cast<char>(v);
    ASSERT_EQ(is_utf8(s), slow(s)) << std::hex << v;
  }
  std::string four(4, '\0');
  for (unsigned lead = 0xE8; lead < 0x100; ++lead) {
    for (unsigned second = 0; second < 0x100; ++second) {
      for (const unsigned rest : {0x00u, 0x7Fu, 0x80u, 0xBFu, 0xC0u, 0xFFu}) {
        four = {static_cast<char>(lead), static_cast<char>(second), static_cast<char>(rest),
                '\xBF'};
        ASSERT_EQ(is_utf8(four), slow(four));
      }
    }
  }
}

TEST(Utf8, reads_nothing_behind_the_end) {
  // The text ends where an unreadable page begins, at every length up to 64.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* map = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  char* end = static_cast<char*>(map) + page;
  ASSERT_EQ(::mprotect(end, page, PROT_NONE), 0);
  for (std::size_t size = 0; size <= 64; ++size) {
    std::memset(end - size, 'a', size);
    EXPECT_TRUE(is_utf8({end - size, size}));
    if (size > 0) {
      end[-1] = '\xED';  // announces two more bytes, which must not be looked for
      EXPECT_FALSE(is_utf8({end - size, size}));
    }
  }
  ::munmap(map, 2 * page);
}

std::string unmask(std::string wire, std::size_t header_bytes) {
  for (std::size_t i = header_bytes; i < wire.size(); ++i) {
    wire[i] = static_cast<char>(wire[i] ^ wire[header_bytes - 4 + (i - header_bytes) % 4]);
  }
  return wire;
}

TEST(WsFrameWriter, frames_carry_length_mask_and_payload) {
  // Every length form around its borders: header by the RFC, payload equal once unmasked.
  const WsMask mask{0x37, 0xFA, 0x21, 0x3D};
  for (const std::size_t size : {0u, 1u, 5u, 125u, 126u, 127u, 65535u, 65536u, 100'000u}) {
    const std::string payload(size, 'q');
    std::string wire(ws_frame_bytes(size), '\0');
    ASSERT_EQ(write_ws_frame(wire, WsOpcode::text, payload, mask), wire.size());
    const std::size_t header_bytes = wire.size() - size;
    EXPECT_EQ(static_cast<unsigned char>(wire[0]), 0x81);
    EXPECT_TRUE(static_cast<unsigned char>(wire[1]) & 0x80) << "a client frame is masked";
    const std::string expected = frame({.opcode = 1}, payload);
    std::string bare = unmask(wire, header_bytes);
    bare.erase(header_bytes - 4, 4);
    bare[1] = static_cast<char>(bare[1] & 0x7F);
    EXPECT_TRUE(bare == expected) << size;
  }
  // The example of RFC 6455, section 5.7.
  std::string hello(ws_frame_bytes(5), '\0');
  ASSERT_EQ(write_ws_frame(hello, WsOpcode::text, "Hello"s, mask), hello.size());
  EXPECT_EQ(hello, "\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58"s);
}

TEST(WsFrameWriter, declines_what_does_not_fit_and_long_control_frames) {
  // Nothing may be written in part: 0 is returned and the canary behind stays.
  std::string out(64, '#');
  const std::string payload(50, 'x');
  const std::size_t needed = ws_frame_bytes(50);
  EXPECT_EQ(write_ws_frame({out.data(), needed - 1}, WsOpcode::binary, payload, {}), 0u);
  EXPECT_EQ(out, std::string(64, '#'));
  EXPECT_EQ(write_ws_frame({out.data(), needed}, WsOpcode::binary, payload, {}), needed);
  EXPECT_EQ(out.substr(needed), std::string(64 - needed, '#'));
  std::string large(300, '\0');
  EXPECT_EQ(write_ws_frame(large, WsOpcode::ping, std::string(126, 'p'), {}), 0u);
  EXPECT_EQ(write_ws_frame(large, WsOpcode::ping, std::string(125, 'p'), {}), 131u);
  EXPECT_EQ(write_ws_close(large, 1000, std::string(124, 'r'), {}), 0u);
}

TEST(WsFrameWriter, close_carries_code_and_reason) {
  // With an all-zero mask the payload is legible: code in network order, then the reason.
  std::string out(32, '\0');
  const std::size_t size = write_ws_close(out, 1002, "bad", {});
  EXPECT_EQ(out.substr(0, size), "\x88\x85\0\0\0\0\x03\xEA\x62\x61\x64"s);
}

}  // namespace
}  // namespace upfeed::net
