#include "slow_frame.hpp"

#include <algorithm>
#include <cstdlib>

namespace slow {
namespace {

class Parser {
 public:
  Parser(std::string_view text, int depth_max) : text_(text), depth_max_(depth_max) {}

  std::optional<Json> document() {
    Json value;
    if (!parse(value, 1)) return std::nullopt;
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return value;
  }

 private:
  [[nodiscard]] int peek() const {
    return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool eat(char c) {
    skip_space();
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  bool parse(Json& out, int depth) {
    skip_space();
    switch (peek()) {
      case '{':
        return parse_object(out, depth);
      case '[':
        return parse_array(out, depth);
      case '"':
        out.kind = Json::Kind::text;
        return parse_text(out.text);
      default:
        return parse_scalar(out);
    }
  }

  bool parse_object(Json& out, int depth) {
    out.kind = Json::Kind::object;
    if (depth > depth_max_) return false;
    ++at_;
    if (eat('}')) return true;
    do {
      Member member;
      skip_space();
      if (peek() != '"' || !parse_text(member.first) || !eat(':')) return false;
      if (!parse(member.second, depth + 1)) return false;
      out.members.push_back(std::move(member));
    } while (eat(','));
    return eat('}');
  }

  bool parse_array(Json& out, int depth) {
    out.kind = Json::Kind::array;
    if (depth > depth_max_) return false;
    ++at_;
    if (eat(']')) return true;
    do {
      out.items.emplace_back();
      if (!parse(out.items.back(), depth + 1)) return false;
    } while (eat(','));
    return eat(']');
  }

  bool parse_scalar(Json& out) {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view("{}[]:,\" \t\n\r").find(text_[at_]) == std::string_view::npos) {
      ++at_;
    }
    out.text = text_.substr(begin, at_ - begin);
    if (out.text == "null") {
      out.kind = Json::Kind::null;
      return true;
    }
    out.kind = out.text == "true" || out.text == "false" ? Json::Kind::boolean : Json::Kind::number;
    return out.kind == Json::Kind::boolean || SlowDecimal::is_json_number(out.text);
  }

  bool parse_text(std::string& out) {
    ++at_;
    while (peek() >= 0x20 && peek() != '"') {
      if (peek() == '\\') {
        if (!parse_escape(out)) return false;
      } else if (!copy_utf8(out)) {
        return false;
      }
    }
    if (peek() != '"') return false;
    ++at_;
    return true;
  }

  /// -1: not four hexadecimal digits.
  long hex4() {
    if (at_ + 4 > text_.size()) return -1;
    const std::string digits(text_.substr(at_, 4));
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return -1;
    at_ += 4;
    return std::strtol(digits.c_str(), nullptr, 16);
  }

  bool parse_escape(std::string& out) {
    static constexpr std::string_view kFrom = "\"\\/bfnrt";
    static constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    ++at_;
    if (at_ == text_.size()) return false;
    const char kind = text_[at_++];
    if (kind != 'u') {
      const std::size_t i = kFrom.find(kind);
      if (i == std::string_view::npos) return false;
      out += kTo[i];
      return true;
    }
    long code = hex4();
    if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (text_.substr(at_, 2) != "\\u") return false;
      at_ += 2;
      const long low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    append_utf8(out, code);
    return true;
  }

  static void append_utf8(std::string& out, long code) {
    const auto byte = [&](long value) { out += static_cast<char>(value); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xC0 + code / 64);
    } else if (code < 0x10000) {
      byte(0xE0 + code / 4096);
      byte(0x80 + code / 64 % 64);
    } else {
      byte(0xF0 + code / 262144);
      byte(0x80 + code / 4096 % 64);
      byte(0x80 + code / 64 % 64);
    }
    if (code >= 0x80) byte(0x80 + code % 64);
  }

