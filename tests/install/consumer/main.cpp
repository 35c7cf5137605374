// What an application that embeds upfeed compiles: one orderbook record travels through a ring into
// a book, and a feed is made from a configuration text, which needs everything the library links.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "upfeed/book.hpp"
#include "upfeed/config_file.hpp"
#include "upfeed/feed.hpp"
#include "upfeed/spsc_ring.hpp"

namespace {

// Writes a book of one level in place, as a decoder would.
void publish_book(upfeed::SpscRing& ring) {
  const std::size_t bytes = upfeed::OrderbookEvent::record_bytes(1, false);
  std::byte* slot = ring.try_claim(bytes);
  if (slot == nullptr) std::abort();
  auto* event = new (slot) upfeed::OrderbookEvent;
  event->kind = upfeed::EventKind::orderbook;
  event->size_bytes = static_cast<std::uint32_t>(bytes);
  event->epoch = 1;
  event->code = *upfeed::MarketCode::parse("KRW-BTC");
  event->timestamp = upfeed::ExchangeTime(1'750'000'000'000);
  event->unit_count = event->ask_count = event->bid_count = 1;
  event->unit_array()[0] = {.ask_price = *upfeed::Price::parse("1.16539E8"),
                            .bid_price = *upfeed::Price::parse("116538000"),
                            .ask_size = *upfeed::Quantity::parse("0.02054761"),
                            .bid_size = *upfeed::Quantity::parse("5.0E-4")};
  ring.publish(bytes);
}

}  // namespace

int main() {
  const auto config = upfeed::config_from("[limits]\nring_bytes = 1048576\n");
  if (!config) return EXIT_FAILURE;
  const auto feed = upfeed::Feed::create(config.value());
  if (!feed) return EXIT_FAILURE;

  upfeed::SpscRing ring(1 << 16, upfeed::kEventBytesMax);
  publish_book(ring);

  upfeed::Book book;
  const auto record = ring.peek();
  if (record.empty()) return EXIT_FAILURE;
  book.apply(*reinterpret_cast<const upfeed::OrderbookEvent*>(record.data()));
  ring.release();

  const auto spread = book.spread();
  if (!spread) return EXIT_FAILURE;
  std::printf("%s spread %s\n", std::string(book.code().view()).c_str(),
              spread->to_string().c_str());
  return *spread == *upfeed::Price::parse("1000") ? EXIT_SUCCESS : EXIT_FAILURE;
}
