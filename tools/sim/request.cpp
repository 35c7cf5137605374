#include "sim/request.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 5> kLoginTypes{"myOrder", "myAsset", "announcement",
                                                      "indicator", "indicator_signal"};
constexpr std::array<std::string_view, 8> kCategories{
    "notice", "trade", "wallet", "maintenance", "digital_asset", "nft", "service", "event"};
constexpr std::array<std::string_view, 5> kTimeframes{"5m", "15m", "60m", "240m", "1d"};
constexpr std::array<std::string_view, 6> kIndicators{
    "volume", "rsi", "moving_average", "ma_crossover", "bollinger_bands", "macd"};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Decimal text to units of 1e-8; empty for anything that is not a plain number >= 0. Requests are
/// rare and levels are simple, so exponents are not worth the code.
std::optional<std::int64_t> parse_level(std::string_view text) {
  std::int64_t units = 0;
  int decimals = -1;
  if (text.empty() || text.size() > 20) return std::nullopt;
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
    } else if (c >= '0' && c <= '9' && decimals < kScale) {
      if (units > 900'000'000'000'000'000 / 10) return std::nullopt;
      units = units * 10 + (c - '0');
      if (decimals >= 0) ++decimals;
    } else {
      return std::nullopt;
    }
  }
  for (int i = std::max(decimals, 0); i < kScale; ++i) {
    if (units > 900'000'000'000'000'000 / 10) return std::nullopt;
    units *= 10;
  }
  return units;
}

std::optional<std::int64_t> read_level(const Json& value) {
  if (value.is_string()) return parse_level(value.get_ref<const std::string&>());
  if (value.is_number_integer()) return parse_level(value.dump());
  if (!value.is_number_float()) return std::nullopt;
  // Eight fixed decimals bring back what was sent: a level is a power of ten times a tick.
  std::array<char, 400> buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                     value.get<double>(), std::chars_format::fixed, kScale);
  return parse_level({buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data())});
}

/// Reads an optional flag under its snake_case or camelCase name; false when it has another type.
bool read_flag(const Json& object, const char* name, const char* old_name, bool& flag) {
  for (const char* key : {name, old_name}) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    if (!found->is_boolean()) return false;
    flag = found->get<bool>();
  }
  return true;
}

/// The codes of a type object, or why they are refused.
std::optional<RequestError> read_codes(const Json& object, std::vector<std::string>& codes) {
  const auto found = object.find("codes");
  if (found == object.end()) return RequestError::no_codes;
  if (!found->is_array()) return RequestError::wrong_format;
  if (found->empty()) return RequestError::empty_codes;
  for (const Json& code : *found) {
    if (!code.is_string()) return RequestError::wrong_format;
    codes.push_back(code.get<std::string>());
  }
  return std::nullopt;
}

/// An optional list of texts under `name`; false when it is something else.
bool read_texts(const Json& object, const char* name, std::vector<std::string>& texts) {
  const auto found = object.find(name);
  if (found == object.end()) return true;
  if (!found->is_array()) return false;
  for (const Json& text : *found) {
    if (!text.is_string()) return false;
    texts.push_back(text.get<std::string>());
  }
  return true;
}

std::optional<Refusal> read_public(const Json& object, bool regional, TypeRequest& type) {
  if (const auto error = read_codes(object, type.codes)) return Refusal{*error};
  bool only_snapshot = false;
  bool only_realtime = false;
  if (!read_flag(object, "is_only_snapshot", "isOnlySnapshot", only_snapshot) ||
      !read_flag(object, "is_only_realtime", "isOnlyRealtime", only_realtime)) {
    return Refusal{RequestError::wrong_format};
  }
  // Both at once ask for everything, like neither.
  type.wants_snapshot = !only_realtime || only_snapshot;
  type.wants_realtime = !only_snapshot || only_realtime;
  if (type.stream == kStreamOrderbook && object.contains("level")) {
    const auto level = read_level(object["level"]);
    if (!level || regional) return Refusal{RequestError::wrong_format};
    type.level = *level;
  }
  return std::nullopt;
}

std::optional<Refusal> read_announcement(const Json& object, TypeRequest& type) {
  if (!read_texts(object, "categories", type.categories) ||
      !read_flag(object, "include_body", "include_body", type.includes_body)) {
    return Refusal{RequestError::wrong_format};
  }
  for (const std::string& category : type.categories) {
    if (!is_one_of(kCategories, category)) return Refusal{RequestError::invalid_param, category};
  }
  return std::nullopt;
}