  /// One code point of raw UTF-8: decodes it, encodes it again and compares, so that overlong forms
  /// fail by themselves.
  bool copy_utf8(std::string& out) {
    const int lead = peek();
    const int length = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length == 0 || lead > 0xF4 || at_ + static_cast<std::size_t>(length) > text_.size()) {
      return false;
    }
    long code = length == 1 ? lead : lead % (1 << (7 - length));
    for (int i = 1; i < length; ++i) {
      const int tail = static_cast<unsigned char>(text_[at_ + static_cast<std::size_t>(i)]);
      if (tail / 64 != 2) return false;
      code = code * 64 + tail % 64;
    }
    std::string again;
    append_utf8(again, code);
    if (again != text_.substr(at_, static_cast<std::size_t>(length))) return false;
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    out += again;
    at_ += static_cast<std::size_t>(length);
    return true;
  }

  std::string_view text_;
  int depth_max_;
  std::size_t at_ = 0;
};

/// One key of a stream.
struct Rule {
  const char* name;
  const char* alias;
  /// p price, w wide quantity, d decimal, l decimal or one in quotes, t time, i id, j id or one in
  /// quotes, b boolean, 1 text of 15, 2 text of 23, 3 text of 31, 4 text of 47, 5 text of 255, x
  /// text of any length, S side, C change, T stream type, c code, u units, a assets, y type
  char kind;
  const char* flags = "";  ///< r required, n may be null, o left out where it cannot be held
};
using Rules = std::vector<Rule>;

const Rules kTicker = {{"type", "ty", 'y', "r"},
                       {"code", "cd", 'c', "r"},
                       {"opening_price", "op", 'p'},
                       {"high_price", "hp", 'p'},
                       {"low_price", "lp", 'p'},
                       {"trade_price", "tp", 'p', "r"},
                       {"prev_closing_price", "pcp", 'p'},
                       {"acc_trade_price", "atp", 'd'},
                       {"change", "c", 'C'},
                       {"change_price", "cp", 'p'},
                       {"signed_change_price", "scp", 'p'},
                       {"change_rate", "cr", 'd'},
                       {"signed_change_rate", "scr", 'd'},
                       {"ask_bid", "ab", 'S'},
                       {"trade_volume", "tv", 'w'},
                       {"acc_trade_volume", "atv", 'd'},
                       {"trade_date", "tdt", '1'},
                       {"trade_time", "ttm", '1'},
                       {"trade_timestamp", "ttms", 't'},
                       {"acc_ask_volume", "aav", 'd'},
                       {"acc_bid_volume", "abv", 'd'},
                       {"highest_52_week_price", "h52wp", 'p', "n"},
                       {"highest_52_week_date", "h52wdt", '1', "n"},
                       {"lowest_52_week_price", "l52wp", 'p', "n"},
                       {"lowest_52_week_date", "l52wdt", '1', "n"},
                       {"market_state", "ms", '1', "n"},
                       {"is_trading_suspended", "its", 'b', "n"},
                       {"delisting_date", "dd", '1', "n"},
                       {"market_warning", "mw", '1', "n"},
                       {"timestamp", "tms", 't', "r"},
                       {"acc_trade_price_24h", "atp24h", 'd', "n"},
                       {"acc_trade_volume_24h", "atv24h", 'd', "n"},
                       {"stream_type", "st", 'T'}};
const Rules kTrade = {{"type", "ty", 'y', "r"},
                      {"code", "cd", 'c', "r"},
                      {"timestamp", "tms", 't'},
                      {"trade_date", "td", '1'},
                      {"trade_time", "ttm", '1'},
                      {"trade_timestamp", "ttms", 't', "r"},
                      {"trade_price", "tp", 'p', "r"},
                      {"trade_volume", "tv", 'w', "r"},
                      {"ask_bid", "ab", 'S', "r"},
                      {"prev_closing_price", "pcp", 'p'},
                      {"change", "c", 'C'},
                      {"change_price", "cp", 'p'},
                      {"sequential_id", "sid", 'i', "r"},
                      {"best_ask_price", "bap", 'p', "n"},
                      {"best_ask_size", "bas", 'w', "n"},
                      {"best_bid_price", "bbp", 'p', "n"},
                      {"best_bid_size", "bbs", 'w', "n"},
                      {"stream_type", "st", 'T'}};
const Rules kOrderbook = {{"type", "ty", 'y', "r"},       {"code", "cd", 'c', "r"},
                          {"timestamp", "tms", 't', "r"}, {"total_ask_size", "tas", 'd'},
                          {"total_bid_size", "tbs", 'd'}, {"orderbook_units", "obu", 'u', "r"},
                          {"stream_type", "st", 'T'},     {"level", "lv", 'l'}};
const Rules kCandle = {{"type", "ty", 'y', "r"},
                       {"code", "cd", 'c', "r"},
                       {"candle_date_time_utc", "cdttmu", '2', "r"},
                       {"candle_date_time_kst", "cdttmk", '2'},
                       {"opening_price", "op", 'p', "r"},
                       {"high_price", "hp", 'p', "r"},
                       {"low_price", "lp", 'p', "r"},
                       {"trade_price", "tp", 'p', "r"},
                       {"candle_acc_trade_volume", "catv", 'd', "r"},
                       {"candle_acc_trade_price", "catp", 'd'},
                       {"timestamp", "tms", 't', "r"},
                       {"stream_type", "st", 'T'}};

const Rules kMyOrder = {{"type", "ty", 'y', "r"},
                        {"code", "cd", 'c', "no"},
                        {"uuid", "uid", '4', "r"},
                        {"ask_bid", "ab", 'S', "no"},
                        {"order_type", "ot", '2', "no"},
                        {"state", "s", '2', "no"},
                        {"trade_uuid", "tuid", '4', "no"},
                        {"price", "p", 'l', "no"},
                        {"avg_price", "ap", 'l', "no"},
                        {"volume", "v", 'l', "no"},
                        {"remaining_volume", "rv", 'l', "no"},
                        {"executed_volume", "ev", 'l', "no"},
                        {"trades_count", "tc", 'j', "no"},
                        {"reserved_fee", "rsf", 'l', "no"},
                        {"remaining_fee", "rmf", 'l', "no"},
                        {"paid_fee", "pf", 'l', "no"},
                        {"locked", "l", 'l', "no"},
                        {"executed_funds", "ef", 'l', "no"},
                        {"time_in_force", "tif", '2', "no"},
                        {"trade_fee", "tf", 'l', "no"},
                        {"is_maker", "im", 'b', "no"},
                        {"identifier", "id", '5', "no"},
                        {"smp_type", "smpt", '2', "no"},
                        {"prevented_volume", "pv", 'l', "no"},
                        {"prevented_locked", "pl", 'l', "no"},
                        {"trade_timestamp", "ttms", 't', "no"},
                        {"order_timestamp", "otms", 't', "no"},
                        {"timestamp", "tms", 't', "no"},
                        {"stream_type", "st", 'T', "no"}};
const Rules kMyAsset = {{"type", "ty", 'y', "r"},        {"asset_uuid", "astuid", '4', "no"},
                        {"assets", "ast", 'a', "r"},     {"asset_timestamp", "asttms", 't', "no"},
                        {"timestamp", "tms", 't', "no"}, {"stream_type", "st", 'T', "no"}};
const Rules kAnnouncement = {{"type", "ty", 'y', "r"},
                             {"event_type", "et", '1', "no"},
                             {"uuid", "uid", '4', "no"},
                             {"title", "tt", 'x', "r"},
                             {"category", "cat", '3', "no"},
                             {"url", "url", 'x', "no"},
                             {"first_listed_at", "flat", '3', "no"},
                             {"listed_at", "lat", '3', "no"},
                             {"timestamp", "tms", 't', "no"},
                             {"stream_type", "st", 'T', "no"},
                             {"body", "bd", 'x', "no"}};
const Rules kIndicator = {{"type", "ty", 'y', "r"},
                          {"code", "cd", 'c', "r"},
                          {"timeframe", "tf", '1', "no"},
                          {"indicator", "ind", '3', "no"},
                          {"candle_date_time_utc", "cdttmu", '2', "no"},
                          {"timestamp", "tms", 't', "no"},
                          {"stream_type", "st", 'T', "no"}};

const Rules* rules_of(const std::string& type) {
  if (type == "myOrder") return &kMyOrder;
  if (type == "myAsset") return &kMyAsset;
  if (type == "announcement") return &kAnnouncement;
  if (type == "indicator" || type == "indicator_signal") return &kIndicator;
  if (type == "ticker") return &kTicker;
  if (type == "trade") return &kTrade;
  if (type == "orderbook") return &kOrderbook;
  for (const char* unit : {"1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m"}) {
    if (type == std::string("candle.") + unit) return &kCandle;
  }
  return nullptr;
}

/// The number in one spelling; nullopt: no member could hold it.
std::optional<SlowDecimal> number_of(const std::string& text) {
  if (!SlowDecimal::is_json_number(text)) return std::nullopt;
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string::npos) {
    const std::string mantissa = text.substr(0, e);
    if (mantissa.find_first_of("123456789") == std::string::npos) return SlowDecimal::parse("0");
    std::string digits = text.substr(text.find_first_of("0123456789", e));
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    if (digits.size() > 3) return std::nullopt;
  }
  return SlowDecimal::parse(text);
}

