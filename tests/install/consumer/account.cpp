// Prints what happens to the own account, until Enter is pressed.
#include <upfeed/feed.hpp>

#include <cstdio>
#include <string>

int main() {
  auto keys = upfeed::ApiKeys::from_file("keys");  // or from_environment()
  if (!keys) return std::fprintf(stderr, "%s\n", keys.error().message.c_str()), 1;
  upfeed::FeedConfig config;
  config.keys = *keys;
  auto feed = upfeed::Feed::create(config);
  if (!feed) return std::fprintf(stderr, "%s\n", feed.error().message.c_str()), 1;
  upfeed::Client client = feed->client("account");
  const auto orders = client.subscribe_my_order([](const upfeed::MyOrderEvent& order) {
    std::printf("%s %s\n", std::string(order.code.view()).c_str(),
                std::string(to_string(order.state)).c_str());
  });
  const auto assets = client.subscribe_my_asset([](const upfeed::MyAssetEvent& event) {
    for (const upfeed::MyAsset& asset : event.assets()) {
      std::printf("%s %s\n", std::string(asset.currency.view()).c_str(),
                  asset.balance.to_string().c_str());
    }
  });
  if (!orders.ok() || !assets.ok() || !feed->start().ok()) return 1;
  std::getchar();
  return feed->stop().ok() ? 0 : 1;
}
