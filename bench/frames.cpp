#include "frames.hpp"

#include <stdexcept>

#include "sim/market.hpp"
#include "sim/wire.hpp"

namespace upfeed::bench {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr std::int64_t kStartMs = 1'790'134'742'000;  // 2026-09-23T02:19:02Z

sim::Format sim_format(WireFormat format) {
  if (format == WireFormat::default_) return sim::Format::full;
  if (format == WireFormat::simple) return sim::Format::simple;
  throw std::invalid_argument("frames are made in DEFAULT and SIMPLE");
}

// What in the market makes a frame of this kind.
sim::EventKind source_of(EventKind kind) {
  switch (kind) {
    case EventKind::ticker:
    case EventKind::trade:
      return sim::EventKind::trade;
    case EventKind::orderbook:
      return sim::EventKind::book;
    case EventKind::candle:
      return sim::EventKind::candle;
    default:
      break;
  }
  throw std::invalid_argument("the exchange has no frames of this kind");
}

std::string frame_text(EventKind kind, sim::Format format, const sim::Market& market,
                       const sim::Event& event) {
  constexpr auto kStream = sim::StreamType::realtime;
  const sim::Instrument& instrument = market.instruments()[event.market];
  const sim::Trade& trade = market.last_trade(event.market);
  const sim::Ticker& ticker = market.ticker(event.market);
  std::string text;
  if (kind == EventKind::orderbook) {
    sim::write_orderbook(text, format, kStream, instrument, market.published_book(event.market),
                         {});
  } else if (kind == EventKind::candle) {
    sim::write_candle(text, format, kStream, instrument, event.candle_index, event.candle);
  } else if (kind == EventKind::ticker) {
    sim::write_ticker(text, format, kStream, instrument, ticker, trade, event.time_ms());
  } else {
    sim::write_trade(text, format, kStream, instrument, trade, ticker.prev_closing,
                     event.time_ms());
  }
  return text;
}

}  // namespace

std::vector<Frame> make_frames(EventKind kind, WireFormat format, std::size_t count,
                               std::string_view code) {
  sim::SyntheticProfile profile;
  profile.markets = {.krw = 60, .btc = 20, .usdt = 20};
  sim::Market market(kSeed, profile, kStartMs);
  const sim::Format spelled = sim_format(format);
  const sim::EventKind source = source_of(kind);
  std::vector<Frame> frames;
  while (frames.size() < count) {
    const sim::Event& event = market.step();
    if (event.kind != source) continue;
    if (!code.empty() && market.instruments()[event.market].code != code) continue;
    frames.emplace_back(frame_text(kind, spelled, market, event));
  }
  return frames;
}

}  // namespace upfeed::bench