/// Is the magnitude at most limit (digit text), counted in units of 1e-8?
bool fits(const SlowDecimal& number, const std::string& limit) {
  const auto scaled = number.times_1e8();
  return scaled && SlowDecimal::compare_digits(*scaled, limit) <= 0;
}
const std::string kInt64Max = "9223372036854775807";
const std::string kUint64Max = "18446744073709551615";
const std::string kWideMax = "85070591730234615865843651857942052864";  // 2^126

bool number_allowed(char kind, const SlowDecimal& number) {
  const std::string significant = number.significant();
  const bool whole = !number.negative && number.fraction.empty();
  switch (kind) {
    case 'p':
      return fits(number, kInt64Max);
    case 'w':
      return fits(number, kWideMax);
    case 't':
      return whole && SlowDecimal::compare_digits(number.integer, kInt64Max) <= 0;
    case 'i':
    case 'j':
      return whole && SlowDecimal::compare_digits(number.integer, kUint64Max) <= 0;
    default: {  // a decimal: 38 digits, and the power of ten of the last one within 64
      std::string integer = number.integer;
      std::size_t zeros = 0;
      while (number.fraction.empty() && !integer.empty() && integer.back() == '0') {
        integer.pop_back();
        ++zeros;
      }
      return significant.size() <= 38 && zeros <= 64 && number.fraction.size() <= 64;
    }
  }
}

