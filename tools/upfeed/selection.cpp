#include "selection.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "output.hpp"

namespace upfeed::program {
namespace {

constexpr std::string_view kTypes =
    "ticker, trade, orderbook, candle, candle.1s, candle.1m ... candle.240m, myOrder, myAsset, "
    "announcement, indicator, indicator_signal";

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
    if (list.empty()) parts.push_back(list);  // a comma at the end
  }
  return parts;
}

std::optional<StreamKind> parse_type(std::string_view name) {
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    const auto kind = static_cast<EventKind>(i);
    if (name == to_string(kind)) return StreamKind{kind};
  }
  constexpr std::string_view kCandle = "candle.";
  for (std::size_t i = 0; name.starts_with(kCandle) && i < kCandleUnitCount; ++i) {
    const auto unit = static_cast<CandleUnit>(i);
    if (name.substr(kCandle.size()) == to_string(unit))
      return StreamKind{EventKind::candle, false, unit};
  }
  return {};
}

}  // namespace

void add_selection_options(CLI::App& command, SelectionArguments& arguments,
                           const std::string& to) {
  command.add_option("--from", arguments.from,
                     "From this time on: 2021-04-05T18:17:00Z, a zone like +09:00, or +10s from "
                     "the start");
  command.add_option(to.empty() ? "--until" : to + ",--until", arguments.to,
                     "Up to this time, which is not included");
  command.add_option("--codes", arguments.codes, "Only these markets: KRW-BTC,KRW-ETH");
  command.add_option("--types", arguments.types,
                     "Only these streams: ticker,trade,orderbook,candle,candle.1m,myOrder ...");
}

Result<Selection> Selection::parse(const SelectionArguments& arguments) {
  Selection selection;
  const auto bound = [](const char* option, const std::string& text,
                        std::optional<TimeBound>& out) -> Status {
    if (text.empty()) return Done{};
    const Result<TimeBound> parsed = parse_time_bound(option, text);
    if (!parsed) return parsed.error();
    out = parsed.value();
    return Done{};
  };
  if (const Status status = bound("--from", arguments.from, selection.from); !status) {
    return status.error();
  }
  if (const Status status = bound("--until", arguments.to, selection.to); !status) {
    return status.error();
  }
  if (selection.from && selection.to && selection.from->relative == selection.to->relative &&
      selection.from->ns >= selection.to->ns) {
    return Error{Errc::bad_config, "--until " + arguments.to + ": is not behind --from " +
                                       arguments.from + "; nothing would be left"};
  }
  for (const std::string_view name : split(arguments.codes)) {
    const auto code = MarketCode::parse(name);
    if (!code) {
      return Error{Errc::bad_config, "--codes: \"" + std::string(name) +
                                         "\" is no market code; they look like KRW-BTC"};
    }
    selection.codes.push_back(*code);
  }
  for (const std::string_view name : split(arguments.types)) {
    const auto type = parse_type(name);
    if (!type) {
      return Error{Errc::bad_config, "--types: there is no stream \"" + std::string(name) +
                                         "\"; there are " + std::string(kTypes)};
    }
    selection.types.push_back(*type);
  }
  return selection;
}

void Selection::tell_nothing(std::string_view command) const {
  if (!by_time() && !by_stream()) return;
  say("upfeed " + std::string(command) +
      ": nothing matches the times, codes and types that were asked for; upfeed inspect tells what "
      "is there");
}

bool Selection::wants(const EventHeader& event) const noexcept {
  const bool code =
      codes.empty() || std::find(codes.begin(), codes.end(), event.code) != codes.end();
  const bool type =
      types.empty() || std::any_of(types.begin(), types.end(), [&](const StreamKind& each) {
        return each.kind == event.kind &&
               (each.every_unit || static_cast<const CandleEvent&>(event).unit == each.unit);
      });
  return code && type;
}

}  // namespace upfeed::program