std::optional<Refusal> read_indicators(const Json& object, TypeRequest& type) {
  if (const auto error = read_codes(object, type.codes)) return Refusal{*error};
  const auto timeframe = object.find("timeframe");
  const auto indicators = object.find("indicators");
  if (timeframe == object.end() || !timeframe->is_string() || indicators == object.end() ||
      !indicators->is_array()) {
    return Refusal{RequestError::wrong_format};
  }
  type.timeframe = timeframe->get<std::string>();
  if (!is_one_of(kTimeframes, type.timeframe)) {
    return Refusal{RequestError::invalid_param, type.timeframe};
  }
  for (const Json& indicator : *indicators) {
    if (!indicator.is_object() || !indicator.contains("type") || !indicator["type"].is_string()) {
      return Refusal{RequestError::wrong_format};
    }
    IndicatorRequest wanted{indicator["type"].get<std::string>(), {}};
    if (!is_one_of(kIndicators, wanted.type)) {
      return Refusal{RequestError::invalid_param, wanted.type};
    }
    if (indicator.contains("params")) wanted.params = indicator["params"].dump();
    type.indicators.push_back(std::move(wanted));
  }
  if (type.indicators.empty()) return Refusal{RequestError::invalid_param, "indicators"};
  return std::nullopt;
}

/// A stream behind a login; all others of them are unknown where this one lives.
std::optional<Refusal> read_login_type(const Json& object, TypeRequest& type) {
  switch (type.stream) {
    case kStreamMyOrder:
      if (!read_texts(object, "codes", type.codes)) return Refusal{RequestError::wrong_format};
      return std::nullopt;
    case kStreamMyAsset:
      if (object.contains("codes")) return Refusal{RequestError::wrong_format};
      return std::nullopt;
    case kStreamAnnouncement:
      return read_announcement(object, type);
    default:
      return read_indicators(object, type);
  }
}

Endpoint endpoint_of(std::size_t stream) {
  if (stream < kStreamCount) return Endpoint::public_data;
  return stream < kStreamIndicator ? Endpoint::private_account : Endpoint::info;
}

std::variant<TypeRequest, Refusal> read_type(const Json& object, const RequestContext& context) {
  const Json& name = object["type"];
  if (!name.is_string()) return Refusal{RequestError::wrong_format};
  const auto& text = name.get_ref<const std::string&>();
  const auto stream = find_stream(text);
  if (!stream) return Refusal{RequestError::unknown_type, text};
  TypeRequest type;
  type.stream = *stream;
  std::optional<Refusal> refusal;
  if (endpoint_of(*stream) == context.endpoint) {
    refusal = context.endpoint == Endpoint::public_data
                  ? read_public(object, context.regional, type)
                  : read_login_type(object, type);
  } else if (context.endpoint != Endpoint::public_data) {
    refusal = Refusal{RequestError::unknown_type, text};
  } else {
    const bool has_codes = *stream == kStreamMyAsset && object.contains("codes");
    refusal = Refusal{has_codes ? RequestError::wrong_format : RequestError::invalid_auth};
  }
  if (refusal) return *std::move(refusal);
  return type;
}

std::size_t combinations(const std::vector<TypeRequest>& types) {
  std::size_t count = 0;
  for (const TypeRequest& type : types) count += type.codes.size() * type.indicators.size();
  return count;
}

/// Collects the parts of a request object by object.
struct Reader {
  std::optional<std::string> ticket;
  std::optional<Format> format;
  bool lists = false;
  std::vector<TypeRequest> types;

  std::optional<Refusal> read(const Json& object, const RequestContext& context) {
    if (!object.is_object()) return Refusal{RequestError::wrong_format};
    if (const auto found = object.find("ticket"); found != object.end()) {
      if (!found->is_string() || found->get_ref<const std::string&>().empty()) {
        return Refusal{RequestError::no_ticket};
      }
      ticket = found->get<std::string>();
    }
    if (const auto found = object.find("format"); found != object.end()) {
      if (found->is_string()) format = parse_format(found->get_ref<const std::string&>());
      if (!found->is_string() || !format) return Refusal{RequestError::wrong_format};
    }
    if (const auto found = object.find("method"); found != object.end()) {
      if (*found != "LIST_SUBSCRIPTIONS") return Refusal{RequestError::wrong_format};
      lists = true;
    }
    if (object.contains("type")) {
      auto type = read_type(object, context);
      if (auto* refusal = std::get_if<Refusal>(&type)) return std::move(*refusal);
      types.push_back(std::move(std::get<TypeRequest>(type)));
    } else if (object.contains("codes")) {
      return Refusal{RequestError::no_type};
    }
    return std::nullopt;
  }
};