std::optional<std::string> units_value(const Json& json, bool simple) {
  static constexpr const char* kNames[4] = {"ask_price", "bid_price", "ask_size", "bid_size"};
  static constexpr const char* kAliases[4] = {"ap", "bp", "as", "bs"};
  if (json.kind != Json::Kind::array || json.items.size() > 30) return std::nullopt;
  std::string value;
  for (const Json& unit : json.items) {
    if (unit.kind != Json::Kind::object) return std::nullopt;
    for (int i = 0; i < 4; ++i) {
      int seen = 0;
      for (const auto& [key, member] : unit.members) {
        if (key != (simple ? kAliases[i] : kNames[i])) continue;
        const auto number =
            member.kind == Json::Kind::number ? number_of(member.text) : std::nullopt;
        if (++seen > 1 || !number || number->negative) return std::nullopt;
        if (!fits(*number, i < 2 ? kInt64Max : kWideMax)) return std::nullopt;
        value += number->text() + (i < 3 ? "|" : ";");
      }
      if (seen == 0) return std::nullopt;
    }
  }
  return value;
}

std::optional<std::string> assets_value(const Json& json, bool simple) {
  static constexpr const char* kNames[3] = {"currency", "balance", "locked"};
  static constexpr const char* kAliases[3] = {"cu", "b", "l"};
  if (json.kind != Json::Kind::array) return std::nullopt;
  std::string value;
  for (const Json& asset : json.items) {
    if (asset.kind != Json::Kind::object) return std::nullopt;
    for (int i = 0; i < 3; ++i) {
      int seen = 0;
      for (const auto& [key, member] : asset.members) {
        if (key != (simple ? kAliases[i] : kNames[i])) continue;
        if (++seen > 1) return std::nullopt;
        if (i == 0) {
          if (member.kind != Json::Kind::text || member.text.size() > 15) return std::nullopt;
          value += '"' + member.text + "\"|";
          continue;
        }
        const bool spelled = member.kind == Json::Kind::number || member.kind == Json::Kind::text;
        const auto number = spelled ? number_of(member.text) : std::nullopt;
        if (!number || !number_allowed('d', *number)) return std::nullopt;
        value += number->text() + (i < 2 ? "|" : ";");
      }
      if (seen == 0) return std::nullopt;
    }
  }
  return value;
}

