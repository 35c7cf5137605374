// What turning one frame into an event costs: every fast decoder and the reference against simdjson
// On-Demand, per stream, format and way to spell numbers; the order book against two more JSON
// libraries. Ours is exact and checks the whole document; the libraries give doubles and check what
// they touch.

#include "decode/decode.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "decode/fields.hpp"
#include "frames.hpp"
#include "gates.hpp"
#include "harness.hpp"
#include "json_baselines.hpp"
#include "on_demand.hpp"
#include "sealed.hpp"
#include "upfeed/event_hash.hpp"

namespace upfeed::bench {
namespace {

constexpr std::size_t kFrames = 128;

struct Kernel {
  DecodeKernel kernel;
  std::string_view name;
};
constexpr std::array<Kernel, 5> kKernels{{{DecodeKernel::automatic, "automatic"},
                                          {DecodeKernel::avx512, "avx512"},
                                          {DecodeKernel::avx2, "avx2"},
                                          {DecodeKernel::scalar, "scalar"},
                                          {DecodeKernel::reference, "reference"}}};

/// Frames of one stream in one format.
struct Corpus {
  EventKind kind;
  bool simple;
  std::string name;
  std::vector<Frame> frames;

  [[nodiscard]] WireFormat format() const {
    return simple ? WireFormat::simple : WireFormat::default_;
  }
};

}  // namespace

/// A decoder, its markets and the slot it writes to.
class Bench {
 public:
  explicit Bench(DecodeKernel kernel)
      : decoder_(markets_, UnknownMarkets::intern, std::size_t{1} << 20, kernel) {}

  bool decode(const Frame& frame) { return decode(frame.payload()); }
  bool decode(std::span<const char> payload) {
    const Decoded decoded = decoder_.decode(payload, {.epoch = 1}, slot_);
    fast_ = decoded.fast;
    return decoded.is_event();
  }
  [[nodiscard]] bool fast() const { return fast_; }
  [[nodiscard]] const EventHeader& event() const {
    return *reinterpret_cast<const EventHeader*>(slot_.data());
  }

