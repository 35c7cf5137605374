#include "server_model.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace upfeed::simulation {
namespace {

/// Takes a request apart as its tokens come; a tree of it would be most of the simulation's time.
/// A member function that returns false refuses the request.
class RequestReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  ParsedRequest parsed;
  [[nodiscard]] bool complete() const { return !parsed.ticket.empty() && !parsed.format.empty(); }

  bool start_array(std::size_t) override {
    ++depth_;
    return depth_ == 1 || (depth_ == 3 && key_ == "codes");
  }
  bool end_array() override { return depth_-- > 0; }
  bool start_object(std::size_t) override {
    type_.clear();
    level_.clear();
    codes_.clear();
    flags_ = {};
    is_stream_ = false;
    return ++depth_ == 2;
  }
  bool end_object() override { return depth_-- == 2 && (!is_stream_ || add_streams()); }
  bool key(std::string& name) override {
    key_ = name;
    if (key_ != "ticket" && key_ != "format") is_stream_ = true;
    return true;
  }
  bool string(std::string& value) override {
    if (depth_ == 3) {
      codes_.push_back(value);
    } else if (key_ == "ticket") {
      parsed.ticket = value;
    } else if (key_ == "format") {
      parsed.format = value;
    } else if (key_ == "type") {
      type_ = value;
    } else {
      return false;
    }
    return depth_ >= 2;
  }
  bool boolean(bool value) override {
    if (key_ == "is_only_snapshot") {
      flags_.only_snapshot = value;
    } else if (key_ == "is_only_realtime") {
      flags_.only_realtime = value;
    } else {
      return false;
    }
    return true;
  }
  bool number_unsigned(std::uint64_t value) override {
    level_ = std::to_string(value);
    return key_ == "level";
  }
  // Nothing of this kind is in a request of this world.
  bool null() override { return false; }
  bool number_integer(std::int64_t) override { return false; }
  bool number_float(double, const std::string&) override { return false; }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  bool add_streams() {
    for (std::string& code : codes_) {
      NamedStream named = flags_;
      if (const auto dot = code.find('.'); dot != std::string::npos) {
        named.units = code.substr(dot + 1);
        code.resize(dot);
      }
      std::string name = type_;
      name.append(1, '|').append(code).append(1, '|').append(level_);
      if (!parsed.streams.emplace(std::move(name), std::move(named)).second) return false;
    }
    return !type_.empty() && !codes_.empty();
  }

  int depth_ = 0;
  std::string key_;
  std::string type_;
  std::string level_;
  std::vector<std::string> codes_;
  NamedStream flags_;
  bool is_stream_ = false;
};

}  // namespace

bool ArrivalCounter::arrive(std::int64_t now_ns) {
  while (!arrivals_.empty() && arrivals_.front() <= now_ns - 60 * kSecond) arrivals_.pop_front();
  arrivals_.push_back(now_ns);
  if (arrivals_.size() > limits_.per_minute) return false;
  return arrivals_.size() <= limits_.per_second ||
         arrivals_[arrivals_.size() - 1 - limits_.per_second] <= now_ns - kSecond;
}

std::int64_t ArrivalCounter::ready_at_ns() const {
  const auto after = [this](std::size_t limit, std::int64_t window_ns) {
    return arrivals_.size() < limit ? INT64_MIN : arrivals_[arrivals_.size() - limit] + window_ns;
  };
  return std::max(after(limits_.per_second, kSecond), after(limits_.per_minute, 60 * kSecond));
}

std::optional<ParsedRequest> parse_request(std::string_view text) {
  RequestReader reader;
  if (!nlohmann::json::sax_parse(text, &reader) || !reader.complete()) return std::nullopt;
  return std::move(reader.parsed);
}

}  // namespace upfeed::simulation
