// Error frames: what they are, which request they answer, and who lives on.

#include "session_harness.hpp"

namespace upfeed::test {
namespace {

/// Live with kBtc and kEth served for long, and kXrp asked just now.
void add_one(Harness& h) {
  h.go_live({kBtc, kEth});
  h.frame(kBtc);
  h.frame(kEth);
  h.advance(11s);
  h.want({kBtc, kEth, kXrp});
  h.advance(150ms);
  h.take_log();
}

// Goal: every documented name has its kind, any other name is `other`.
TEST(SessionRefusal, names_have_kinds) {
  const std::vector<std::pair<std::string_view, ServerErrorKind>> kinds = {
      {"WRONG_FORMAT", ServerErrorKind::wrong_format},
      {"NO_TICKET", ServerErrorKind::no_ticket},
      {"NO_TYPE", ServerErrorKind::no_type},
      {"NO_CODES", ServerErrorKind::no_codes},
      {"INVALID_PARAM", ServerErrorKind::invalid_param},
      {"INVALID_AUTH", ServerErrorKind::invalid_auth},
      {"Too Many Requests", ServerErrorKind::rate_limited},
      {"I'm a teapot", ServerErrorKind::rate_limited},
      {"TOO_MANY_REQUEST", ServerErrorKind::rate_limited},
      {"404", ServerErrorKind::other},
      {"", ServerErrorKind::other}};
  for (const auto& [name, kind] : kinds) EXPECT_EQ(server_error_kind(name), kind) << name;
}

// Goal: a refused addition does not take the others with it: the connection comes back with what
// was served before, the status names the rest, and nothing asks for it again by itself.
TEST(SessionRefusal, refused_addition_is_held_back_and_the_others_live_on) {
  Harness h;
  add_one(h);
  h.error("INVALID_PARAM", "nope");
  ASSERT_EQ(h.actions.size(), 4U);
  EXPECT_EQ(h.actions[1].text, "INVALID_PARAM: nope; held back: KRW-XRP ticker");
  EXPECT_EQ(h.actions[1].server_error, ServerErrorKind::invalid_param);
  EXPECT_EQ(h.actions[1].request, 2U);
  EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>backing_off e1 server_error",
                               "backing_off>connecting e2 none", "dial e2"}));
  EXPECT_EQ(h.session.refused(), WantedSet{kXrp});
  h.connect();
  EXPECT_EQ(h.take_requests(),
            (Log{R"([{"ticket":"upfeed-2-1"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},)"
                 R"({"format":"DEFAULT"}])"}));
  h.frame(kBtc);
  h.frame(kEth);
  EXPECT_TRUE(h.session.fully_subscribed());
  const WantedStream trade = stream(EventKind::trade, "KRW-BTC", 0);
  h.want({kBtc, kEth, kXrp, trade});
  const auto requests = h.take_requests();
  h.advance(1s);
  EXPECT_EQ(h.take_requests().size(), 1U);
  EXPECT_EQ(h.session.refused(), WantedSet{kXrp}) << "another change does not free it";
}

// Goal: the stream that was held back is asked again when it is wanted anew, or in another way, or
// after a new start.
TEST(SessionRefusal, held_back_stream_is_freed_by_a_change_of_its_own) {
  const auto refuse = [](Harness& h) {
    add_one(h);
    h.error("INVALID_PARAM");
    h.connect();
    h.advance(1s);
    h.take_log();
  };
  Harness anew;
  refuse(anew);
  anew.want({kBtc, kEth});
  EXPECT_EQ(anew.take_requests().size(), 0U) << "it was not asked, so nothing changes";
  anew.want({kBtc, kEth, kXrp});
  EXPECT_EQ(anew.take_requests().size(), 1U);
  Harness otherwise;
  refuse(otherwise);
  WantedStream fresh = kXrp;
  fresh.refresh = 1;
  otherwise.want({kBtc, kEth, fresh});
  EXPECT_EQ(otherwise.take_requests().size(), 1U);
  Harness restarted;
  refuse(restarted);
  restarted.stop();
  restarted.start();
  restarted.connect();
  EXPECT_NE(restarted.take_requests().at(0).find("KRW-XRP"), std::string::npos);
}

// Goal: a set that was served is asked once more after an error frame, which may be the exchange's
// own fault, and held after the second.
TEST(SessionRefusal, set_that_was_served_gets_a_second_try) {
  Harness h;
  h.go_live({kBtc, kEth});
  h.frame(kBtc);
  h.frame(kEth);
  h.advance(11s);
  h.want({kBtc});
  h.take_log();
  h.error("WRONG_FORMAT");
  h.connect();
  EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>backing_off e1 server_error",
                               "backing_off>connecting e2 none", "dial e2",
                               "connecting>live e2 none", "request e2"}));
  h.error("WRONG_FORMAT");
  EXPECT_EQ(h.take_log(), (Log{"close e2 1000", "live>failed e2 server_error"}));
}

