// Pieces of README.md, word for word.
#include <atomic>

#include "upfeed/config_file.hpp"
#include "upfeed/feed.hpp"

struct Strategy {
  void operator()(const upfeed::TradeEvent& trade);
  void operator()(const upfeed::OrderbookEvent& event, const upfeed::Book& book);
};

// On the feed's dispatcher thread, until Feed::stop():
bool run_beside(upfeed::Feed& feed, Strategy& strategy) {
  return feed.start(strategy).ok();
}

// Or in a loop of your own:
void run_here(upfeed::Feed& feed, Strategy& strategy, const std::atomic<bool>& go_on) {
  while (go_on) {
    feed.step_io();
    feed.poll(strategy);
  }
}

void Strategy::operator()(const upfeed::TradeEvent&) {}
void Strategy::operator()(const upfeed::OrderbookEvent&, const upfeed::Book&) {}

upfeed::Result<upfeed::Feed> make_feed() {
  const upfeed::Result<upfeed::FeedConfig> config = upfeed::load_config("upfeed.toml");
  if (!config) return config.error();  // every mistake in one message
  return upfeed::Feed::create(config.value());
}