struct ErrorText {
  std::string_view name;
  std::string_view korean;
  std::string_view english;
};

ErrorText error_text(RequestError error) {
  switch (error) {
    case RequestError::wrong_format:
      return {"WRONG_FORMAT", "Format 이 맞지 않습니다.", "Requested using wrong format."};
    case RequestError::no_ticket:
      return {"NO_TICKET", "티켓이 존재하지 않거나, 유효하지 않습니다.",
              "Ticket field must be contained."};
    case RequestError::no_type:
      return {"NO_TYPE", "type 필드가 존재하지 않습니다.", "type field not exists."};
    case RequestError::no_codes:
      return {"NO_CODES", "codes 필드가 존재하지 않습니다.", "codes field not exists."};
    case RequestError::unknown_type:
      return {"INVALID_PARAM", " 은 지원하지 않는 타입입니다.", " is not supported."};
    case RequestError::empty_codes:
      return {"INVALID_PARAM", "codes 가 비어 있습니다.", "codes field is empty."};
    case RequestError::invalid_param:
      return {"INVALID_PARAM", " 은 지원하지 않는 값입니다.", " is not supported."};
    case RequestError::invalid_auth:
      return {"INVALID_AUTH", "인증 정보가 올바르지 않습니다.", "Authentication is not valid."};
    case RequestError::too_many_requests:
      return {"Too Many Requests", "요청 수 제한을 초과했습니다.", "Too many requests."};
    case RequestError::too_many_combinations:
      return {"TOO_MANY_REQUEST", "지표 조합은 최대 100개입니다.",
              "At most 100 combinations of codes and indicators."};
  }
  return {};
}

}  // namespace

std::string_view stream_name(std::size_t stream) {
  static constexpr std::array<std::string_view, 3> kNames{"ticker", "trade", "orderbook"};
  if (stream >= kStreamCount) return kLoginTypes[stream - kStreamCount];
  return stream < kStreamCandleFirst ? kNames[stream] : kCandleTypes[stream - kStreamCandleFirst];
}

std::optional<std::size_t> find_stream(std::string_view name) {
  for (std::size_t stream = 0; stream < kStreamCountAll; ++stream) {
    if (stream_name(stream) == name) return stream;
  }
  return std::nullopt;
}

Request parse_request(std::string_view text, const RequestContext& context) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return Refusal{RequestError::wrong_format};
  Reader reader;
  std::optional<Refusal> refusal;
  for (const Json& object : json) {
    if (auto found = reader.read(object, context); found && !refusal) refusal = std::move(found);
  }
  if (refusal && refusal->error == RequestError::wrong_format) return *std::move(refusal);
  if (!reader.ticket) return Refusal{RequestError::no_ticket};
  if (refusal) return *std::move(refusal);
  if (reader.lists) return ListRequest{*std::move(reader.ticket), reader.format};
  if (reader.types.empty()) return Refusal{RequestError::no_type};
  if (combinations(reader.types) > kIndicatorCombinations) {
    return Refusal{RequestError::too_many_combinations};
  }
  return SubscribeRequest{*std::move(reader.ticket), reader.format.value_or(Format::full),
                          std::move(reader.types)};
}

std::string error_frame(const Refusal& refusal, bool regional) {
  const ErrorText text = error_text(refusal.error);
  std::string message(regional ? text.english : text.korean);
  if (refusal.error == RequestError::unknown_type) {
    message = (regional ? "type " : "") + refusal.detail + message;
  } else if (refusal.error == RequestError::invalid_param) {
    message = refusal.detail + message;
  }
  const std::string name = "\"name\":" + json_string(text.name);
  message = "\"message\":" + json_string(message);
  // The order of the two keys differs by error on the wire; only NO_TICKET and NO_CODES start with
  // the name.
  const bool name_first =
      refusal.error == RequestError::no_ticket || refusal.error == RequestError::no_codes;
  return "{\"error\":{" + (name_first ? name + "," + message : message + "," + name) + "}}";
}

std::string json_string(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

BookCode split_book_code(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return {text, kDepthMax};
  const std::string_view suffix = text.substr(dot + 1);
  BookCode result{text.substr(0, dot), kDepthMax};
  if (suffix == "1") result.units = 1;
  if (suffix == "5") result.units = 5;
  if (suffix == "15") result.units = 15;
  return result;
}

}  // namespace upfeed::sim
