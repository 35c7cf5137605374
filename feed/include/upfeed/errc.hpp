#pragma once

// Errors of the cold path. Nothing throws across the API: calls that can fail return Result<T>.
// Trouble of a connection is not an error return but a StatusEvent in stream order.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "upfeed/assert.hpp"

namespace upfeed {

enum class Errc : std::uint8_t {
  bad_config,            ///< a field of FeedConfig; message lists every bad one
  bad_code,              ///< a market code that cannot exist
  bad_unit,              ///< order book units other than 1, 5, 15, 30
  bad_level,             ///< a price grouping that is negative or asked where there is none
  bad_option,            ///< an option of a private or info stream, or of a replay
  unknown_market,        ///< the exchange's market list does not have that code
  no_keys,               ///< a private stream without FeedConfig::keys
  empty_list,            ///< no codes given
  too_many_markets,      ///< FeedConfig::market_capacity is used up
  not_running,           ///< needs start() first, or the feed is driven by the caller
  already_running,       ///< start() twice, or step_io()/poll() beside the feed's own threads
  stopped,               ///< the feed has been stopped or destroyed
  called_from_callback,  ///< a blocking call within a callback would wait for itself
  timeout,               ///< message says what is missing
  no_such_file,          ///< message has the path and the system's reason
  bad_capture,           ///< not a capture this library reads
  bad_keys,              ///< API keys that are missing, unusable or badly kept; never a value
  system                 ///< a system call failed; message has the call and the reason
};
[[nodiscard]] std::string_view to_string(Errc code) noexcept;

/// What went wrong, in one line for a person: names the field, the value and the way out.
struct Error {
  Errc code;
  std::string message;
};

/// A value or an Error. [[nodiscard]]: an error ignored does not compile quietly.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  /// The value; only when ok().
  [[nodiscard]] T& value() & {
    UPFEED_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    UPFEED_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    UPFEED_ASSERT(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }
  /// The error; only when not ok().
  [[nodiscard]] const Error& error() const {
    UPFEED_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value.
struct Done {};
using Status = Result<Done>;

}  // namespace upfeed