 private:
  MarketTable markets_;
  Decoder decoder_;
  bool fast_ = false;
  alignas(16) std::array<std::byte, kEventBytesMax> slot_{};
};

namespace {

// Nothing of a frame is lost: what the event encodes to has the same keys and values, read by a
// parser that is not ours. Every kernel gives that same event, and fast.
void verify(const Corpus& corpus, EventHash& hash) {
  for (const Kernel& kernel : kKernels) {
    if (!decode_kernel_supported(kernel.kernel)) continue;
    Bench bench(kernel.kernel);
    Bench reference(DecodeKernel::reference);
    for (const Frame& frame : corpus.frames) {
      const std::string text(frame.text());
      require(bench.decode(frame) && reference.decode(frame), "decodes: " + text);
      require(bench.fast() == (kernel.kernel != DecodeKernel::reference),
              std::string(kernel.name) + " needs no reference: " + text);
      std::string encoded;
      std::string expected;
      encode(bench.event(), corpus.format(), encoded);
      encode(reference.event(), corpus.format(), expected);
      require(encoded == expected, std::string(kernel.name) + " gives the same event: " + text);
      require(nlohmann::json::parse(text) == nlohmann::json::parse(encoded),
              "comes back by value: " + text + " as " + encoded);
      hash.add(bench.event());
    }
  }
}

// RapidJSON's usual mode may be off by a few units in the last place.
bool near(double value, double exact) {
  return std::abs(value - exact) <= 1e-15 * std::abs(exact);
}

bool agrees(const std::array<DoubleUnit, kBookDepthMax>& units, const OrderbookEvent& event) {
  for (std::size_t i = 0; i < event.unit_count; ++i) {
    if (!near(units[i].ask_price, event.units()[i].ask_price.to_double()) ||
        !near(units[i].bid_price, event.units()[i].bid_price.to_double()) ||
        !near(units[i].ask_size, event.ask_size(i).to_double()) ||
        !near(units[i].bid_size, event.bid_size(i).to_double())) {
      return false;
    }
  }
  return true;
}

bool agrees(const DoubleBook& book, const OrderbookEvent& event) {
  return event.code.view() ==
             std::string_view(book.code.data(), strnlen(book.code.data(), book.code.size())) &&
         book.timestamp == event.timestamp.wire() && book.unit_count == event.unit_count &&
         near(book.total_ask_size, event.total_ask_size.to_double()) &&
         near(book.total_bid_size, event.total_bid_size.to_double()) &&
         near(book.level, event.level.to_double()) && agrees(book.units, event);
}

/// Every number, time and text of the record is the event's.
template <class Event>
bool agrees(const DoubleRecord& record, const Event& event) {
  bool same = true;
  for (std::size_t i = 0; i < detail::kFields<Event>.size(); ++i) {
    std::visit(
        [&](auto slot) {
          if constexpr (std::is_member_object_pointer_v<decltype(slot)>) {
            const auto& member = event.*slot;
            using Member = std::remove_cvref_t<decltype(member)>;
            if constexpr (requires { member.to_double(); }) {
              same &= near(record.numbers[i], member.to_double());
            } else if constexpr (std::is_same_v<Member, ExchangeTime>) {
              same &= record.integers[i] == static_cast<std::uint64_t>(member.wire());
            } else if constexpr (std::is_integral_v<Member>) {
              same &= record.integers[i] == std::uint64_t{member};
            } else if constexpr (requires { member.view(); }) {
              same &= record.texts[i] == member.view();
            } else if constexpr (requires { to_string(member); }) {
              same &= record.texts[i] == to_string(member);
            }
          }
        },
        detail::kFields<Event>[i].slot);
  }
  if constexpr (std::is_same_v<Event, OrderbookEvent>) {
    same &= record.unit_count == event.unit_count && agrees(record.units, event);
  }
  return same && record.texts[1] == event.code.view();
}

void decode_frames(benchmark::State& state, const Corpus& corpus, DecodeKernel kernel) {
  Bench bench(kernel);
  bool good = true;
  std::size_t next = 0;
  std::int64_t bytes = 0;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const Frame& frame = corpus.frames[next];
    good &= bench.decode(frame);
    benchmark::ClobberMemory();
    bytes += static_cast<std::int64_t>(frame.text().size());
    next = next + 1 == corpus.frames.size() ? 0 : next + 1;
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  if (!good) fail(state, "a frame was refused");
}

/// Rounds over all frames of ours and of another's, of some 200 us: in shorter ones caches
/// and branch predictors would still be full of the other side.
template <class Ours, class Other>
void compare_reads(benchmark::State& state, const std::vector<Frame>& frames, Ours ours,
                   Other other) {
  constexpr std::size_t kRoundBytes = std::size_t{1} << 19;
  std::size_t bytes = 0;
  for (const Frame& frame : frames) bytes += frame.text().size();
  const std::size_t turns = 1 + kRoundBytes / bytes;
  bool good = true;
  const auto round = [&](auto& read) {
    return [&] {
      for (std::size_t turn = 0; turn < turns; ++turn) {
        for (const Frame& frame : frames) {
          good &= read(frame);
          benchmark::ClobberMemory();
        }
      }
    };
  };
  compare(state, static_cast<std::int64_t>(turns * frames.size()), round(ours), round(other));
  if (!good) fail(state, "a frame was refused");
}

void add_comparison(const std::string& name,
                    void (*run)(benchmark::State&, const Corpus&, DecodeKernel),
                    const Corpus& corpus, DecodeKernel kernel) {
  benchmark::RegisterBenchmark(
      name.c_str(), [run, &corpus, kernel](benchmark::State& state) { run(state, corpus, kernel); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

template <class Event>
void compare_with_on_demand(benchmark::State& state, const Corpus& corpus, DecodeKernel kernel) {
  Bench bench(kernel);
  SimdjsonOnDemand parser;
  DoubleRecord record;
  compare_reads(
      state, corpus.frames, [&](const Frame& frame) { return bench.decode(frame); },
      [&](const Frame& frame) {
        benchmark::DoNotOptimize(&record);
        return parser.read<Event>(frame, corpus.simple, record);
      });
}

/// The baseline itself against the part of it that nobody can leave out.
template <class Event>
void compare_on_demand_with_stage1(benchmark::State& state, const Corpus& corpus, DecodeKernel) {
  SimdjsonOnDemand parser;
  DoubleRecord record;
  compare_reads(
      state, corpus.frames,
      [&](const Frame& frame) {
        benchmark::DoNotOptimize(&record);
        return parser.read<Event>(frame, corpus.simple, record);
      },
      [&](const Frame& frame) { return parser.stage1(frame); });
}

template <class Event>
void add_on_demand(const Corpus& corpus) {
  Bench bench(DecodeKernel::reference);
  SimdjsonOnDemand parser;
  for (const Frame& frame : corpus.frames) {
    DoubleRecord record;
    require(bench.decode(frame) && parser.read<Event>(frame, corpus.simple, record) &&
                agrees(record, static_cast<const Event&>(bench.event())),
            "On-Demand and the decoder agree on " + std::string(frame.text()));
  }
  for (const Kernel& kernel : kKernels) {
    if (!decode_kernel_supported(kernel.kernel)) continue;
    add_comparison(corpus.name + '/' + std::string(kernel.name) + "/vs_on_demand",
                   compare_with_on_demand<Event>, corpus, kernel.kernel);
  }
  add_comparison(corpus.name + "/on_demand/vs_its_stage1", compare_on_demand_with_stage1<Event>,
                 corpus, DecodeKernel::reference);
}

/// The same market in both formats, from the ciphertext to the event: SIMPLE is ours here.
void compare_formats(benchmark::State& state, const Corpus& simple, const Corpus& full) {
  struct Side {
    explicit Side(const Corpus& corpus) : sealed(corpus.frames) {}
    bool read() {
      bool good = true;
      for (std::size_t i = 0; i < sealed.size(); ++i) {
        good &= bench.decode(sealed.open(i));
        benchmark::ClobberMemory();
      }
      return good;
    }
    SealedFrames sealed;
    Bench bench{DecodeKernel::automatic};
  };
  Side ours(simple);
  Side other(full);
  bool good = true;
  compare(
      state, static_cast<std::int64_t>(simple.frames.size()), [&] { good &= ours.read(); },
      [&] { good &= other.read(); });
  if (!good) fail(state, "a frame was refused");
  state.counters["bytes"] = static_cast<double>(ours.sealed.bytes() / simple.frames.size());
  state.counters["bytes_default"] = static_cast<double>(other.sealed.bytes() / full.frames.size());
}

void add_formats(const Corpus& simple, const Corpus& full) {
  benchmark::RegisterBenchmark(
      ("decrypt_and_decode/" + std::string(to_string(simple.kind)) + "/simple/vs_default").c_str(),
      [&simple, &full](benchmark::State& state) { compare_formats(state, simple, full); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

template <class Parser>
void compare_with_dom(benchmark::State& state, const Corpus& corpus, DecodeKernel kernel) {
  Bench bench(kernel);
  Parser parser;
  DoubleBook book;
  compare_reads(
      state, corpus.frames, [&](const Frame& frame) { return bench.decode(frame); },
      [&](const Frame& frame) {
        benchmark::DoNotOptimize(&book);
        return parser.read(frame, book);
      });
}

template <class Parser>
void add_dom(const std::string& name, const Corpus& corpus) {
  Bench bench(DecodeKernel::reference);
  Parser parser;
  for (const Frame& frame : corpus.frames) {
    DoubleBook book;
    require(bench.decode(frame) && parser.read(frame, book) &&
                agrees(book, static_cast<const OrderbookEvent&>(bench.event())),
            name + " and the decoder agree on " + std::string(frame.text()));
  }
  add_comparison(corpus.name + "/automatic/vs_" + name, compare_with_dom<Parser>, corpus,
                 DecodeKernel::automatic);
}

const std::vector<Corpus>& make_corpora(std::size_t frames) {
  static std::vector<Corpus> corpora;
  for (std::size_t i = 0; i < kBookCorpusNames.size(); ++i) {
    const auto corpus = static_cast<BookCorpus>(i);
    corpora.push_back({EventKind::orderbook, corpus == BookCorpus::simple_all,
                       "orderbook/" + std::string(kBookCorpusNames[i]),
                       make_book_frames(corpus, frames)});
  }
  for (const EventKind kind : {EventKind::trade, EventKind::ticker, EventKind::candle}) {
    for (const bool simple : {false, true}) {
      const WireFormat format = simple ? WireFormat::simple : WireFormat::default_;
      corpora.push_back({kind, simple,
                         std::string(to_string(kind)) + (simple ? "/simple" : "/default"),
                         make_frames(kind, format, frames)});
    }
  }
  return corpora;
}

/// The goals of the decoders, as times simdjson On-Demand. One of the reference would say nothing:
/// it stands on On-Demand.
void add_gates() {
  struct BookGoal {
    std::string_view kernel;
    std::array<double, kBookCorpusNames.size()> goals;
    std::array<double, kBookCorpusNames.size()> gates;
  };
  constexpr std::array<BookGoal, 3> kBookGoals{
      {{"avx512", {4.8, 4.0, 4.0, 3.0, 4.0}, {4.3, 3.0, 3.0, 2.2, 3.0}},
       {"avx2", {2.0, 1.8, 1.8, 1.8, 1.8}, {1.6, 1.6, 1.6, 1.6, 1.6}},
       {"scalar", {1.6, 1.6, 1.6, 1.6, 1.6}, {1.3, 1.3, 1.3, 1.3, 1.3}}}};
  for (const BookGoal& book : kBookGoals) {
    for (std::size_t i = 0; i < kBookCorpusNames.size(); ++i) {
      add_gate(Gate::speedup("G1",
                             "orderbook/" + std::string(kBookCorpusNames[i]) + '/' +
                                 std::string(book.kernel) + "/vs_on_demand",
                             book.goals[i], book.gates[i]));
    }
  }
  const auto add = [](const char* corpus, double goal, double gate) {
    add_gate(Gate::speedup("G2", std::string(corpus) + "/automatic/vs_on_demand", goal, gate));
  };
  add("ticker/default", 2.8, 2.2);
  add("ticker/simple", 2.8, 2.2);
  add("trade/default", 3.2, 2.4);
  add("trade/simple", 3.2, 2.4);
  add("candle/default", 2.8, 2.2);
  add("candle/simple", 2.8, 2.2);
}

void prepare() {
  require(decode_kernel_supported(DecodeKernel::avx2), "the processor has AVX2");
  const std::vector<Corpus>& corpora = make_corpora(kFrames);
  EventHash hash;
  for (const Corpus& corpus : corpora) {
    verify(corpus, hash);
    if (corpus.kind == EventKind::orderbook) add_on_demand<OrderbookEvent>(corpus);
    if (corpus.kind == EventKind::trade) add_on_demand<TradeEvent>(corpus);
    if (corpus.kind == EventKind::ticker) add_on_demand<TickerEvent>(corpus);
    if (corpus.kind == EventKind::candle) add_on_demand<CandleEvent>(corpus);
    for (const Kernel& kernel : kKernels) {
      benchmark::RegisterBenchmark((corpus.name + '/' + std::string(kernel.name)).c_str(),
                                   [&corpus, kernel](benchmark::State& state) {
                                     decode_frames(state, corpus, kernel.kernel);
                                   });
    }
  }
  constexpr auto kDefaultBooks = static_cast<std::size_t>(BookCorpus::default_all);
  constexpr auto kSimpleBooks = static_cast<std::size_t>(BookCorpus::simple_all);
  add_formats(corpora[kSimpleBooks], corpora[kDefaultBooks]);
  for (std::size_t i = kBookCorpusNames.size(); i < corpora.size(); i += 2) {
    add_formats(corpora[i + 1], corpora[i]);
  }
  add_gates();
  add_dom<RapidjsonDom>("rapidjson_dom", corpora[1]);
  add_dom<NlohmannDom>("nlohmann_dom", corpora[1]);
  benchmark::AddCustomContext("event_hash", hash.hex());
  benchmark::AddCustomContext("simdjson", SimdjsonOnDemand::description());
}

}  // namespace

/// What instructions.py counts, by this name.
extern "C" __attribute__((noinline)) bool upfeed_count_decodes(Bench* bench,
                                                               const std::vector<Frame>* frames) {
  bool good = true;
  for (const Frame& frame : *frames) good &= bench->decode(frame);
  return good;
}

namespace {

/// Calls upfeed_count_decodes for each kernel and corpus, and prints which one it was and of how
/// many frames. Only kernels that valgrind knows the instructions of.
int print_counts() {
  constexpr std::size_t kCountedFrames = 32;
  for (const Corpus& corpus : make_corpora(kCountedFrames)) {
    for (const DecodeKernel kernel : {DecodeKernel::avx2, DecodeKernel::scalar}) {
      Bench bench(kernel);
      for (const Frame& frame : corpus.frames) {  // markets are in the table from here on
        if (!bench.decode(frame)) return 1;
      }
      if (!upfeed_count_decodes(&bench, &corpus.frames)) return 1;
      std::cout << corpus.name << '/' << (kernel == DecodeKernel::avx2 ? "avx2" : "scalar") << ' '
                << corpus.frames.size() << '\n';
    }
  }
  return 0;
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--count") return upfeed::bench::print_counts();
  return upfeed::bench::run(argc, argv, upfeed::bench::prepare);
}
