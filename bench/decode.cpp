// What turning one frame into an event costs, per stream and format, and the order book of 30 units
// against the usual JSON libraries. Ours is exact and checks the whole document; the libraries give
// doubles and check what they touch.

#include "decode/decode.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "frames.hpp"
#include "harness.hpp"
#include "json_baselines.hpp"
#include "upfeed/event_hash.hpp"

namespace upfeed::bench {
namespace {

constexpr std::size_t kFrames = 128;

/// A decoder, its markets and the slot it writes to.
class Bench {
 public:
  bool decode(const Frame& frame) {
    return decoder_.decode(frame.payload(), {.epoch = 1}, slot_).is_event();
  }
  [[nodiscard]] const EventHeader& event() const {
    return *reinterpret_cast<const EventHeader*>(slot_.data());
  }

 private:
  MarketTable markets_;
  Decoder decoder_{markets_, UnknownMarkets::intern};
  alignas(16) std::array<std::byte, kEventBytesMax> slot_{};
};

// Nothing of a frame is lost: what the event encodes to has the same keys and values, read by a
// parser that is not ours.
void verify(const std::vector<Frame>& frames, WireFormat format, EventHash& hash) {
  Bench bench;
  for (const Frame& frame : frames) {
    const std::string text(frame.text());
    require(bench.decode(frame), "decodes: " + text);
    std::string encoded;
    encode(bench.event(), format, encoded);
    require(nlohmann::json::parse(text) == nlohmann::json::parse(encoded),
            "comes back by value: " + text + " as " + encoded);
    hash.add(bench.event());
  }
}

// RapidJSON's usual mode may be off by a few units in the last place.
bool near(double value, double exact) {
  return std::abs(value - exact) <= 1e-15 * exact;
}

bool agrees(const DoubleBook& book, const OrderbookEvent& event) {
  bool same = event.code.view() ==
                  std::string_view(book.code.data(), strnlen(book.code.data(), book.code.size())) &&
              book.timestamp == event.timestamp.wire() && book.unit_count == event.unit_count &&
              near(book.total_ask_size, event.total_ask_size.to_double()) &&
              near(book.total_bid_size, event.total_bid_size.to_double()) &&
              near(book.level, event.level.to_double());
  for (std::size_t i = 0; same && i < event.unit_count; ++i) {
    const DoubleUnit& unit = book.units[i];
    same = near(unit.ask_price, event.units()[i].ask_price.to_double()) &&
           near(unit.bid_price, event.units()[i].bid_price.to_double()) &&
           near(unit.ask_size, event.ask_size(i).to_double()) &&
           near(unit.bid_size, event.bid_size(i).to_double());
  }
  return same;
}

template <class Parser>
void verify_baseline(const std::vector<Frame>& frames, const std::string& name) {
  Bench bench;
  Parser parser;
  for (const Frame& frame : frames) {
    DoubleBook book;
    require(bench.decode(frame) && parser.read(frame, book) &&
                agrees(book, static_cast<const OrderbookEvent&>(bench.event())),
            name + " and the decoder agree on " + std::string(frame.text()));
  }
}

void decode_frames(benchmark::State& state, const std::vector<Frame>& frames) {
  Bench bench;
  bool good = true;
  std::size_t next = 0;
  std::int64_t bytes = 0;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const Frame& frame = frames[next];
    good &= bench.decode(frame);
    benchmark::ClobberMemory();
    bytes += static_cast<std::int64_t>(frame.text().size());
    next = next + 1 == frames.size() ? 0 : next + 1;
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  if (!good) fail(state, "a frame was refused");
}

template <class Parser>
void compare_with(benchmark::State& state, const std::vector<Frame>& frames) {
  Bench bench;
  Parser parser;
  DoubleBook book;
  bool good = true;
  const auto ours = [&] {
    for (const Frame& frame : frames) {
      good &= bench.decode(frame);
      benchmark::ClobberMemory();
    }
  };
  const auto other = [&] {
    for (const Frame& frame : frames) {
      good &= parser.read(frame, book);
      benchmark::DoNotOptimize(&book);
      benchmark::ClobberMemory();
    }
  };
  compare(state, static_cast<std::int64_t>(frames.size()), ours, other);
  if (!good) fail(state, "a frame was refused");
}

template <class Parser>
void add_baseline(const std::string& name, const std::vector<Frame>& frames) {
  verify_baseline<Parser>(frames, name);
  benchmark::RegisterBenchmark(
      ("orderbook/default/vs_" + name).c_str(),
      [&frames](benchmark::State& state) { compare_with<Parser>(state, frames); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

void prepare() {
  struct Corpus {
    EventKind kind;
    WireFormat format;
    std::string name;
    std::vector<Frame> frames;
  };
  static std::vector<Corpus> corpora;
  EventHash hash;
  for (const EventKind kind :
       {EventKind::orderbook, EventKind::trade, EventKind::ticker, EventKind::candle}) {
    for (const WireFormat format : {WireFormat::default_, WireFormat::simple}) {
      corpora.push_back(
          {kind, format,
           std::string(to_string(kind)) + (format == WireFormat::simple ? "/simple" : "/default"),
           make_frames(kind, format, kFrames)});
      verify(corpora.back().frames, format, hash);
    }
  }
  // corpora grows no more, so references into it stay good.
  for (const Corpus& corpus : corpora) {
    benchmark::RegisterBenchmark(
        corpus.name.c_str(),
        [&frames = corpus.frames](benchmark::State& state) { decode_frames(state, frames); });
  }
  const std::vector<Frame>& books = corpora.front().frames;
  add_baseline<SimdjsonOnDemand>("simdjson_on_demand", books);
  add_baseline<RapidjsonDom>("rapidjson_dom", books);
  add_baseline<NlohmannDom>("nlohmann_dom", books);
  benchmark::AddCustomContext("event_hash", hash.hex());
  benchmark::AddCustomContext("simdjson", simdjson::get_active_implementation()->name() +
                                              " (stage 1), On-Demand of " +
                                              simdjson::builtin_implementation()->name());
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  return upfeed::bench::run(argc, argv, upfeed::bench::prepare);
}
