#pragma once

// Which exchange a command talks to: `upbit`, `sim` (started here, gone with the object) or a
// wss:// address.

#include <memory>
#include <string>
#include <vector>

#include "sim/server.hpp"
#include "temporary_file.hpp"
#include "upfeed/config.hpp"
#include "upfeed/errc.hpp"

namespace CLI {
class App;
}

namespace upfeed::program {

/// As the user gave it.
struct ExchangeArguments {
  std::string endpoint;  ///< empty: the configuration's
  std::string ca_file;   ///< empty: the endpoint's
};
/// --endpoint and --ca.
void add_exchange_options(CLI::App& command, ExchangeArguments& arguments);

class Exchange {
 public:
  /// configured  taken where the arguments name none. simulated  for `sim`.
  /// errors  bad_config: an address or file that cannot be; system: the simulator did not start.
  [[nodiscard]] static Result<Exchange> open(const ExchangeArguments& arguments,
                                             const Endpoint& configured = {},
                                             const sim::SimConfig& simulated = {});
  /// The simulator with this configuration, on any free port of the loopback.
  [[nodiscard]] static Result<Exchange> simulate(const sim::SimConfig& config);

  [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }
  /// For people, e.g. "api.upbit.com".
  [[nodiscard]] std::string name() const;
  /// nullptr: not simulated.
  [[nodiscard]] sim::SimServer* simulator() const noexcept { return simulator_.get(); }

 private:
  Endpoint endpoint_;
  std::unique_ptr<TemporaryFile> ca_;
  std::unique_ptr<sim::SimServer> simulator_;
};

/// "wss://host[:port][/path]"; path and port as of the real exchange where there is none.
[[nodiscard]] Result<Endpoint> parse_address(const std::string& address);

}  // namespace upfeed::program
