#include "server_model.hpp"

#include <nlohmann/json.hpp>

namespace upfeed::simulation {
namespace {

using nlohmann::json;

bool flag(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

bool add_streams(const json& object, NamedSet& streams) {
  const auto codes = object.find("codes");
  if (!object["type"].is_string() || codes == object.end() || !codes->is_array() ||
      codes->empty()) {
    return false;
  }
  const std::string type = object["type"];
  const std::string level = object.contains("level") ? object["level"].dump() : "";
  for (const json& entry : *codes) {
    if (!entry.is_string()) return false;
    std::string code = entry;
    NamedStream named{.units = {},
                      .only_snapshot = flag(object, "is_only_snapshot"),
                      .only_realtime = flag(object, "is_only_realtime")};
    if (const auto dot = code.find('.'); dot != std::string::npos) {
      named.units = code.substr(dot + 1);
      code.resize(dot);
    }
    if (!streams.emplace(type + '|' + code + '|' + level, std::move(named)).second) return false;
  }
  return true;
}

}  // namespace

bool ArrivalCounter::arrive(std::int64_t now_ns) {
  while (!arrivals_.empty() && arrivals_.front() <= now_ns - 60 * kSecond) arrivals_.pop_front();
  arrivals_.push_back(now_ns);
  if (arrivals_.size() > limits_.per_minute) return false;
  return arrivals_.size() <= limits_.per_second ||
         arrivals_[arrivals_.size() - 1 - limits_.per_second] <= now_ns - kSecond;
}

std::optional<ParsedRequest> parse_request(std::string_view text) {
  const json request = json::parse(text, nullptr, false);
  if (!request.is_array() || request.size() < 3) return std::nullopt;
  ParsedRequest parsed;
  for (const json& object : request) {
    if (!object.is_object()) return std::nullopt;
    if (object.contains("ticket")) {
      parsed.ticket = object["ticket"];
    } else if (object.contains("format")) {
      parsed.format = object["format"];
    } else if (!object.contains("type") || !add_streams(object, parsed.streams)) {
      return std::nullopt;
    }
  }
  if (parsed.ticket.empty() || parsed.format.empty()) return std::nullopt;
  return parsed;
}

}  // namespace upfeed::simulation