std::optional<std::string> text_value(char kind, const std::string& text) {
  const auto one_of = [&](std::vector<std::string> allowed) {
    return std::find(allowed.begin(), allowed.end(), text) != allowed.end();
  };
  const bool allowed = kind == '1'   ? text.size() <= 15
                       : kind == '2' ? text.size() <= 23
                       : kind == '3' ? text.size() <= 31
                       : kind == '4' ? text.size() <= 47
                       : kind == '5' ? text.size() <= 255
                       : kind == 'S' ? one_of({"ASK", "BID"})
                       : kind == 'C' ? one_of({"RISE", "EVEN", "FALL"})
                       : kind == 'T' ? one_of({"SNAPSHOT", "REALTIME"})
                       : kind == 'c' ? upfeed::MarketCode::parse(text).has_value()
                                     : kind == 'y' || kind == 'x';
  if (!allowed) return std::nullopt;
  return '"' + text + '"';
}

/// The value in one spelling; nullopt: refused.
std::optional<std::string> value_of(const Rule& rule, const Json& json, bool simple) {
  if (json.kind == Json::Kind::null) {
    if (std::string(rule.flags).find('n') == std::string::npos) return std::nullopt;
    return "null";
  }
  if (rule.kind == 'u') return units_value(json, simple);
  if (rule.kind == 'a') return assets_value(json, simple);
  if (rule.kind == 'b') {
    return json.kind == Json::Kind::boolean ? std::optional(json.text) : std::nullopt;
  }
  const bool number_due = std::string_view("pwdltij").find(rule.kind) != std::string_view::npos;
  if (!number_due) {
    return json.kind == Json::Kind::text ? text_value(rule.kind, json.text) : std::nullopt;
  }
  const bool quotes_allowed = rule.kind == 'l' || rule.kind == 'j';
  if (json.kind != Json::Kind::number && !(quotes_allowed && json.kind == Json::Kind::text)) {
    return std::nullopt;
  }
  const auto number = number_of(json.text);
  if (!number || !number_allowed(rule.kind, *number)) return std::nullopt;
  return number->text();
}

Frame stream_frame(const Json& object, const std::string& type, bool simple) {
  const Rules* const rules = rules_of(type);
  if (rules == nullptr) return {};
  Frame frame;
  for (const Rule& rule : *rules) {
    int seen = 0;
    for (const auto& [key, json] : object.members) {
      if (key != (simple ? rule.alias : rule.name)) continue;
      const auto value = value_of(rule, json, simple);
      const bool left_out = std::string(rule.flags).find('o') != std::string::npos;
      if (++seen > 1 || (!value && !left_out)) return {};
      if (value) frame.values.emplace(rule.name, *value);
    }
    if (rule.flags[0] == 'r' && seen == 0) return {};
  }
  frame.verdict = Frame::Verdict::event;
  return frame;
}

