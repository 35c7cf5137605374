#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/gate.hpp"
#include "sim/wire.hpp"

/// What a client may send on the socket, read as the exchange reads it. No state, no I/O.
namespace upfeed::sim {

/// The public streams: ticker, trade, orderbook, then the nine candles in the order of
/// kCandleTypes.
inline constexpr std::size_t kStreamTicker = 0;
inline constexpr std::size_t kStreamTrade = 1;
inline constexpr std::size_t kStreamOrderbook = 2;
inline constexpr std::size_t kStreamCandleFirst = 3;
inline constexpr std::size_t kStreamCount = kStreamCandleFirst + kCandleTypes.size();

/// Streams behind a login follow: of the account, then of the info socket.
inline constexpr std::size_t kStreamMyOrder = kStreamCount;
inline constexpr std::size_t kStreamMyAsset = kStreamCount + 1;
inline constexpr std::size_t kStreamAnnouncement = kStreamCount + 2;
inline constexpr std::size_t kStreamIndicator = kStreamCount + 3;
inline constexpr std::size_t kStreamIndicatorSignal = kStreamCount + 4;
inline constexpr std::size_t kStreamCountAll = kStreamCount + 5;

/// Name of a stream on the wire, e.g. candle.1m.
[[nodiscard]] std::string_view stream_name(std::size_t stream);
/// Stream of a name, empty for anything that is no stream.
[[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name);

/// One indicator of a request; `params` is its JSON text, empty when there was none.
struct IndicatorRequest {
  std::string type;
  std::string params;
};

/// One type object of a request.
struct TypeRequest {
  std::size_t stream = 0;
  std::vector<std::string> codes;  ///< as sent, unit suffix included
  std::int64_t level = 0;          ///< price grouping x 1e-8
  bool wants_snapshot = true;
  bool wants_realtime = true;
  std::vector<std::string> categories;  ///< of announcement; empty: all
  bool includes_body = false;           ///< of announcement
  std::string timeframe;                ///< of the indicator streams
  std::vector<IndicatorRequest> indicators;
};

struct SubscribeRequest {
  std::string ticket;
  Format format = Format::full;
  std::vector<TypeRequest> types;
};

struct ListRequest {
  std::string ticket;
  std::optional<Format> format;  ///< empty: the connection keeps its own
};

/// A request that fails: the exchange sends the error and closes.
enum class RequestError : std::uint8_t {
  wrong_format,
  no_ticket,
  no_type,
  no_codes,
  unknown_type,
  empty_codes,
  invalid_param,  ///< any other
  invalid_auth,
  too_many_requests,      ///< messages per second or minute
  too_many_combinations,  ///< codes x indicators
};

struct Refusal {
  RequestError error = RequestError::wrong_format;
  std::string detail{};  ///< what is wrong: the type, category, timeframe, ...
};

using Request = std::variant<SubscribeRequest, ListRequest, Refusal>;

/// Where a request arrived.
struct RequestContext {
  bool regional = false;  ///< such hosts refuse `level`
  Endpoint endpoint = Endpoint::public_data;
};

/// Codes x indicators of one request, at most (docs.upbit.com, websocket-indicator, 2026-09).
inline constexpr std::size_t kIndicatorCombinations = 100;

/// Reads one text message other than PING.
[[nodiscard]] Request parse_request(std::string_view text, const RequestContext& context);

/// The error frame, Korean as on api.upbit.com or English as on the regional hosts.
[[nodiscard]] std::string error_frame(const Refusal& refusal, bool regional);

/// `text` as a JSON string, quotes included; broken UTF-8 is replaced.
[[nodiscard]] std::string json_string(std::string_view text);

/// A code of an orderbook request: "KRW-BTC.15" is code KRW-BTC with 15 units. 1, 5, 15 and 30
/// exist, any other number means 30.
struct BookCode {
  std::string_view code;
  std::size_t units = kDepthMax;
};
[[nodiscard]] BookCode split_book_code(std::string_view text);

}  // namespace upfeed::sim
