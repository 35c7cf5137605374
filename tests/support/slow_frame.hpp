#pragma once

// The obvious decoder, oracle of the decoder's tests: a recursive JSON parser into a tree, then one
// rule after another over text. It shares no idea and no table with the library.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "slow_decimal.hpp"
#include "upfeed/market.hpp"

namespace slow {

struct Member;
struct Json {
  enum class Kind : std::uint8_t { object, array, text, number, boolean, null };
  Kind kind = Kind::null;
  std::string text;  ///< of a text: unescaped; of a number or boolean: as written
  std::vector<Member> members;
  std::vector<Json> items;
};
struct Member {
  std::string first;
  Json second;
};

/// RFC 8259, strictly, the whole text. nullopt: not JSON, or nested deeper than depth_max.
std::optional<Json> parse_json(std::string_view text, int depth_max);

/// A frame by value: its known keys under their full names, the values in one spelling each.
struct Frame {
  enum class Verdict : std::uint8_t { refused, event, status_up, error, subscriptions };
  Verdict verdict = Verdict::refused;
  std::map<std::string, std::string> values;
  friend bool operator==(const Frame&, const Frame&) = default;
};
Frame decode(std::string_view text);

/// The same, without any rule but that it is JSON: every key of one object and its value, numbers
/// in one spelling, names as they are. For frames of which only the values are to be compared.
std::map<std::string, std::string> values_of(const Json& object);

}  // namespace slow
