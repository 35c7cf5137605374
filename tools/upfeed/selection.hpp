#pragma once

// --from, --to (or --until), --codes and --types: which part of a capture a command wants.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "time_text.hpp"
#include "upfeed/errc.hpp"
#include "upfeed/events.hpp"

namespace CLI {
class App;
}

namespace upfeed::program {

/// As the user gave it; empty: everything.
struct SelectionArguments {
  std::string from;
  std::string to;
  std::string codes;
  std::string types;
};
/// to  the option's name beside --until, where that is free: "--to"; or empty.
void add_selection_options(CLI::App& command, SelectionArguments& arguments,
                           const std::string& to = "--to");

/// One name of --types: a kind, of candles perhaps one unit.
struct StreamKind {
  EventKind kind = EventKind::ticker;
  bool every_unit = true;  ///< of candles
  CandleUnit unit = CandleUnit::m1;
};

struct Selection {
  std::optional<TimeBound> from{};  ///< included
  std::optional<TimeBound> to{};    ///< not included
  std::vector<MarketCode> codes{};
  std::vector<StreamKind> types{};

  /// errors  bad_config: the option, its value and what there is.
  [[nodiscard]] static Result<Selection> parse(const SelectionArguments& arguments);
  [[nodiscard]] bool by_time() const noexcept { return from || to; }
  [[nodiscard]] bool by_stream() const noexcept { return !codes.empty() || !types.empty(); }
  [[nodiscard]] bool wants(const EventHeader& event) const noexcept;
  /// Tells on standard error that nothing was chosen by it, where something was to be.
  void tell_nothing(std::string_view command) const;
  [[nodiscard]] bool wants_time(std::int64_t unix_ns, std::int64_t first_unix_ns) const noexcept {
    return (!from || unix_ns >= from->unix_ns(first_unix_ns)) &&
           (!to || unix_ns < to->unix_ns(first_unix_ns));
  }
};

}  // namespace upfeed::program
