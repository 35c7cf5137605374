#pragma once

// Strict reading on top of simdjson's On-Demand, which on its own validates only what it is asked
// for (3.0.1: escapes, numbers and literals of skipped values pass unread, a skipped text may even
// swallow the colon behind it). Rule: every value is read through here, and scalars are judged by
// the whole text up to the next structural character.
// Included by decode.cpp only.

#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "decode/decode.hpp"
#include "decode/json_text.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

namespace ondemand = simdjson::ondemand;

inline DecodeErrc errc_of(simdjson::error_code error) noexcept {
  switch (error) {
    case simdjson::SUCCESS:
      return DecodeErrc::ok;
    case simdjson::UTF8_ERROR:
      return DecodeErrc::bad_utf8;
    case simdjson::CAPACITY:
      return DecodeErrc::too_big;
    default:
      return DecodeErrc::bad_json;
  }
}

/// One value: what its first character promises, and for a scalar its text.
struct Value {
  enum class Shape : std::uint8_t { object, array, text, number, null, boolean };
  Shape shape = Shape::null;
  std::string_view token;  ///< of text: what stands between the quotes, still escaped
  ondemand::value node;
};

/// Reads a scalar to its end, or an array's or object's first character.
inline DecodeErrc read_value(ondemand::value node, Value& out) noexcept {
  using Shape = Value::Shape;
  out.node = node;
  const std::string_view token = node.raw_json_token();
  // The first character first: behind the end of a broken document the length means nothing.
  switch (token.front()) {
    case '{':
      out.shape = Shape::object;
      return DecodeErrc::ok;
    case '[':
      out.shape = Shape::array;
      return DecodeErrc::ok;
    case '"': {
      out.shape = Shape::text;
      out.token = trim_right(token);
      // Leaving the text to be skipped would let `"a":"b":1` pass.
      if (node.get_raw_json_string().error() != simdjson::SUCCESS || out.token.size() < 2 ||
          out.token.back() != '"') {
        return DecodeErrc::bad_json;
      }
      out.token = out.token.substr(1, out.token.size() - 2);
      return DecodeErrc::ok;
    }
    case 'n':
      out.shape = Shape::null;
      out.token = trim_right(token);
      return out.token == "null" ? DecodeErrc::ok : DecodeErrc::bad_json;
    case 't':
    case 'f':
      out.shape = Shape::boolean;
      out.token = trim_right(token);
      return out.token == "true" || out.token == "false" ? DecodeErrc::ok : DecodeErrc::bad_json;
    default:
      if (token.front() != '-' && (token.front() < '0' || token.front() > '9')) {
        return DecodeErrc::bad_json;
      }
      out.shape = Shape::number;
      out.token = trim_right(token);
      return DecodeErrc::ok;
  }
}

/// A key as it stands between its quotes.
class Key {
 public:
  Key() = default;
  explicit Key(ondemand::raw_json_string raw) noexcept : raw_(raw.raw()) {}

  /// May read kDecodePadding bytes beyond the payload: a key's closing quote is within it, and no
  /// name has a quote, so what is read there decides nothing.
  [[nodiscard]] bool is(std::string_view name) const noexcept {
    return std::memcmp(raw_, name.data(), name.size()) == 0 && raw_[name.size()] == '"';
  }

  [[nodiscard]] std::string_view escaped() const noexcept {
    const char* end = raw_;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return {raw_, static_cast<std::size_t>(end - raw_)};
  }

 private:
  const char* raw_ = nullptr;
};

/// Reads one step of an object's iteration: the key, and the value as read_value does.
inline DecodeErrc read_pair(simdjson::simdjson_result<ondemand::field> element, Key& key,
                            Value& value) noexcept {
  ondemand::field field;
  if (const auto error = std::move(element).get(field)) return errc_of(error);
  key = Key(field.key());
  return read_value(field.value(), value);
}

/// Calls visit(Key, const Value&) -> DecodeErrc for each key of an object until one is not ok.
/// Each visit reads its value to the end.
template <class Visit>
DecodeErrc for_each_key(ondemand::object object, Visit&& visit) noexcept {
  for (auto element : object) {
    Key key;
    Value value;
    DecodeErrc errc = read_pair(std::move(element), key, value);
    if (errc == DecodeErrc::ok) errc = visit(key, value);
    if (errc != DecodeErrc::ok) return errc;
  }
  return DecodeErrc::ok;
}

