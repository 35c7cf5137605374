// Prints the spread of two markets and every trade, until Enter is pressed.
#include <upfeed/feed.hpp>

#include <cstdio>
#include <string>

using upfeed::to_string;

int main() {
  auto feed = upfeed::Feed::create();  // the real exchange; see FeedConfig for everything else
  if (!feed) return std::fprintf(stderr, "%s\n", feed.error().message.c_str()), 1;
  upfeed::Client client = feed->client("spread");

  const auto books = client.subscribe_orderbook(
      {"KRW-BTC", "KRW-ETH"},
      [](const upfeed::OrderbookEvent& event, const upfeed::Book& book) {
        const std::string code(event.code.view());
        if (const auto spread = book.spread()) {  // empty unless the book can be trusted
          std::printf("%s spread %s\n", code.c_str(), spread->to_string().c_str());
        } else {
          std::printf("%s is %s\n", code.c_str(), std::string(to_string(book.state())).c_str());
        }
      },
      {.units = 5});
  if (!books.ok()) return std::fprintf(stderr, "%s\n", books.error().message.c_str()), 1;

  const auto trades = client.subscribe_trade("KRW-BTC", [](const upfeed::TradeEvent& trade) {
    std::printf("%s x %s\n", trade.trade_price.to_string().c_str(),
                trade.trade_volume.to_string().c_str());
  });
  const auto status = client.on_status([](const upfeed::StatusEvent& event) {
    std::printf("connection %s\n", std::string(to_string(event.state)).c_str());
  });
  if (!trades.ok() || !status.ok() || !feed->start().ok()) return 1;
  std::getchar();
  return feed->stop().ok() ? 0 : 1;
}
