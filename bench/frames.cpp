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

namespace {

/// wanted  called with a market's code.
template <class Wanted>
std::vector<Frame> make_frames_of(EventKind kind, WireFormat format, std::size_t count,
                                  Wanted wanted) {
  sim::SyntheticProfile profile;
  profile.markets = {.krw = 60, .btc = 20, .usdt = 20};
  sim::Market market(kSeed, profile, kStartMs);
  const sim::Format spelled = sim_format(format);
  const sim::EventKind source = source_of(kind);
  std::vector<Frame> frames;
  while (frames.size() < count) {
    const sim::Event& event = market.step();
    if (event.kind != source) continue;
    if (!wanted(std::string_view(market.instruments()[event.market].code))) continue;
    frames.emplace_back(frame_text(kind, spelled, market, event));
  }
  return frames;
}

/// The frame with every number written without exponent or needless zeros.
Frame plainly_spelled(const Frame& frame) {
  MarketTable markets;
  Decoder decoder(markets, UnknownMarkets::intern);
  alignas(16) std::array<std::byte, kEventBytesMax> slot{};
  if (!decoder.decode(frame.payload(), {}, slot).is_event()) {
    throw std::invalid_argument("no frame to spell plainly");
  }
  std::string text;
  encode(*reinterpret_cast<const EventHeader*>(slot.data()), WireFormat::default_, text);
  return Frame(std::move(text));
}

}  // namespace

std::vector<Frame> make_frames(EventKind kind, WireFormat format, std::size_t count,
                               std::string_view code) {
  return make_frames_of(kind, format, count, [code](std::string_view candidate) {
    return code.empty() || candidate == code;
  });
}

std::vector<Frame> make_book_frames(BookCorpus corpus, std::size_t count) {
  constexpr auto kBook = EventKind::orderbook;
  std::vector<Frame> frames;
  switch (corpus) {
    case BookCorpus::plain:
      for (const Frame& frame : make_frames(kBook, WireFormat::default_, count)) {
        frames.push_back(plainly_spelled(frame));
      }
      break;
    case BookCorpus::default_all:
      return make_frames(kBook, WireFormat::default_, count);
    case BookCorpus::default_krw_btc:
      return make_frames(kBook, WireFormat::default_, count, "KRW-BTC");
    case BookCorpus::default_small: {
      frames = make_frames(kBook, WireFormat::default_, count / 2, "KRW-BTT");
      const auto quoted =
          make_frames_of(kBook, WireFormat::default_, count - count / 2,
                         [](std::string_view code) { return code.starts_with("BTC-"); });
      for (std::size_t i = 0; i < quoted.size(); ++i) {  // in turns
        frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(2 * i), quoted[i]);
      }
      break;
    }
    case BookCorpus::simple_all:
      return make_frames(kBook, WireFormat::simple, count);
  }
  return frames;
}

}  // namespace upfeed::bench