// Goal: only what has been served counts as served: an addition that has not proved itself yet goes
// with the one behind it.
TEST(SessionRefusal, unproved_additions_go_together) {
  Harness h;
  add_one(h);
  const WantedStream trade = stream(EventKind::trade, "KRW-BTC", 0);
  h.want({kBtc, kEth, kXrp, trade});
  h.advance(200ms);
  h.error("INVALID_PARAM");
  EXPECT_EQ(h.session.refused(), sorted({kXrp, trade}));
  Harness proved;
  add_one(proved);
  proved.frame(kXrp);
  proved.want({kBtc, kEth, kXrp, trade});
  proved.advance(200ms);
  proved.error("INVALID_PARAM");
  EXPECT_EQ(proved.session.refused(), WantedSet{trade});
}

// Goal: on a host without price grouping such books are held back without asking.
TEST(SessionRefusal, levels_are_held_back_where_the_host_has_none) {
  Harness h({.has_book_levels = false});
  const WantedStream grouped = book("KRW-BTC", 0, 30, "1000");
  h.want({kBtc, grouped});
  h.start();
  EXPECT_EQ(h.take_log().at(0), "idle>idle e0 server_error");
  h.connect();
  EXPECT_EQ(h.take_requests().at(0).find("level"), std::string::npos);
  EXPECT_EQ(h.session.refused(), WantedSet{grouped});
}

// Goal: a request that the exchange refuses is not sent twice, by every name, known or not; another
// wanted set is sent.
TEST(SessionRefusal, refused_request_is_held_until_the_wanted_set_changes) {
  for (const char* name :
       {"WRONG_FORMAT", "NO_TICKET", "NO_TYPE", "NO_CODES", "INVALID_PARAM", "NEVER_HEARD_OF"}) {
    Harness h;
    h.go_live({kBtc});
    h.advance(150ms);
    h.error(name, "line\nbreak");
    ASSERT_EQ(h.actions.size(), 2U);
    EXPECT_EQ(h.actions[1].text, std::string(name) + ": line break");
    EXPECT_EQ(h.actions[1].server_error, server_error_kind(name));
    EXPECT_EQ(h.actions[1].request, 1U);
    EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>failed e1 server_error"}));
    h.close();
    h.want({kBtc});
    h.advance(24h);
    EXPECT_EQ(h.take_log(), Log{});
    h.want({kBtc, kEth});
    EXPECT_EQ(h.take_log(), (Log{"failed>connecting e2 requested", "dial e2"}));
  }
}

// Goal: an error speaks against the request it answers: not against a newer set that waits to be
// sent, nor against one that has long been served.
TEST(SessionRefusal, error_is_not_held_against_another_set) {
  Harness newer({.collect_window = 100ms});
  newer.go_live({kBtc});
  newer.want({kBtc, kEth});
  newer.error("INVALID_PARAM");
  EXPECT_EQ(newer.take_log().at(1), "live>backing_off e1 server_error");
  const WantedStream once = stream(EventKind::trade, "KRW-ETH", 1, StreamMode::snapshot_only);
  Harness smaller;
  smaller.go_live({kBtc, once});
  smaller.frame(once);
  smaller.want({kBtc});
  smaller.error("INVALID_PARAM");
  EXPECT_EQ(smaller.take_log().at(1), "live>backing_off e1 server_error")
      << "the set changed, although that alone needs no request";
  Harness served;
  served.go_live({kBtc});
  served.frame(kBtc);
  served.advance(6s);
  served.take_log();
  served.error("INTERNAL");
  EXPECT_EQ(served.take_log().at(1), "live>backing_off e1 server_error");
}

// Goal: error frames that mean a rate limit block, one that means a bad token gives up.
TEST(SessionRefusal, error_names_of_limits_block_and_of_tokens_fail) {
  for (const char* name : {"Too Many Requests", "I'm a teapot", "TOO_MANY_REQUEST"}) {
    Harness h;
    h.go_live({kBtc});
    h.error(name);
    EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>blocked e1 rate_limited"}));
    h.advance(60s - 1ns);
    EXPECT_EQ(h.take_log(), Log{});
    h.advance(1ns);
    EXPECT_EQ(h.take_log(), (Log{"blocked>connecting e2 none", "dial e2"}));
  }
  Harness h;
  h.go_live({kBtc});
  h.error("INVALID_AUTH");
  EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>failed e1 unauthorized"}));
}

}  // namespace
}  // namespace upfeed::test
