// LIST_SUBSCRIPTIONS: reading the answer, comparing it, and what follows from it.

#include "session/subscription_reply.hpp"
#include "session_harness.hpp"

namespace upfeed::test {
namespace {

/// The exchange's answer with that ticket; entries as JSON.
std::string reply(std::string_view ticket, std::string_view entries) {
  return R"({"method":"LIST_SUBSCRIPTIONS","result":[)" + std::string(entries) + R"(],"ticket":")" +
         std::string(ticket) + R"("})";
}

AuditDifference difference(const WantedSet& set, std::string_view entries,
                           StreamStage stage = StreamStage::arrived) {
  const std::vector<StreamStage> stages(set.size(), stage);
  const auto parsed = parse_subscription_reply(reply("T", entries));
  EXPECT_TRUE(parsed) << entries;
  return parsed ? audit_difference(set, stages, *parsed) : AuditDifference{};
}

// Goal: all four formats, any order of keys, unknown members, and levels as number or text.
TEST(SubscriptionReply, is_read_in_every_format) {
  for (const char* text :
       {R"({"method":"LIST_SUBSCRIPTIONS","result":[{"type":"orderbook","codes":["KRW-BTC.15",
           "KRW-ETH"],"level":0.1}],"ticket":"T"})",
        R"([{"tckt":"T","rslt":[{"lv":"0.1","new":{"a":[1]},"cds":["KRW-BTC","KRW-ETH.5"],
           "ty":"orderbook"}],"mthd":"LIST_SUBSCRIPTIONS","more":null}])"}) {
    const auto parsed = parse_subscription_reply(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->ticket, "T");
    ASSERT_EQ(parsed->served.size(), 1U);
    EXPECT_EQ(parsed->served[0].type, "orderbook");
    EXPECT_EQ(parsed->served[0].codes, (std::vector<std::string>{"KRW-BTC", "KRW-ETH"}));
    EXPECT_EQ(parsed->served[0].level, *Decimal::parse("0.1"));
  }
}

// Goal: what is no such answer is refused, whatever is wrong with it.
TEST(SubscriptionReply, refuses_what_is_none) {
  for (const char* text :
       {"", "[]", "{}", "1", "{", R"({"result":[]})", R"({"ticket":"T"})",
        R"({"ticket":1,"result":[]})", R"({"ticket":"T","result":{}})",
        R"({"ticket":"T","result":[1]})", R"({"ticket":"T","result":[{"codes":["KRW-BTC"]}]})",
        R"({"ticket":"T","result":[{"type":"ticker","codes":"KRW-BTC"}]})",
        R"({"ticket":"T","result":[{"type":"orderbook","codes":["KRW-BTC"],"level":"x"}]})"}) {
    EXPECT_FALSE(parse_subscription_reply(text)) << text;
  }
}

// Goal: types, codes and levels are compared; unit suffixes and finished snapshots are not.
TEST(SubscriptionReply, difference_names_what_is_missing_and_what_is_extra) {
  const WantedStream grouped = book("KRW-BTC", 0, 15, "10000");
  const WantedStream once = stream(EventKind::ticker, "KRW-ETH", 1, StreamMode::snapshot_only);
  const WantedSet set = sorted({kBtc, once, book("KRW-BTC", 0, 15), grouped});
  const AuditDifference same = difference(
      set, R"({"type":"ticker","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC.15"]},)"
           R"({"type":"orderbook","codes":["KRW-BTC"],"level":10000})");
  EXPECT_EQ(same.missing, WantedSet{});
  EXPECT_EQ(same.extra, std::vector<std::string>{});
  const AuditDifference other =
      difference(set, R"({"type":"ticker","codes":["KRW-BTC","KRW-ETH","KRW-XRP"]},)"
                      R"({"type":"orderbook","codes":["KRW-BTC"],"level":0},)"
                      R"({"type":"candle.1m","codes":["KRW-BTC"]})");
  EXPECT_EQ(other.missing, WantedSet{grouped});
  EXPECT_EQ(other.extra, (std::vector<std::string>{"KRW-BTC candle.1m", "KRW-XRP ticker"}));
  EXPECT_EQ(difference(set, "", StreamStage::overdue).missing, WantedSet{}) << "reported already";
}

// Goal: streams without markets may be told with or without codes; all markets cover each.
TEST(SubscriptionReply, private_streams_are_compared_by_what_they_cover) {
  const WantedSet all = sorted({unbound(EventKind::my_order), unbound(EventKind::my_asset)});
  for (const char* text : {R"({"type":"myOrder"},{"type":"myAsset"})",
                           R"({"type":"myOrder","codes":[]},{"type":"myAsset","codes":[]})",
                           R"({"type":"myOrder","codes":["KRW-BTC"]},{"type":"myAsset"})"}) {
    const AuditDifference each = difference(all, text, StreamStage::asked);
    EXPECT_TRUE(each.missing.empty() && each.extra.empty()) << text;
  }
  EXPECT_EQ(difference(all, R"({"type":"myOrder"})", StreamStage::asked).missing,
            (WantedSet{unbound(EventKind::my_asset)}));
  const WantedSet some = {unbound(EventKind::my_order, "KRW-BTC")};
  const AuditDifference other =
      difference(some, R"({"type":"myOrder","codes":["KRW-ETH"]})", StreamStage::asked);
  EXPECT_EQ(other.missing, some);
  EXPECT_EQ(other.extra, std::vector<std::string>{"KRW-ETH myOrder"});
}

