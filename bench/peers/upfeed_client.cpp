// upfeed as README.md shows it: callbacks for trades and books. OPTION: park or spin.
#include <atomic>
#include <cstdio>

#include "client.hpp"
#include "upfeed/feed.hpp"

int main(int argc, char** argv) {
  using namespace upfeed;
  const peers::Task task = peers::Task::from(argc, argv);
  peers::Samples samples(task);
  std::atomic<bool> is_over{false};
  FeedConfig config;
  config.endpoint = {.host = "localhost", .port = task.port, .ca_file = task.ca_file};
  const WaitPolicy wait = task.option == "spin" ? WaitPolicy::spin : WaitPolicy::park;
  config.io_wait = wait;
  config.dispatcher_wait = wait;
  auto feed = Feed::create(config);
  if (!feed) return std::fprintf(stderr, "%s\n", feed.error().message.c_str()), 1;
  const auto end = [&is_over] {
    is_over.store(true);
    is_over.notify_one();
  };
  // Both run on the dispatcher's thread.
  const auto on_trade = [&](const TradeEvent& trade) {
    if (trade.stream_type != StreamType::realtime) return;
    if (!samples.take(true, trade.timestamp.unix_us())) end();
  };
  const auto on_book = [&](const OrderbookEvent& event, const Book& book) {
    if (event.stream_type != StreamType::realtime || !book.live()) return;
    if (!samples.take(false, event.timestamp.unix_us())) end();
  };
  Client client = feed->client("peers");
  const auto trades = client.subscribe_trade(task.codes, on_trade);
  const auto books = client.subscribe_orderbook(task.codes, on_book);
  if (!trades || !books || !feed->start()) return 1;
  is_over.wait(false);
  return feed->stop().ok() ? samples.finish() : 1;
}