/// Calls visit(const Value&) -> DecodeErrc for each element of an array until one is not ok.
template <class Visit>
DecodeErrc for_each_element(ondemand::array array, Visit&& visit) noexcept {
  for (auto element : array) {
    ondemand::value node;
    // NOLINTNEXTLINE(performance-move-const-arg): get() is for rvalues only.
    if (const auto error = std::move(element).get(node)) return errc_of(error);
    Value value;
    DecodeErrc errc = read_value(node, value);
    if (errc == DecodeErrc::ok) errc = visit(value);
    if (errc != DecodeErrc::ok) return errc;
  }
  return DecodeErrc::ok;
}

/// Reads a value that nobody asked for to its end: is all of it JSON?
/// depth  of the object or array it stands in.
inline DecodeErrc check_value(const Value& value, int depth, TextScratch& scratch) noexcept {
  using Shape = Value::Shape;
  ondemand::value node = value.node;
  std::string_view text;
  if ((value.shape == Shape::object || value.shape == Shape::array) && depth >= kDecodeDepthMax) {
    return DecodeErrc::too_deep;
  }
  switch (value.shape) {
    case Shape::object: {
      ondemand::object object;
      if (const auto error = node.get_object().get(object)) return errc_of(error);
      return for_each_key(object, [&](Key key, const Value& child) {
        const DecodeErrc errc = scratch.unescape(key.escaped(), text);
        return errc != DecodeErrc::ok ? errc : check_value(child, depth + 1, scratch);
      });
    }
    case Shape::array: {
      ondemand::array array;
      if (const auto error = node.get_array().get(array)) return errc_of(error);
      return for_each_element(
          array, [&](const Value& child) { return check_value(child, depth + 1, scratch); });
    }
    case Shape::text:
      return scratch.unescape(value.token, text);
    case Shape::number: {
      NumberParts parts;  // its range does not matter where nobody wants the number
      return split_number(value.token, parts) == NumberStatus::not_a_number ? DecodeErrc::bad_number
                                                                            : DecodeErrc::ok;
    }
    case Shape::null:
    case Shape::boolean:
      break;
  }
  return DecodeErrc::ok;
}

/// The one object of a frame, alone or as the only element of a list.
class Root {
 public:
  Root(ondemand::document& document, bool list) : document_(document), list_(list) {}

  /// Goes to the object's start, for the first time or again.
  DecodeErrc open(ondemand::object& object) noexcept {
    document_.rewind();
    if (!list_) return errc_of(document_.get_object().get(object));
    ondemand::array array;
    if (const auto error = document_.get_array().get(array)) return errc_of(error);
    if (const auto error = array.begin().get(element_)) return errc_of(error);
    if (list_ended()) return DecodeErrc::list_not_single;
    ondemand::value node;
    if (const auto error = (*element_).get(node)) return errc_of(error);
    Value value;
    const DecodeErrc errc = read_value(node, value);
    if (errc != DecodeErrc::ok) return errc;
    if (value.shape != Value::Shape::object) return DecodeErrc::not_an_object;
    return errc_of(node.get_object().get(object));
  }

  /// After the object was walked to its end: is that the end of the document?
  DecodeErrc close() noexcept {
    if (list_) {
      ++element_;
      // An element that follows and a missing bracket both leave the list open.
      if (!list_ended()) {
        const auto error = (*element_).error();
        return error != simdjson::SUCCESS ? errc_of(error) : DecodeErrc::list_not_single;
      }
    }
    // Behind the end the parser reads padding as if it were the document; it then stands elsewhere.
    return document_.current_location().error() == simdjson::OUT_OF_BOUNDS
               ? DecodeErrc::ok
               : DecodeErrc::trailing_bytes;
  }

 private:
  /// simdjson's iterators know their own end and ignore what they are compared with.
  [[nodiscard]] bool list_ended() const noexcept { return element_ == ondemand::array_iterator(); }

  ondemand::document& document_;
  bool list_;
  ondemand::array_iterator element_;
};

}  // namespace upfeed::detail
