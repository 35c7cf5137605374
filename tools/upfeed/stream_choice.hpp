#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "upfeed/client.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"

namespace upfeed::program {

/// Which streams of which codes a command wants.
struct StreamChoice {
  bool ticker = false;
  bool trade = false;
  bool orderbook = false;
  std::vector<CandleUnit> candles{};
  // Of the whole account; their connection wants a login.
  bool my_order = false;
  bool my_asset = false;
  bool announcement = false;
  unsigned units = 30;  ///< of order books

  [[nodiscard]] bool of_markets() const noexcept {
    return ticker || trade || orderbook || !candles.empty();
  }
  [[nodiscard]] bool of_account() const noexcept { return my_order || my_asset || announcement; }
};

/// "ticker,trade,orderbook,candle.1m,myOrder" in any order.
/// errors  empty_list, bad_config: names what is wrong and what there is.
[[nodiscard]] Result<StreamChoice> parse_streams(std::string_view list);

/// Makes the streams flow, without callbacks.
/// codes  of those that are of markets.
Status subscribe(Client& client, const std::vector<std::string>& codes, const StreamChoice& choice);

/// default, simple, json_list, simple_list. errors: bad_config, naming `option`.
[[nodiscard]] Result<WireFormat> parse_format(std::string_view option, std::string_view name);

}  // namespace upfeed::program
