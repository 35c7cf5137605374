#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/number.hpp"

namespace upfeed::sim {

/// Appends the members of one JSON object to a string, in the order of the calls. Texts are written
/// as they are: callers pass codes, names and dates, never text that needs escapes.
class JsonWriter {
 public:
  JsonWriter(std::string& out, bool aliases) : out_(out), aliases_(aliases) { out_.push_back('{'); }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  /// Writes the key; the value has to follow through out().
  void key(std::string_view name, std::string_view alias) {
    if (!first_) out_.push_back(',');
    first_ = false;
    out_.push_back('"');
    out_.append(aliases_ ? alias : name);
    out_.append("\":");
  }
  void text(std::string_view name, std::string_view alias, std::string_view value) {
    key(name, alias);
    out_.push_back('"');
    out_.append(value);
    out_.push_back('"');
  }
  void integer(std::string_view name, std::string_view alias, std::int64_t value) {
    key(name, alias);
    append_integer(out_, value);
  }
  void raw(std::string_view name, std::string_view alias, std::string_view value) {
    key(name, alias);
    out_.append(value);
  }
  void number(std::string_view name, std::string_view alias, Exact value, Spelling spelling) {
    key(name, alias);
    spell(out_, value, spelling);
  }
  /// A price or volume as trades, tickers and candles write it: eight decimals, 0E-8.
  void fixed(std::string_view name, std::string_view alias, Int128 value_e8) {
    number(name, alias, {value_e8, kScale}, Spelling::big_decimal);
  }
  void plain(std::string_view name, std::string_view alias, Int128 value_e8) {
    number(name, alias, {value_e8, kScale}, Spelling::plain);
  }
  void close() { out_.push_back('}'); }
  [[nodiscard]] std::string& out() { return out_; }

 private:
  std::string& out_;
  bool aliases_;
  bool first_ = true;
};

}  // namespace upfeed::sim
