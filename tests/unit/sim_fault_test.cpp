// The simulator's faults without a network: the byte scripts, the rewriting of frames, the plan,
// the words of the command line.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "sim/byte_script.hpp"
#include "sim/fault.hpp"
#include "sim/fault_plan.hpp"
#include "sim/tamper.hpp"

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

TEST(SimByteScript, heads_take_the_shortest_length_and_fragments_add_up) {
  // Goal: RFC 6455 framing at its borders; method: bytes compared.
  EXPECT_EQ(frame_head(kFinalBinary, 125), std::string("\x82\x7d"));
  EXPECT_EQ(frame_head(kFinalBinary, 126), std::string("\x82\x7e\x00\x7e", 4));
  EXPECT_EQ(frame_head(kFinalText, 65'535), std::string("\x81\x7e\xff\xff"));
  EXPECT_EQ(frame_head(kFinalText, 65'536), std::string("\x81\x7f\0\0\0\0\0\x01\0\0", 10));
  EXPECT_EQ(fragmented("abcde", 2), std::string("\x02\x02"
                                                "ab\x00\x02"
                                                "cd\x80\x01"
                                                "e",
                                                11));
  EXPECT_EQ(fragmented("ab", 2), std::string("\x82\x02") + "ab");
  EXPECT_EQ(fragmented("", 2), std::string("\x82\x00", 2));
  EXPECT_EQ(lying_length(0x7fff'ffff'ffff'ffff).at(0).bytes.substr(0, 10),
            std::string("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"));
  EXPECT_EQ(empty_fragments(3).at(0).bytes.size(), 3U + 3 * 2);
}

TEST(SimTamper, times_and_prices_are_rewritten_and_nothing_else) {
  // Goal: the text stays what it was around the change; method: whole frames, both spellings.
  const std::string trade = R"({"ty":"trade","tms":1700000000123,"ttms":1700000000100,"tp":1.0E8})";
  EXPECT_EQ(with_times(trade, true, 0),
            R"({"ty":"trade","tms":1700000000123000,"ttms":1700000000100,"tp":1.0E8})");
  EXPECT_EQ(with_times(trade, false, -100),
            R"({"ty":"trade","tms":1700000000023,"ttms":1700000000000,"tp":1.0E8})");
  EXPECT_EQ(with_times("{\"a\":1}", true, 5), "{\"a\":1}");
  EXPECT_EQ(
      with_crossed_book(
          R"({"orderbook_units":[{"ask_price":2.0,"bid_price":1.0E1,"x":3},{"ask_price":4}]})"),
      R"({"orderbook_units":[{"ask_price":1.0E1,"bid_price":2.0,"x":3},{"ask_price":4}]})");
  EXPECT_EQ(with_crossed_book(R"({"obu":[{"ap":2,"bp":1}]})"), R"({"obu":[{"ap":1,"bp":2}]})");
}

std::string run(Tamper& tamper, const std::string& type, const std::string& code,
                const std::string& text, bool is_realtime) {
  std::string all;
  for (const Tamper::Frame& frame : tamper.run(type, code, text, is_realtime)) {
    all += frame.text + (frame.is_realtime ? "r " : "s ");
  }
  return all;
}

TEST(SimTamper, order_and_number_of_frames_follow_the_rules) {
  // Goal: mutes, snapshot orders, doubles and swaps; method: one-letter frames through each rule.
  Tamper muted;
  muted.rules().mutes = {{"trade", "A", false}, {"", "B", true}};
  EXPECT_EQ(run(muted, "trade", "A", "x", true), "");
  EXPECT_EQ(run(muted, "trade", "A", "x", false), "xs ");
  EXPECT_EQ(run(muted, "ticker", "A", "x", true), "xr ");
  EXPECT_EQ(run(muted, "ticker", "B", "x", false), "");

  Tamper late;
  late.rules().snapshots = SnapshotOrder::after_realtime;
  EXPECT_EQ(run(late, "ticker", "A", "s", false), "");
  EXPECT_EQ(run(late, "ticker", "B", "r", true), "rr ");
  EXPECT_EQ(run(late, "ticker", "A", "r", true), "rr ss ");
  EXPECT_EQ(run(late, "ticker", "A", "q", true), "qr ");

  Tamper none;
  none.rules().snapshots = SnapshotOrder::none;
  EXPECT_EQ(run(none, "ticker", "A", "s", false), "");

  Tamper twice;
  twice.rules().snapshots = SnapshotOrder::both_twice;
  EXPECT_EQ(run(twice, "ticker", "A", "s", false), "ss ss ");
  EXPECT_EQ(run(twice, "ticker", "A", "r", true), "rr rr ");
  EXPECT_EQ(run(twice, "ticker", "A", "q", true), "qr ");

  Tamper doubled;
  doubled.rules().duplicate_every = 2;
  EXPECT_EQ(run(doubled, "trade", "A", "1", true), "1r ");
  EXPECT_EQ(run(doubled, "trade", "A", "2", true), "2r 2r ");
  EXPECT_EQ(run(doubled, "ticker", "A", "t", true), "tr ");

  Tamper swapped;
  swapped.rules().swap_every = 2;
  EXPECT_EQ(run(swapped, "trade", "A", "1", true), "1r ");
  EXPECT_EQ(run(swapped, "trade", "A", "2", true), "");
  EXPECT_EQ(run(swapped, "trade", "A", "3", true), "3r 2r ");
}

TEST(SimFaultPlan, armed_faults_meet_connections_in_order_and_planned_ones_their_time) {
  // Goal: who gets what when; method: takes compared one by one.
  FaultPlan plan;
  plan.arm(faults::refuse_upgrade(429), 2);
  plan.arm(faults::refuse_upgrade(418), 1);
  plan.arm(faults::bad_certificate(CertificateKind::expired), 1);
  EXPECT_EQ(plan.take_accept().certificate, CertificateKind::expired);
  EXPECT_EQ(plan.take_accept().certificate, CertificateKind::good);
  EXPECT_EQ(plan.take_upgrade()->reply.status, 429U);
  EXPECT_EQ(plan.take_upgrade()->reply.status, 429U);
  EXPECT_EQ(plan.take_upgrade()->reply.status, 418U);
  EXPECT_FALSE(plan.take_upgrade());

  Fault late = faults::drop();
  late.after = 50ms;
  plan.arm(late, 1);
  plan.arm(faults::segments(1), kEvery);
  plan.take_connection(1, 1'000);
  plan.take_connection(2, 1'000);
  auto due = plan.take_due(1'000);
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].fault.kind, FaultKind::segments);
  EXPECT_EQ(due[1].id, 2U);
  EXPECT_EQ(plan.next_due_ms(), 1'050);
  EXPECT_TRUE(plan.take_due(1'049).empty());
  due = plan.take_due(1'050);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].id, 1U);
  plan.clear();
  plan.take_connection(3, 2'000);
  EXPECT_TRUE(plan.take_due(9'000).empty());
}

TEST(SimFaultText, reads_names_times_and_arguments) {
  // Goal: the command line's form; method: good texts field by field, bad ones for their hints.
  const auto read = [](std::string_view text) { return std::get<Fault>(parse_fault(text)); };
  EXPECT_EQ(read("drop").kind, FaultKind::drop);
  EXPECT_EQ(read("drop@2.5").after, 2'500ms);
  const Fault mute = read("mute@5:trade,KRW-BTC,snapshots");
  EXPECT_EQ(mute.kind, FaultKind::mute);
  EXPECT_EQ(mute.type + mute.code, "tradeKRW-BTC");
  EXPECT_EQ(mute.number, 1);
  const Fault refusal = read("refuse_upgrade:503,30,<html>");
  EXPECT_EQ(refusal.reply.status, 503U);
  EXPECT_EQ(refusal.reply.headers.at(0).second, "30");
  EXPECT_EQ(refusal.reply.content_type, "text/html; charset=UTF-8");
  EXPECT_EQ(read("refuse_upgrade:302").reply.headers.at(0).first, "Location");
  EXPECT_EQ(read("bytes:8205").text, "\x82\x05");
  EXPECT_EQ(read("shift_times:-3600000").time, -3'600'000ms);
  EXPECT_EQ(read("message:{\"a\":1,\"b\":2}").text, "{\"a\":1,\"b\":2}");
  EXPECT_EQ(read("lying_length:9223372036854775807").number, 9'223'372'036'854'775'807);
  for (const char* bad : {"", "nope", "drop@", "drop@x", "drop@-1", "drop:1", "segments",
                          "segments:x", "bytes:8", "bytes:zz", "close:70000", "refuse_upgrade:99",
                          "bad_certificate:good", "mute:a,b,c", "error"}) {
    EXPECT_TRUE(std::holds_alternative<std::string>(parse_fault(bad))) << bad;
  }
  EXPECT_EQ(std::get<std::string>(parse_fault("delay")), "write delay[@SECONDS]:MS");
}

}  // namespace
}  // namespace upfeed::sim