// Goal: the request, letter by letter, and a matching answer as its result without any notice.
TEST(SessionAudit, matching_answer_is_a_quiet_result) {
  Harness h({.format = "SIMPLE"});
  h.go_live({kBtc});
  h.frame(kBtc);
  h.take_log();
  h.audit();
  EXPECT_EQ(h.take_requests(),
            (Log{R"([{"ticket":"upfeed-1-audit-2"},{"method":"LIST_SUBSCRIPTIONS"},)"
                 R"({"format":"SIMPLE"}])"}));
  h.advance(100ms);
  h.subscriptions(reply("upfeed-1-audit-2", R"({"ty":"ticker","cds":["KRW-BTC"]})"));
  EXPECT_EQ(h.take_log(), Log{});
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::matched);
  EXPECT_EQ(h.session.last_audit().at, h.now);
  h.advance(6s);
  EXPECT_EQ(h.take_log(), Log{});
}

// Goal: a mismatch lists both sides, and the missing streams are asked for with their snapshots.
TEST(SessionAudit, mismatch_is_reported_and_mended) {
  Harness h;
  h.go_live({kBtc, kEth});
  h.frame(kBtc);
  h.frame(kEth);
  h.advance(1s);
  h.audit();
  h.take_log();
  h.subscriptions(reply("upfeed-1-audit-2", R"({"type":"ticker","codes":["KRW-BTC","KRW-XRP"]})"));
  ASSERT_EQ(h.actions.size(), 3U);
  EXPECT_EQ(h.actions[0].cause, StatusCause::audit_mismatch);
  EXPECT_EQ(h.actions[0].text, "not asked: KRW-XRP ticker");
  EXPECT_FALSE(h.actions[0].lost.has_value());
  EXPECT_EQ(h.actions[1].text, "not served: KRW-ETH ticker");
  ASSERT_TRUE(h.actions[1].lost.has_value()) << "it had sent something";
  EXPECT_EQ(h.actions[1].lost->stream, kEth);
  EXPECT_EQ(h.actions[1].lost->silent_ns, 1'000'000'000);
  EXPECT_EQ(h.take_requests(),
            (Log{R"([{"ticket":"upfeed-1-2"},{"type":"ticker","codes":["KRW-ETH"]},)"
                 R"({"type":"ticker","codes":["KRW-BTC"],"is_only_realtime":true},)"
                 R"({"format":"DEFAULT"}])"}));
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::mismatched);
  EXPECT_EQ(h.session.last_audit().missing_count, 1U);
  EXPECT_EQ(h.session.last_audit().extra_count, 1U);
  EXPECT_FALSE(h.session.fully_subscribed());
}

// Goal: an audit waits for the request before it, and one that a request overtakes is made again;
// only the answer with the right ticket counts.
TEST(SessionAudit, answer_around_a_request_does_not_count) {
  Harness h;
  h.go_live({kBtc});
  h.audit();
  EXPECT_EQ(h.take_requests().size(), 0U) << "the first frame is not here";
  h.frame(kBtc);
  h.advance(0s);
  EXPECT_EQ(h.session.counters().audits, 1U);
  h.advance(1s);
  h.want({kBtc, kEth});
  h.take_log();
  h.subscriptions(reply("upfeed-1-audit-1", R"({"type":"ticker","codes":["KRW-BTC"]})"));
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::none);
  h.frame(kEth);
  h.advance(0s);
  EXPECT_EQ(h.session.counters().audits, 2U);
  h.subscriptions(reply("somebody", R"({"type":"ticker","codes":["KRW-BTC"]})"));
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::none);
  h.subscriptions(reply("upfeed-1-audit-2", R"({"type":"ticker","codes":["KRW-ETH","KRW-BTC"]})"));
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::matched);
}

// Goal: no answer in time, and one that cannot be read, are reported and harm nothing.
TEST(SessionAudit, missing_or_unreadable_answer_is_reported) {
  Harness h;
  h.go_live({kBtc});
  h.frame(kBtc);
  h.take_log();
  h.audit();
  h.advance(5s - 1ns);
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::none);
  h.advance(1ns);
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::no_reply);
  h.audit();
  h.subscriptions(R"({"method":"LIST_SUBSCRIPTIONS","result":5})");
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::unreadable);
  EXPECT_EQ(h.take_log(), (Log{"request e1", "live>live e1 audit_mismatch", "request e1",
                               "live>live e1 audit_mismatch"}));
  h.advance(10s);
  EXPECT_EQ(h.session.state(), SessionState::live);
}

