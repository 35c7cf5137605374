#include "sim/private_event.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;

struct Alias {
  std::string_view name;
  std::string_view alias;
};

// docs.upbit.com/kr/reference: websocket-myorder, -myasset, -announcement, -indicator,
// -indicator-signal (2026-08 to 2026-10).
constexpr Alias kMyOrder[] = {
    {"type", "ty"},
    {"code", "cd"},
    {"uuid", "uid"},
    {"ask_bid", "ab"},
    {"order_type", "ot"},
    {"state", "s"},
    {"trade_uuid", "tuid"},
    {"price", "p"},
    {"avg_price", "ap"},
    {"volume", "v"},
    {"remaining_volume", "rv"},
    {"executed_volume", "ev"},
    {"trades_count", "tc"},
    {"reserved_fee", "rsf"},
    {"remaining_fee", "rmf"},
    {"paid_fee", "pf"},
    {"locked", "l"},
    {"executed_funds", "ef"},
    {"time_in_force", "tif"},
    {"trade_fee", "tf"},
    {"is_maker", "im"},
    {"identifier", "id"},
    {"smp_type", "smpt"},
    {"prevented_volume", "pv"},
    {"prevented_locked", "pl"},
    {"trade_timestamp", "ttms"},
    {"order_timestamp", "otms"},
    {"timestamp", "tms"},
    {"stream_type", "st"},
};
constexpr Alias kMyAsset[] = {
    {"type", "ty"},        {"asset_uuid", "astuid"},
    {"assets", "ast"},     {"currency", "cu"},
    {"balance", "b"},      {"locked", "l"},
    {"timestamp", "tms"},  {"asset_timestamp", "asttms"},
    {"stream_type", "st"},
};
constexpr Alias kAnnouncement[] = {
    {"type", "ty"},       {"event_type", "et"},        {"uuid", "uid"},      {"title", "tt"},
    {"category", "cat"},  {"first_listed_at", "flat"}, {"listed_at", "lat"}, {"body", "bd"},
    {"timestamp", "tms"}, {"stream_type", "st"},
};
constexpr Alias kIndicator[] = {
    {"type", "ty"},
    {"code", "cd"},
    {"timeframe", "tf"},
    {"indicator", "ind"},
    {"params", "p"},
    {"value", "v"},
    {"candle_date_time_utc", "cdttmu"},
    {"timestamp", "tms"},
    {"stream_type", "st"},
};

std::span<const Alias> aliases_of(std::size_t stream) {
  switch (stream) {
    case kStreamMyOrder:
      return kMyOrder;
    case kStreamMyAsset:
      return kMyAsset;
    case kStreamAnnouncement:
      return kAnnouncement;
    default:
      return kIndicator;
  }
}

/// End of the string that starts with the quote at `at`: one behind its closing quote.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

/// Calls `visit(key, begin, end, depth)` for every key of valid JSON; [begin, end) is the key with
/// its quotes, depth 1 the outermost object.
template <class Visit>
void for_each_key(std::string_view text, Visit visit) {
  int depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if (c != '"') {
      ++at;
      continue;
    }
    const std::size_t end = string_end(text, at);
    const std::size_t next = text.find_first_not_of(" \t\r\n", end);
    if (next != std::string_view::npos && text[next] == ':') {
      visit(text.substr(at + 1, end - at - 2), at, end, depth);
    }
    at = end;
  }
}

/// The keys of one event replaced by their aliases. Inside params and values only the exchange
/// knows the keys, so those of the indicator streams stay as they are.
std::string with_aliases(const PrivateEvent& event, std::string_view text) {
  const auto aliases = aliases_of(event.stream);
  const int depth_max = event.stream == kStreamMyAsset ? 2 : 1;
  std::string out;
  std::size_t copied = 0;
  for_each_key(text, [&](std::string_view key, std::size_t begin, std::size_t end, int depth) {
    const auto found = std::find_if(aliases.begin(), aliases.end(),
                                    [&](const Alias& alias) { return alias.name == key; });
    if (depth > depth_max || found == aliases.end()) return;
    out.append(text.substr(copied, begin - copied));
    out.append("\"").append(found->alias).append("\"");
    copied = end;
  });
  out.append(text.substr(copied));
  return out;
}

/// The frame without its outermost member `name`, which must not be the first one.
std::string without_member(std::string_view text, std::string_view name) {
  std::size_t begin = std::string_view::npos;
  std::size_t end = text.rfind('}');
  for_each_key(text, [&](std::string_view key, std::size_t key_begin, std::size_t, int depth) {
    if (depth != 1) return;
    if (begin != std::string_view::npos && key_begin < end) {
      end = text.rfind(',', key_begin);
    } else if (key == name) {
      begin = text.rfind(',', key_begin);
    }
  });
  if (begin == std::string_view::npos) return std::string(text);
  return std::string(text.substr(0, begin)).append(text.substr(end));
}

std::string text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::optional<PrivateEvent> read_private_event(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto stream = find_stream(text_member(json, "type"));
  if (!stream || *stream < kStreamCount) return std::nullopt;
  PrivateEvent event;
  event.stream = *stream;
  event.code = text_member(json, "code");
  event.category = text_member(json, "category");
  event.timeframe = text_member(json, "timeframe");
  event.indicator = text_member(json, "indicator");
  if (json.contains("params")) event.params = json["params"].dump();
  event.text = text;
  return event;
}

bool wants(const TypeRequest& subscription, const PrivateEvent& event) {
  const auto has = [](const std::vector<std::string>& texts, const std::string& text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
  };
  if (subscription.stream != event.stream) return false;
  switch (event.stream) {
    case kStreamMyOrder:
      return subscription.codes.empty() || has(subscription.codes, event.code);
    case kStreamMyAsset:
      return true;
    case kStreamAnnouncement:
      return subscription.categories.empty() || has(subscription.categories, event.category);
    default:
      return has(subscription.codes, event.code) && subscription.timeframe == event.timeframe &&
             std::any_of(subscription.indicators.begin(), subscription.indicators.end(),
                         [&](const IndicatorRequest& wanted) {
                           return wanted.type == event.indicator &&
                                  (wanted.params.empty() || event.params.empty() ||
                                   wanted.params == event.params);
                         });
  }
}

std::string write_private_event(const PrivateEvent& event, Format format, bool includes_body) {
  std::string text = event.stream == kStreamAnnouncement && !includes_body
                         ? without_member(event.text, "body")
                         : event.text;
  if (uses_aliases(format)) text = with_aliases(event, text);
  return is_list(format) ? "[" + text + "]" : text;
}

}  // namespace upfeed::sim
