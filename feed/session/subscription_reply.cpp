#include "session/subscription_reply.hpp"

#include <simdjson.h>

#include <set>

#include "session/request.hpp"

namespace upfeed {
namespace {

namespace ondemand = simdjson::ondemand;

bool is_key(ondemand::raw_json_string key, std::string_view name, std::string_view alias) {
  return key == name || key == alias;
}

bool read_text(ondemand::value value, std::string& out) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return false;
  out = text;
  return true;
}

bool read_codes(ondemand::value value, std::vector<std::string>& out) {
  ondemand::array codes;
  if (value.get(codes) != simdjson::SUCCESS) return false;
  for (auto element : codes) {
    std::string_view code;
    if (element.get(code) != simdjson::SUCCESS) return false;
    out.emplace_back(code.substr(0, code.find('.')));
  }
  return true;
}

/// A number, a number in a string, or null; taken from its text.
bool read_level(ondemand::value value, Decimal& out) {
  std::string_view text = value.raw_json_token();
  while (!text.empty() && (text.back() == ' ' || text.back() == '"')) text.remove_suffix(1);
  if (!text.empty() && text.front() == '"') text.remove_prefix(1);
  if (text == "null") return true;
  const auto level = Decimal::parse(text);
  if (level) out = *level;
  return level.has_value();
}

bool read_served(ondemand::object object, ServedStreams& served) {
  for (auto field : object) {
    ondemand::raw_json_string key;
    ondemand::value value;
    if (field.key().get(key) != simdjson::SUCCESS) return false;
    if (field.value().get(value) != simdjson::SUCCESS) return false;
    bool good = true;
    if (is_key(key, "type", "ty")) {
      good = read_text(value, served.type);
    } else if (is_key(key, "codes", "cds")) {
      good = read_codes(value, served.codes);
    } else if (is_key(key, "level", "lv")) {
      good = read_level(value, served.level);
    }
    if (!good) return false;
  }
  return !served.type.empty();
}

bool read_result(ondemand::value value, std::vector<ServedStreams>& out) {
  ondemand::array result;
  if (value.get(result) != simdjson::SUCCESS) return false;
  for (auto element : result) {
    ondemand::object object;
    if (element.get(object) != simdjson::SUCCESS) return false;
    if (!read_served(object, out.emplace_back())) return false;
  }
  return true;
}

bool read_reply(ondemand::object object, SubscriptionReply& reply) {
  bool has_result = false;
  for (auto field : object) {
    ondemand::raw_json_string key;
    ondemand::value value;
    if (field.key().get(key) != simdjson::SUCCESS) return false;
    if (field.value().get(value) != simdjson::SUCCESS) return false;
    bool good = true;
    if (is_key(key, "ticket", "tckt")) {
      good = read_text(value, reply.ticket);
    } else if (is_key(key, "result", "rslt")) {
      good = has_result = read_result(value, reply.served);
    }
    if (!good) return false;
  }
  return has_result && !reply.ticket.empty();
}

std::string name_of(std::string_view type, std::string_view code, const Decimal& level) {
  std::string name(code);
  if (!name.empty()) name += ' ';
  name += type;
  if (!level.is_zero()) name += " level " + level.to_string();
  return name;
}

}  // namespace

std::string audit_text(std::string_view ticket, std::string_view format) {
  std::string text = R"([{"ticket":")";
  text.append(ticket).append(R"("},{"method":"LIST_SUBSCRIPTIONS"},{"format":")");
  text.append(format).append(R"("}])");
  return text;
}

std::optional<SubscriptionReply> parse_subscription_reply(std::string_view json) {
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  SubscriptionReply reply;
  ondemand::object object;
  ondemand::array list;
  if (document.get(list) != simdjson::SUCCESS) {
    if (document.get(object) != simdjson::SUCCESS || !read_reply(object, reply))
      return std::nullopt;
    return reply;
  }
  for (auto element : list) {
    if (element.get(object) != simdjson::SUCCESS || !read_reply(object, reply)) return std::nullopt;
    return reply;
  }
  return std::nullopt;
}

AuditDifference audit_difference(const WantedSet& wanted, std::span<const StreamStage> stages,
                                 const SubscriptionReply& reply) {
  const std::string orders(to_string(EventKind::my_order));
  std::set<std::string> served;
  bool some_orders = false;
  for (const ServedStreams& each : reply.served) {
    some_orders = some_orders || each.type == orders;
    if (each.codes.empty()) served.insert(name_of(each.type, {}, each.level));
    for (const std::string& code : each.codes) served.insert(name_of(each.type, code, each.level));
  }
  std::set<std::string> named;
  bool all_orders = false;
  AuditDifference difference;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const WantedStream& stream = wanted[i];
    const std::string type = wire_type(stream);
    const std::string name = name_of(type, stream.code.view(), stream.level);
    named.insert(name);
    // What has no markets, or has all of them, may be told without codes.
    if (!is_market_stream(stream.kind)) named.insert(type);
    const bool is_all_orders = stream.kind == EventKind::my_order && stream.code.empty();
    all_orders = all_orders || is_all_orders;
    if (stages[i] == StreamStage::unasked || stages[i] == StreamStage::overdue) continue;
    if (is_snapshot_only(stream) || served.contains(name)) continue;
    if (!is_market_stream(stream.kind) && served.contains(type)) continue;
    if (is_all_orders && some_orders) continue;
    difference.missing.push_back(stream);
  }
  for (const std::string& name : served) {
    const bool is_order = all_orders && name.ends_with(orders);
    if (!is_order && !named.contains(name)) difference.extra.push_back(name);
  }
  return difference;
}

}  // namespace upfeed