// Goal: a list of the session's own accord follows each request that was accepted and is compared
// with the lists before it only: one that never named a stream says nothing, one that named it and
// does not any more is a mismatch, told and mended.
TEST(SessionAudit, own_list_is_compared_with_those_before) {
  Harness h;
  h.go_live({kBtc, kEth});
  h.list = R"({"type":"ticker","codes":["KRW-ETH"]},{"type":"x","codes":["KRW-BTC"]})";
  h.frame(kBtc);
  EXPECT_EQ(h.lists, 0) << "KRW-ETH owes its first frame";
  h.frame(kEth);
  h.advance(0s);
  EXPECT_EQ(h.lists, 1);
  h.advance(1s);
  h.want({kBtc, kEth, kXrp});
  h.take_log();
  h.frame(kXrp);
  h.advance(0s);
  EXPECT_EQ(h.lists, 2);
  EXPECT_EQ(h.take_log(), (Log{"live>live e1 data_arrived"})) << "whatever x is";
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::none);
  EXPECT_EQ(h.session.counters().audits, 0U);
  h.advance(1s);
  h.list = R"({"type":"ticker","codes":["KRW-BTC","KRW-XRP"]})";
  h.want({kBtc, kEth, kXrp, kBook});
  h.take_log();
  h.frame(kBook);
  h.advance(1s);
  EXPECT_EQ(h.lists, 3);
  ASSERT_GE(h.actions.size(), 3U);
  EXPECT_EQ(h.actions[1].text, "not served: KRW-ETH ticker");
  ASSERT_TRUE(h.actions[1].lost.has_value());
  EXPECT_EQ(h.actions[1].lost->stream, kEth);
  EXPECT_NE(h.actions[2].text.find(R"({"type":"ticker","codes":["KRW-ETH"]})"), std::string::npos)
      << h.actions[2].text;
  EXPECT_EQ(h.session.counters().audit_mismatches, 1U);
}

// Goal: streams that nobody watches cost no list.
TEST(SessionAudit, own_list_is_for_watched_streams) {
  Harness never({.silence_limit = kNeverSilent});
  never.go_live({kBtc});
  never.frame(kBtc);
  never.advance(30s);
  EXPECT_EQ(never.lists, 0);
  Harness orders;
  orders.go_live({unbound(EventKind::my_order)});
  orders.advance(30s);
  EXPECT_EQ(orders.lists, 0);
}

// Goal: an error frame that answers an audit is not held against the wanted set, and no audit
// follows until start().
TEST(SessionAudit, refused_audit_is_not_repeated) {
  Harness h;
  h.go_live({kBtc});
  h.frame(kBtc);
  h.advance(11s);
  h.audit();
  h.take_log();
  h.error("WRONG_FORMAT");
  EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>backing_off e1 server_error",
                               "backing_off>connecting e2 none", "dial e2"}));
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::refused);
  h.connect();
  h.frame(kBtc);
  h.audit();
  h.advance(10s);
  EXPECT_EQ(h.session.counters().audits, 1U);
  h.stop();
  h.start();
  h.connect();
  h.frame(kBtc);
  h.audit();
  EXPECT_EQ(h.session.counters().audits, 2U);
}

// Goal: an audit that was wanted while the connection was down comes with the next one.
TEST(SessionAudit, waits_for_a_connection) {
  Harness h;
  h.want({kBtc});
  h.start();
  h.audit();
  h.connect();
  EXPECT_EQ(h.session.counters().audits, 0U);
  h.frame(kBtc);
  h.advance(0s);
  EXPECT_EQ(h.session.counters().audits, 1U);
  h.close();
  EXPECT_EQ(h.session.last_audit().outcome, AuditOutcome::no_reply);
}

// Goal: audits count against the limits of the connection.
TEST(SessionAudit, counts_against_the_limits) {
  Harness h;
  h.go_live({kBtc});
  h.frame(kBtc);
  std::vector<std::int64_t> sent(2, h.now.ns);  // the request and the text PING
  h.take_log();
  for (int i = 0; i < 200; ++i) {
    h.audit();
    for (const SessionAction& action : h.actions) {
      if (action.kind == ActionKind::send_text) sent.push_back(h.now.ns);
    }
    h.actions.clear();
    h.subscriptions(R"({"ticket":"x","result":1})");
    h.advance(50ms);
  }
  EXPECT_GT(sent.size(), 20U);
  for (std::size_t i = 5; i < sent.size(); ++i) ASSERT_GE(sent[i] - sent[i - 5], 1'000'000'000);
}

}  // namespace
}  // namespace upfeed::test
