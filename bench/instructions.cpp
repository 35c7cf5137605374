// The instructions that one operation of the hot path takes, for callgrind (instructions.py): they
// hardly change from run to run or with the load of the machine, so a change that costs shows at
// once. They are no speed: valgrind knows no AVX-512, and an instruction is not a nanosecond.
//
//   instructions             lists the operations
//   instructions NAME COUNT  runs one of them so often within measured(), where callgrind counts

#include <array>
#include <charconv>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frames.hpp"
#include "net/ws_parser.hpp"
#include "upfeed/book.hpp"
#include "upfeed/spsc_ring.hpp"

// Its name is what callgrind is told.
extern "C" [[gnu::noinline]] void upfeed_measured(const std::function<void(std::size_t)>& operation,
                                                  std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) operation(i);
}

namespace upfeed::bench {
namespace {

constexpr std::size_t kFrames = 64;

using Operation = std::function<void(std::size_t)>;
/// Sets up what the operation works on; called for the one that runs.
using Make = std::function<Operation()>;

struct Decoding {
  explicit Decoding(std::vector<Frame> made, DecodeKernel kernel)
      : frames(std::move(made)),
        decoder(markets, UnknownMarkets::intern, std::size_t{1} << 20, kernel) {}
  std::vector<Frame> frames;
  MarketTable markets;
  Decoder decoder;
  alignas(16) std::array<std::byte, kEventBytesMax> slot{};
};

Make decode(EventKind kind, WireFormat format, DecodeKernel kernel) {
  return [=]() -> Operation {
    auto state = std::make_shared<Decoding>(make_frames(kind, format, kFrames), kernel);
    return [state](std::size_t i) {
      const Decoded decoded =
          state->decoder.decode(state->frames[i % kFrames].payload(), {.epoch = 1}, state->slot);
      if (!decoded.is_event()) std::abort();
    };
  };
}

Operation apply_book() {
  struct Books {
    std::vector<std::vector<std::byte>> events;
    Book book;
  };
  auto state = std::make_shared<Books>();
  Decoding decoding(make_frames(EventKind::orderbook, WireFormat::default_, kFrames, "KRW-BTC"),
                    DecodeKernel::reference);
  for (const Frame& frame : decoding.frames) {
    if (!decoding.decoder.decode(frame.payload(), {.epoch = 1}, decoding.slot).is_event()) {
      std::abort();
    }
    // Always the same time: a book refuses to go back.
    auto& event = *reinterpret_cast<OrderbookEvent*>(decoding.slot.data());
    event.timestamp = ExchangeTime{};
    state->events.emplace_back(decoding.slot.begin(), decoding.slot.begin() + kMarketEventBytesMax);
  }
  return [state](std::size_t i) {
    const auto& event = *reinterpret_cast<const OrderbookEvent*>(state->events[i % kFrames].data());
    if (!state->book.apply(event).applied()) std::abort();
  };
}

Operation pass_record() {
  auto ring = std::make_shared<SpscRing>(std::size_t{1} << 16, 1024);
  return [ring](std::size_t i) {
    std::byte* const room = ring->try_claim(56);
    if (room == nullptr) std::abort();
    std::memcpy(room, &i, sizeof i);
    ring->publish(56);
    if (ring->peek().empty()) std::abort();
    ring->release();
  };
}

Operation parse_frame() {
  struct Parsing {
    net::WsParser parser;
    std::string bytes = "\x82\x7e\x0a\xf0" + std::string(2800, '7');
  };
  auto state = std::make_shared<Parsing>();
  return [state](std::size_t) {
    std::memcpy(state->parser.prepare().data(), state->bytes.data(), state->bytes.size());
    state->parser.commit(state->bytes.size());
    net::WsMessage message;
    if (state->parser.next(message) != net::ParseStatus::ready) std::abort();
    if (state->parser.next(message) != net::ParseStatus::need_more) std::abort();
  };
}

std::map<std::string, Make> operations() {
  std::map<std::string, Make> all;
  const auto add = [&](const char* name, EventKind kind, WireFormat format) {
    all[std::string("decode/") + name + "/avx2"] = decode(kind, format, DecodeKernel::avx2);
    all[std::string("decode/") + name + "/scalar"] = decode(kind, format, DecodeKernel::scalar);
  };
  add("orderbook_default", EventKind::orderbook, WireFormat::default_);
  add("orderbook_simple", EventKind::orderbook, WireFormat::simple);
  add("trade_default", EventKind::trade, WireFormat::default_);
  add("ticker_default", EventKind::ticker, WireFormat::default_);
  add("candle_default", EventKind::candle, WireFormat::default_);
  all["book/apply_30_units"] = apply_book;
  all["ring/pass_56_bytes"] = pass_record;
  all["websocket/parse_2800_bytes"] = parse_frame;
  return all;
}

}  // namespace
}  // namespace upfeed::bench

int main(int argc, char** argv) {
  const auto all = upfeed::bench::operations();
  if (argc == 1) {
    for (const auto& [name, make] : all) std::cout << name << '\n';
    return 0;
  }
  const auto found = all.find(argv[1]);
  std::size_t count = 0;
  const std::string number = argc > 2 ? argv[2] : "";
  std::from_chars(number.data(), number.data() + number.size(), count);
  if (argc != 3 || found == all.end() || count == 0) {
    std::cerr << "usage: instructions [NAME COUNT]\n";
    return 2;
  }
  const auto operation = found->second();

  upfeed_measured(operation, count);
  return 0;
}
