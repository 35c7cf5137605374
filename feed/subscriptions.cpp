#include "subscriptions.hpp"

#include <algorithm>

namespace upfeed::detail {

namespace {

StreamMode merged(StreamMode a, StreamMode b) {
  return a == b ? a : StreamMode::both;
}

}  // namespace

void Subscriptions::add(std::shared_ptr<Subscription> subscription) {
  all_.push_back(std::move(subscription));
}

bool Subscriptions::remove(const Subscription* subscription) {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const auto& each) { return each.get() == subscription; });
  if (found == all_.end()) return false;
  all_.erase(found);
  return true;
}

WantedSet Subscriptions::wanted() const {
  WantedSet set;
  for (const auto& subscription : all_) {
    if (static_cast<std::size_t>(subscription->kind) >= kStreamCount) continue;
    for (std::size_t i = 0; i < subscription->markets.size(); ++i) {
      WantedStream stream;
      stream.kind = subscription->kind;
      stream.candle_unit = subscription->candle_unit;
      stream.market = subscription->markets[i];
      stream.code = subscription->codes[i];
      stream.units = subscription->units;
      stream.level = subscription->level;
      stream.mode = subscription->mode;
      set.push_back(stream);
    }
  }
  std::sort(set.begin(), set.end(), wanted_before);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (kept > 0 && wanted_order(set[kept - 1], set[i]) == 0) {
      set[kept - 1].units = std::max(set[kept - 1].units, set[i].units);
      set[kept - 1].mode = merged(set[kept - 1].mode, set[i].mode);
    } else {
      set[kept++] = set[i];
    }
  }
  set.resize(kept);
  return set;
}

}  // namespace upfeed::detail