/// The frame without what stands around its object.
std::string object_text(std::string_view text, bool list) {
  const auto strip = [](std::string_view padded) {
    const std::size_t first = padded.find_first_not_of(" \t\n\r");
    return padded.substr(first, padded.find_last_not_of(" \t\n\r") - first + 1);
  };
  text = strip(text);
  return std::string(list ? strip(text.substr(1, text.size() - 2)) : text);
}

/// The text of the only member of that name; nullopt: there are several, or it is something else.
std::optional<std::string> only_text(const Json& object, std::string_view name,
                                     std::string_view alias, bool number_allowed_too) {
  std::optional<std::string> text;
  for (const auto& [key, json] : object.members) {
    if (key != name && key != alias) continue;
    const bool good =
        json.kind == Json::Kind::text || (number_allowed_too && json.kind == Json::Kind::number);
    if (text || !good) return std::nullopt;
    text = json.text;
  }
  return text;
}

Frame control_frame(const Json& object) {
  const auto count = [](const Json& json, std::string_view name, std::string_view alias) {
    return std::count_if(json.members.begin(), json.members.end(), [&](const auto& member) {
      return member.first == name || member.first == alias;
    });
  };
  using Verdict = Frame::Verdict;
  if (count(object, "status", "status") > 0) {
    const bool up = only_text(object, "status", "status", false) == "UP";
    return {up ? Verdict::status_up : Verdict::refused, {}};
  }
  if (count(object, "error", "error") > 0) {
    if (count(object, "error", "error") != 1) return {};
    for (const auto& [key, json] : object.members) {
      if (key != "error") continue;
      if (json.kind != Json::Kind::object) return {};
      Frame frame{Verdict::error, {}};
      for (const char* name : {"name", "message"}) {
        if (count(json, name, name) == 0) continue;
        const auto text = only_text(json, name, name, true);
        if (!text) return {};
        frame.values[name] = *text;
      }
      return frame;
    }
  }
  if (only_text(object, "method", "mthd", false) == "LIST_SUBSCRIPTIONS") {
    return {Verdict::subscriptions, {}};
  }
  return {};
}

}  // namespace

std::optional<Json> parse_json(std::string_view text, int depth_max) {
  return Parser(text, depth_max).document();
}

Frame decode(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\n\r");
  const bool list = first != std::string_view::npos && text[first] == '[';
  const auto document = parse_json(text, list ? 17 : 16);
  if (!document) return {};
  if (list && document->items.size() != 1) return {};
  const Json& object = list ? document->items[0] : *document;
  if (object.kind != Json::Kind::object) return {};
  for (const auto& [key, json] : object.members) {
    if (key != "type" && key != "ty") continue;
    if (json.kind != Json::Kind::text) return {};
    Frame frame = stream_frame(object, json.text, key == "ty");
    if (frame.verdict == Frame::Verdict::event && json.text.starts_with("indicator")) {
      frame.values["json"] = object_text(text, list);
    }
    return frame;
  }
  return control_frame(object);
}

std::map<std::string, std::string> values_of(const Json& object) {
  std::map<std::string, std::string> values;
  for (const auto& [key, json] : object.members) {
    switch (json.kind) {
      case Json::Kind::number:
        values[key] = SlowDecimal::parse(json.text)->text();
        break;
      case Json::Kind::text:
        values[key] = '"' + json.text + '"';
        break;
      case Json::Kind::array:
        for (std::size_t i = 0; i < json.items.size(); ++i) {
          for (const auto& [name, value] : values_of(json.items[i])) {
            values[key + '[' + std::to_string(i) + "]." + name] = value;
          }
        }
        values[key + ".size"] = std::to_string(json.items.size());
        break;
      case Json::Kind::object:
        for (const auto& [name, value] : values_of(json)) values[key + '.' + name] = value;
        break;
      default:
        values[key] = json.kind == Json::Kind::null ? "null" : json.text;
    }
  }
  return values;
}

}  // namespace slow
