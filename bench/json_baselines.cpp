#include "json_baselines.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace upfeed::bench {
namespace {

bool set_code(std::string_view code, DoubleBook& out) {
  if (code.size() > out.code.size()) return false;
  out.code = {};
  std::ranges::copy(code, out.code.begin());
  return true;
}

}  // namespace

bool NlohmannDom::read(const Frame& frame, DoubleBook& out) {
  const nlohmann::json document = nlohmann::json::parse(frame.text());
  const nlohmann::json& units = document.at("orderbook_units");
  if (units.size() > out.units.size()) return false;
  out.timestamp = document.at("timestamp").get<std::int64_t>();
  out.total_ask_size = document.at("total_ask_size").get<double>();
  out.total_bid_size = document.at("total_bid_size").get<double>();
  out.level = document.at("level").get<double>();
  out.unit_count = units.size();
  DoubleUnit* next = out.units.data();
  for (const nlohmann::json& unit : units) {
    *next++ = {unit.at("ask_price").get<double>(), unit.at("bid_price").get<double>(),
               unit.at("ask_size").get<double>(), unit.at("bid_size").get<double>()};
  }
  return set_code(document.at("code").get_ref<const std::string&>(), out);
}

bool RapidjsonDom::read(const Frame& frame, DoubleBook& out) {
  rapidjson::Document document;
  document.Parse(frame.text().data(), frame.text().size());
  if (document.HasParseError()) return false;
  const auto& units = document["orderbook_units"];
  if (units.Size() > out.units.size()) return false;
  out.timestamp = document["timestamp"].GetInt64();
  out.total_ask_size = document["total_ask_size"].GetDouble();
  out.total_bid_size = document["total_bid_size"].GetDouble();
  out.level = document["level"].GetDouble();
  out.unit_count = units.Size();
  DoubleUnit* next = out.units.data();
  for (const auto& unit : units.GetArray()) {
    *next++ = {unit["ask_price"].GetDouble(), unit["bid_price"].GetDouble(),
               unit["ask_size"].GetDouble(), unit["bid_size"].GetDouble()};
  }
  return set_code({document["code"].GetString(), document["code"].GetStringLength()}, out);
}

}  // namespace upfeed::bench
