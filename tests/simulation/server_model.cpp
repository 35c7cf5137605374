#include "server_model.hpp"

#include <algorithm>

namespace upfeed::simulation {
namespace {

/// Reads the JSON of requests: arrays, objects, plain strings, numbers, true and false. One
/// function per thing, each false where the thing is not there.
class RequestReader {
 public:
  RequestReader(std::string_view text, ParsedRequest& out) : text_(text), out_(out) {}

  bool read() {
    out_.ticket = out_.format = out_.method = {};
    out_.streams.clear();
    if (!skip('[')) return false;
    do {
      if (!object()) return false;
    } while (skip(','));
    return skip(']') && text_.empty() && !out_.ticket.empty() && !out_.format.empty() &&
           out_.method.empty() != out_.streams.empty();
  }

 private:
  bool skip(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool string(std::string_view& out) {
    if (!skip('"')) return false;
    std::size_t end = 0;
    while (end < text_.size() && text_[end] != '"') {
      if (text_[end++] == '\\') return false;
    }
    if (end == text_.size()) return false;
    out = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return true;
  }
  bool boolean(bool& out) {
    out = text_.starts_with("true");
    if (!out && !text_.starts_with("false")) return false;
    text_.remove_prefix(out ? 4 : 5);
    return true;
  }
  bool number(std::string_view& out) {
    std::size_t end = 0;
    while (end < text_.size() && (text_[end] == '.' || (text_[end] >= '0' && text_[end] <= '9'))) {
      ++end;
    }
    out = text_.substr(0, end);
    text_.remove_prefix(out.size());
    return !out.empty();
  }
  bool codes() {
    if (!skip('[')) return false;
    do {
      NamedStream& named = out_.streams.emplace_back();
      if (!string(named.code) || named.code.empty()) return false;
      if (const auto dot = named.code.find('.'); dot != std::string_view::npos) {
        named.units = named.code.substr(dot + 1);
        named.code = named.code.substr(0, dot);
      }
    } while (skip(','));
    return skip(']');
  }
  bool object() {
    NamedStream common;
    const std::size_t first = out_.streams.size();
    if (!skip('{')) return false;
    do {
      std::string_view key;
      if (!string(key) || !skip(':') || !value(key, common)) return false;
    } while (skip(','));
    if (!skip('}')) return false;
    if (common.type.empty()) return out_.streams.size() == first;
    if (out_.streams.size() == first) out_.streams.emplace_back();
    for (std::size_t i = first; i < out_.streams.size(); ++i) {
      const NamedStream named = out_.streams[i];
      out_.streams[i] = common;
      out_.streams[i].code = named.code;
      out_.streams[i].units = named.units;
    }
    return true;
  }
  bool value(std::string_view key, NamedStream& common) {
    if (key == "ticket") return string(out_.ticket);
    if (key == "format") return string(out_.format);
    if (key == "method") return string(out_.method);
    if (key == "type") return string(common.type);
    if (key == "codes") return codes();
    if (key == "level") return number(common.level);
    if (key == "is_only_snapshot") return boolean(common.only_snapshot);
    return key == "is_only_realtime" && boolean(common.only_realtime);
  }

  std::string_view text_;
  ParsedRequest& out_;
};

}  // namespace

bool ArrivalCounter::arrive(std::int64_t now_ns) {
  while (first_ < arrivals_.size() && arrivals_[first_] <= now_ns - 60 * kSecond) ++first_;
  arrivals_.push_back(now_ns);
  const std::size_t count = arrivals_.size() - first_;
  if (count > limits_.per_minute) return false;
  return count <= limits_.per_second ||
         arrivals_[arrivals_.size() - 1 - limits_.per_second] <= now_ns - kSecond;
}

bool ArrivalCounter::has_room(std::int64_t now_ns, std::size_t count) const {
  const auto room = [&](std::size_t limit, std::int64_t window_ns) {
    const auto since = std::upper_bound(arrivals_.begin(), arrivals_.end(), now_ns - window_ns);
    return static_cast<std::size_t>(arrivals_.end() - since) + count <= limit;
  };
  return room(limits_.per_second, kSecond) && room(limits_.per_minute, 60 * kSecond);
}

std::int64_t ArrivalCounter::ready_at_ns() const {
  const auto after = [this](std::size_t limit, std::int64_t window_ns) {
    return arrivals_.size() < limit ? INT64_MIN : arrivals_[arrivals_.size() - limit] + window_ns;
  };
  return std::max(after(limits_.per_second, kSecond), after(limits_.per_minute, 60 * kSecond));
}

bool read_request(std::string_view text, ParsedRequest& out) {
  return RequestReader(text, out).read();
}

}  // namespace upfeed::simulation
