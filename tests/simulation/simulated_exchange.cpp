// The exchange's side of the simulation: what it answers, what it sends, what it forgets.

#include "simulation.hpp"

namespace upfeed::simulation {

/// The exchange reads a message; its answer comes a round trip later.
void Simulation::on_text(Actor& actor, const std::string& text) {
  const std::int64_t answer_ns = now_ns_ + static_cast<std::int64_t>(1 + below(400)) * kMillisecond;
  if (actor.peer_frozen || actor.application_dead) return;
  if (text == "PING") {
    actor.up_at_ns = now_ns_ + static_cast<std::int64_t>(1 + below(10'000)) * kMillisecond;
  } else if (!actor.checker.audit_ticket().empty()) {
    actor.audit_ticket = actor.checker.audit_ticket();
    actor.audit_at_ns = answer_ns;
    actor.audit_listed =
        actor.checker.served() & ~(actor.checker.forgotten() & actor.checker.arrived());
  } else {
    auto snapshots = actor.checker.snapshots() & ~actor.checker.silent();
    if (percent(10)) {
      count(Fault::first_frame_missing);
      const auto fresh = snapshots & ~actor.checker.arrived();
      for (std::size_t i = 0; i < kCatalogMax; ++i) {
        if (fresh[i] && percent(50)) snapshots.reset(i);
      }
    }
    actor.snapshots |= snapshots;
    actor.snapshots_at_ns = std::min(actor.snapshots_at_ns, answer_ns);
  }
}

void Simulation::send_snapshots(Actor& actor) {
  actor.snapshots_at_ns = INT64_MAX;
  auto snapshots = actor.snapshots & ~actor.checker.silent() & actor.checker.served();
  actor.snapshots.reset();
  for (std::size_t i = 0; i < Catalog::instance().streams.size() && actor.checker.is_live(); ++i) {
    if (!snapshots[i]) continue;
    const bool busy = actor.checker.is_busy(i);
    if (busy) change(actor, i);
    send_frame(actor, i, StreamType::snapshot);
    if (!busy || actor.checker.is_dropped(i)) continue;
    actor.checker.rest(i);
    send_frame(actor, i, StreamType::realtime);
  }
}

void Simulation::answer_audit(Actor& actor) {
  actor.audit_at_ns = INT64_MAX;
  std::bitset<kCatalogMax> listed = actor.audit_listed;
  bool another = false;
  if (percent(20)) {
    count(Fault::audit_lie);
    another = percent(50);
    const auto settled = listed & actor.checker.arrived();
    for (std::size_t i = 0; i < kCatalogMax; ++i) {
      if (settled[i] && percent(30)) listed.reset(i);
    }
  }
  if (actor.audit_ticket != actor.checker.audit_ticket()) count(Fault::audit_overtaken);
  std::string text = R"({"method":"LIST_SUBSCRIPTIONS","result":[)";
  if (another) text += R"({"type":"trade","codes":["KRW-DOGE"]},)";
  for (std::size_t i = 0; i < Catalog::instance().streams.size(); ++i) {
    if (!listed[i]) continue;
    text += R"({"type":")" + Catalog::instance().types[i] + '"';
    if (!Catalog::instance().codes[i].empty())
      text += R"(,"codes":[")" + Catalog::instance().codes[i] + R"("])";
    if (!Catalog::instance().levels[i].empty())
      text += R"(,"level":)" + Catalog::instance().levels[i];
    text += "},";
  }
  if (text.back() == ',') text.pop_back();
  text += R"(],"ticket":")" + actor.audit_ticket + R"("})";
  bytes(actor);
  actor.checker.audit_answer(actor.audit_ticket, listed, another, now_ns_);
  actor.session.on_subscriptions(text, now());
  after_input(actor);
  actor.checker.audit_answered(actor.session.last_audit(), now_ns_);
}

void Simulation::drop_stream(Actor& actor) {
  const std::size_t size = Catalog::instance().streams.size();
  const std::size_t offset = below(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t stream = (offset + i) % size;
    if (!actor.checker.served()[stream] || !actor.checker.arrived()[stream]) continue;
    if (actor.checker.is_dropped(stream)) continue;
    constexpr std::array<Fault, 3> kFaults = {Fault::stream_forgotten, Fault::stream_muted,
                                              Fault::stream_deaf};
    const auto loss = static_cast<Loss>(below(kFaults.size()));
    const bool busy = percent(50);
    count(kFaults[static_cast<std::size_t>(loss)]);
    if (busy) count(Fault::stream_busy);
    const unsigned ignored = loss == Loss::forgotten ? 0 : 1 + static_cast<unsigned>(below(5));
    actor.checker.lose(stream, loss, ignored, busy, now_ns_);
    if (percent(50)) change(actor, stream);
    return;
  }
}

/// Something happened on the market.
void Simulation::change(Actor& actor, std::size_t stream) {
  actor.changed_ms[stream] = exchange_ms(now_ns_);
}

void Simulation::send_frame(Actor& actor, std::size_t stream, StreamType type) {
  if (!actor.checker.is_live()) return;
  const std::int64_t at_ms = actor.changed_ms[stream];
  bytes(actor);
  actor.checker.frame(stream, type == StreamType::snapshot, now_ns_);
  deliver(actor, stream, at_ms, type, actor.checker.epoch());
  if (type == StreamType::realtime && percent(3)) {
    count(Fault::late_trade);
    deliver(actor, stream, at_ms - 5, type, actor.checker.epoch());
  }
  after_input(actor);
}

void Simulation::deliver(Actor& actor, std::size_t stream, std::int64_t at_ms, StreamType type,
                         std::uint32_t epoch) {
  ++inputs_;
  const WantedStream& of = Catalog::instance().streams[stream];
  const ExchangeTime at{at_ms};
  const auto send = [&](auto& event) {
    event.kind = of.kind;
    event.market = of.market;
    event.epoch = epoch;
    event.stream_type = type;
    actor.session.on_event(event, now());
  };
  if (of.kind == EventKind::orderbook) {
    OrderbookEvent event;
    event.level = of.level;
    event.timestamp = at;
    send(event);
  } else if (of.kind == EventKind::candle) {
    CandleEvent event;
    event.unit = of.candle_unit;
    event.timestamp = at;
    send(event);
  } else if (of.kind == EventKind::trade) {
    TradeEvent event;
    event.trade_timestamp = at;
    event.sequential_id = static_cast<std::uint64_t>(at_ms) * 10'000;
    send(event);
  } else if (of.kind == EventKind::ticker) {
    TickerEvent event;
    event.trade_timestamp = at;
    send(event);
  } else {
    EventHeader event;
    send(event);
  }
}

void Simulation::stale_frame(Actor& actor) {
  count(Fault::stale_frame);
  const std::size_t before = actor.session.missing_first_frames().size();
  deliver(actor, below(Catalog::instance().streams.size()), exchange_ms(now_ns_),
          StreamType::snapshot, actor.checker.epoch() - 1);
  actor.checker.stale_frame(before, actor.session.missing_first_frames().size());
}

}  // namespace upfeed::simulation
