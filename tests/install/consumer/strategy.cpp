// Prints when the spread of KRW-BTC changes: now, or as it was in the captures that are named.
#include <upfeed/feed.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

/// Knows a feed and its clock, and not where the data comes from.
class SpreadWatch {
 public:
  explicit SpreadWatch(upfeed::Feed& feed) : feed_(feed), client_(feed.client("spreads")) {
    const auto books = client_.subscribe_orderbook(
        "KRW-BTC",
        [this](const upfeed::OrderbookEvent&, const upfeed::Book& book) { on_book(book); });
    if (!books.ok()) std::fprintf(stderr, "%s\n", books.error().message.c_str());
  }

 private:
  void on_book(const upfeed::Book& book) {
    const std::optional<upfeed::Price> spread = book.spread();
    if (spread == spread_) return;
    spread_ = spread;
    const std::string text = spread ? spread->to_string() : "unknown";
    std::printf("%lld %s\n", static_cast<long long>(feed_.now_unix_ns()), text.c_str());
  }

  upfeed::Feed& feed_;
  upfeed::Client client_;
  std::optional<upfeed::Price> spread_;
};

int main(int argc, char** argv) {
  const std::vector<std::string> captures(argv + 1, argv + argc);
  upfeed::FeedConfig config;
  if (captures.empty()) config.record.directory = ".";  // what is seen live can be lived again
  auto feed = captures.empty() ? upfeed::Feed::create(config) : upfeed::Feed::replay(captures);
  if (!feed) return std::fprintf(stderr, "%s\n", feed.error().message.c_str()), 1;
  SpreadWatch watch(*feed);
  if (!feed->start().ok()) return 1;
  if (captures.empty()) std::getchar();
  while (!captures.empty() && !feed->finished()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return feed->stop().ok() ? 0 : 1;
}
