#pragma once

// A session under a fake clock, with its actions collected as they come.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "session/session.hpp"

namespace upfeed::test {

using namespace std::chrono_literals;

inline WantedStream stream(EventKind kind, std::string_view code, std::uint32_t market,
                           StreamMode mode = StreamMode::both) {
  WantedStream stream;
  stream.kind = kind;
  stream.code = *MarketCode::parse(code);
  stream.market = {market};
  stream.mode = mode;
  return stream;
}

inline WantedStream book(std::string_view code, std::uint32_t market, std::uint8_t units = 30,
                         std::string_view level = "0", StreamMode mode = StreamMode::both) {
  WantedStream result = stream(EventKind::orderbook, code, market, mode);
  result.units = units;
  result.level = *Decimal::parse(level);
  return result;
}

inline WantedStream candle(CandleUnit unit, std::string_view code, std::uint32_t market) {
  WantedStream result = stream(EventKind::candle, code, market);
  result.candle_unit = unit;
  return result;
}

/// A private or info stream; without a code: of all markets, or of none.
inline WantedStream unbound(EventKind kind, std::string_view code = "", std::string options = {}) {
  WantedStream result;
  result.kind = kind;
  if (!code.empty()) result.code = *MarketCode::parse(code);
  result.options = std::move(options);
  return result;
}

inline WantedSet sorted(WantedSet set) {
  std::sort(set.begin(), set.end(), wanted_before);
  return set;
}

inline const WantedStream kBtc = stream(EventKind::ticker, "KRW-BTC", 0);
inline const WantedStream kEth = stream(EventKind::ticker, "KRW-ETH", 1);
inline const WantedStream kXrp = stream(EventKind::ticker, "KRW-XRP", 2);
inline const WantedStream kBook = book("KRW-ETH", 1);

/// For tests of other things in which streams are quiet for long.
inline constexpr SilenceLimits kNeverSilent{0s, 0s, 0s, 0s};

class Harness {
 public:
  explicit Harness(SessionConfig config = {}, RateLimits dial_limits = {})
      : budget(dial_limits), session(config, budget, 1) {}

  /// Lets time pass, with a tick exactly at each deadline.
  void advance(std::chrono::nanoseconds duration) {
    const MonoTime end = now + duration.count();
    while (session.deadline() <= end) {
      now = std::max(now, session.deadline());
      session.tick(now);
      collect();
      ASSERT_GT(session.deadline(), now) << "a due timer was left behind";
    }
    now = end;
  }

  void start() {
    session.start(now);
    collect();
  }
  /// Something that is no data: the pong, for one.
  void bytes() { session.on_bytes(now); }
  void up() {
    session.on_bytes(now);
    session.on_status_up(now);
    collect();
  }
  void audit() {
    session.audit(now);
    collect();
  }
  void subscriptions(std::string_view json) {
    session.on_bytes(now);
    session.on_subscriptions(json, now);
    collect();
  }
  void stop() {
    session.stop(now);
    collect();
  }
  void want(WantedSet set) {
    session.want(sorted(std::move(set)), now);
    collect();
  }
  void connect() {
    session.on_connected(session.epoch(), now);
    collect();
  }
  /// Started, wanting `set`, connected; what led there is forgotten.
  void go_live(WantedSet set) {
    want(std::move(set));
    start();
    connect();
    ASSERT_EQ(session.state(), SessionState::live);
    actions.clear();
  }
  void fail_dial(DialFailure failure = {}) {
    session.on_dial_failed(session.epoch(), failure, now);
    collect();
  }
  void close(StatusCause cause = StatusCause::closed_by_peer) {
    session.on_closed(session.epoch(), cause, 104, "reset", now);
    collect();
  }
  void error(std::string_view name, std::string_view message = "text") {
    session.on_server_error(name, message, now);
    collect();
  }
  /// What the exchange's clock says, minus so many milliseconds.
  [[nodiscard]] std::int64_t exchange_ms(std::int64_t ago_ms = 0) const {
    return 1'700'000'000'000 + now.ns / 1'000'000 - ago_ms;
  }
  /// A first or later frame of the stream; life, too. at_ms: when the state that it shows came to
  /// be; 0: the frame does not say.
  void frame(const WantedStream& of, std::int64_t at_ms = 0,
             StreamType type = StreamType::realtime) {
    const ExchangeTime at{at_ms};
    const auto feed = [&](auto event) {
      event.stream_type = type;
      event.kind = decltype(event)::kKind;
      event.market = of.market;
      event.epoch = session.epoch();
      session.on_bytes(now);
      session.on_event(event, now);
    };
    if (of.kind == EventKind::ticker) {
      TickerEvent event;
      event.trade_timestamp = at;
      feed(event);
    }
    if (of.kind == EventKind::trade) {
      TradeEvent event;
      event.trade_timestamp = at;
      event.sequential_id = static_cast<std::uint64_t>(at_ms) * 10'000;
      feed(event);
    }
    if (of.kind == EventKind::orderbook) {
      OrderbookEvent event;
      event.level = of.level;
      event.timestamp = at;
      feed(event);
    }
    if (of.kind == EventKind::candle) {
      CandleEvent event;
      event.unit = of.candle_unit;
      event.timestamp = at;
      feed(event);
    }
    if (session.deadline() <= now) session.tick(now);
    collect();
  }

