#include "subscriptions.hpp"

#include <algorithm>

namespace upfeed::detail {

namespace {

StreamMode merged(StreamMode a, StreamMode b) {
  return a == b ? a : StreamMode::both;
}

template <class List, class Value>
bool contains(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// The words are checked when they are subscribed, so they need no escapes.
std::string announcement_options(const AnnouncementOptions& options) {
  std::string text;
  for (const std::string& category : options.categories) {
    text += (text.empty() ? "\"categories\":[\"" : ",\"") + category + '"';
  }
  if (!text.empty()) text += ']';
  if (options.include_body)
    text += text.empty() ? "\"include_body\":true" : ",\"include_body\":true";
  return text;
}

/// All announcement subscriptions as one: it has what any of them wants.
void add_announcements(const std::vector<std::shared_ptr<Subscription>>& all, WantedSet& set) {
  AnnouncementOptions merged_options;
  bool any = false;
  bool all_categories = false;
  for (const auto& subscription : all) {
    if (subscription->kind != EventKind::announcement) continue;
    any = true;
    const AnnouncementOptions& options = subscription->announcement;
    all_categories |= options.categories.empty();
    merged_options.include_body |= options.include_body;
    merged_options.categories.insert(merged_options.categories.end(), options.categories.begin(),
                                     options.categories.end());
  }
  if (!any) return;
  auto& categories = merged_options.categories;
  if (all_categories) categories.clear();
  std::sort(categories.begin(), categories.end());
  categories.erase(std::unique(categories.begin(), categories.end()), categories.end());
  WantedStream stream;
  stream.kind = EventKind::announcement;
  stream.mode = StreamMode::realtime_only;
  stream.options = announcement_options(merged_options);
  set.push_back(std::move(stream));
}

WantedStream stream_of(const Subscription& subscription, std::size_t code_index) {
  WantedStream stream;
  stream.kind = subscription.kind;
  stream.candle_unit = subscription.candle_unit;
  if (code_index < subscription.codes.size()) stream.code = subscription.codes[code_index];
  if (is_market_stream(subscription.kind)) {
    stream.market = subscription.markets[code_index];
    stream.units = subscription.units;
    stream.level = subscription.level;
    stream.mode = subscription.mode;
    return stream;
  }
  stream.mode = StreamMode::realtime_only;
  const IndicatorOptions& options = subscription.indicator;
  if (subscription.kind == EventKind::indicator ||
      subscription.kind == EventKind::indicator_signal) {
    stream.options =
        "\"timeframe\":\"" + options.timeframe + "\",\"indicators\":" + options.indicators_json;
  }
  return stream;
}

}  // namespace

bool Subscription::covers(const EventHeader& event) const noexcept {
  switch (event.kind) {
    case EventKind::my_order:
      return codes.empty() || contains(codes, event.code);
    case EventKind::announcement: {
      const auto& wanted = announcement.categories;
      const auto category = static_cast<const AnnouncementEvent&>(event).category.view();
      return wanted.empty() || contains(wanted, category);
    }
    case EventKind::indicator:
    case EventKind::indicator_signal: {
      const auto& envelope = static_cast<const IndicatorEnvelope&>(event);
      return contains(codes, event.code) && envelope.timeframe.view() == indicator.timeframe &&
             contains(indicators, envelope.indicator.view());
    }
    default:
      return true;
  }
}

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
  bool all_orders = false;
  for (const auto& subscription : all_) {
    const EventKind kind = subscription->kind;
    if (!is_stream(kind) || kind == EventKind::announcement) continue;
    all_orders |= kind == EventKind::my_order && subscription->codes.empty();
    const std::size_t count = std::max<std::size_t>(subscription->codes.size(), 1);
    for (std::size_t i = 0; i < count; ++i) set.push_back(stream_of(*subscription, i));
  }
  add_announcements(all_, set);
  if (all_orders) {
    std::erase_if(set, [](const WantedStream& stream) {
      return stream.kind == EventKind::my_order && !stream.code.view().empty();
    });
  }
  std::sort(set.begin(), set.end(), wanted_before);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (kept > 0 && wanted_order(set[kept - 1], set[i]) == 0) {
      set[kept - 1].units = std::max(set[kept - 1].units, set[i].units);
      set[kept - 1].mode = merged(set[kept - 1].mode, set[i].mode);
    } else {
      if (kept != i) set[kept] = std::move(set[i]);
      ++kept;
    }
  }
  set.resize(kept);
  return set;
}

}  // namespace upfeed::detail