  /// The actions so far, oldest first; the caller takes what it checks.
  std::vector<std::string> take_log() {
    std::vector<std::string> log;
    for (const SessionAction& action : actions) log.push_back(describe(action));
    actions.clear();
    return log;
  }
  /// Texts of the requests among them.
  std::vector<std::string> take_requests() {
    std::vector<std::string> texts;
    for (const SessionAction& action : actions) {
      if (action.kind == ActionKind::send_text) texts.push_back(action.text);
    }
    actions.clear();
    return texts;
  }

  static std::string describe(const SessionAction& action) {
    const std::string epoch = " e" + std::to_string(action.epoch);
    switch (action.kind) {
      case ActionKind::dial:
        return "dial" + epoch;
      case ActionKind::send_text:
        return "request" + epoch;
      case ActionKind::send_ping:
        return "ping" + epoch;
      case ActionKind::close:
        return "close" + epoch + " " + std::to_string(action.close_code);
      case ActionKind::status:
        break;
    }
    return std::string(to_string(action.previous_state)) + ">" +
           std::string(to_string(action.state)) + epoch + " " +
           std::string(to_string(action.cause));
  }

  void collect() {
    SessionAction action;
    while (session.next_action(action)) {
      if (action.kind == ActionKind::send_text && action.text == "PING") {
        ++text_pings;
      } else if (action.kind == ActionKind::send_text &&
                 action.text.find("-list-") != std::string::npos) {
        on_list(action.text);
      } else if (answer_audits && action.text.find("-audit-") != std::string::npos) {
        on_list(action.text);
      } else {
        actions.push_back(std::move(action));
      }
    }
  }

  /// A list of the session's own accord: answered with `list` at once, unless that is empty.
  void on_list(const std::string& request) {
    ++lists;
    const std::size_t from = request.find("upfeed-");
    list_ticket = request.substr(from, request.find('"', from) - from);
    if (!list.empty()) answer_list();
  }
  void answer_list() {
    subscriptions(R"({"method":"LIST_SUBSCRIPTIONS","result":[)" + list + R"(],"ticket":")" +
                  list_ticket + R"("})");
  }

  MonoTime now{1'000'000'000'000};
  DialBudget budget;
  Session session;
  std::vector<SessionAction> actions;  // but for what every connection sends: the text PING, lists
  int text_pings = 0;
  int lists = 0;
  bool answer_audits = false;  // like lists
  std::string list;            // what the exchange says that it serves; empty: no answer
  std::string list_ticket;     // of the newest
};

using Log = std::vector<std::string>;

}  // namespace upfeed::test
