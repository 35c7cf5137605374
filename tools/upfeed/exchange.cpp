#include "exchange.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <exception>

#include "signals.hpp"

namespace upfeed::program {
namespace {

constexpr std::string_view kScheme = "wss://";

Error bad_endpoint(const std::string& given, std::string_view what) {
  return {Errc::bad_config, "--endpoint " + given + ": " + std::string(what) +
                                "; give upbit, sim, or wss://host:port"};
}

}  // namespace

void add_exchange_options(CLI::App& command, ExchangeArguments& arguments) {
  command.add_option("--endpoint", arguments.endpoint,
                     "upbit (the real exchange, the default), sim (an embedded one), or "
                     "wss://host:port");
  command.add_option("--ca", arguments.ca_file,
                     "PEM file with the authorities to trust instead of the system's");
}

Result<Endpoint> parse_address(const std::string& address) {
  std::string_view rest = address;
  if (!rest.starts_with(kScheme)) return bad_endpoint(address, "is no wss:// address");
  rest.remove_prefix(kScheme.size());
  Endpoint endpoint;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < rest.size()) endpoint.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  // An IPv6 address stands in brackets, because of its colons.
  const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
  if (bracket == std::string_view::npos) return bad_endpoint(address, "the ] is missing");
  if (const std::size_t colon = rest.find(':', bracket); colon != std::string_view::npos) {
    const std::string_view port = rest.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0) {
      return bad_endpoint(address, "the port is no number from 1 to 65535");
    }
    rest = rest.substr(0, colon);
  }
  endpoint.host = bracket > 0 ? rest.substr(1, bracket - 1) : rest;
  if (endpoint.host.empty()) return bad_endpoint(address, "the host is missing");
  return endpoint;
}

Result<Exchange> Exchange::open(const ExchangeArguments& arguments, const Endpoint& configured,
                                const sim::SimConfig& simulated) {
  if (!arguments.ca_file.empty() && ::access(arguments.ca_file.c_str(), R_OK) != 0) {
    return Error{Errc::no_such_file,
                 "--ca " + arguments.ca_file + ": " + std::strerror(errno) +
                     "; give the PEM file of the exchange's certificate authority"};
  }
  if (arguments.endpoint == "sim") return simulate(simulated);
  Exchange exchange;
  if (arguments.endpoint.empty()) {
    exchange.endpoint_ = configured;
  } else if (arguments.endpoint != "upbit") {
    Result<Endpoint> endpoint = parse_address(arguments.endpoint);
    if (!endpoint) return endpoint.error();
    exchange.endpoint_ = std::move(*endpoint);
  }
  if (!arguments.ca_file.empty()) exchange.endpoint_.ca_file = arguments.ca_file;
  return exchange;
}

Result<Exchange> Exchange::simulate(const sim::SimConfig& config) {
  Exchange exchange;
  try {
    const SignalsBlocked blocked;
    exchange.simulator_ = std::make_unique<sim::SimServer>(config);
    exchange.ca_ =
        std::make_unique<TemporaryFile>("simulator-ca.pem", exchange.simulator_->ca_pem());
  } catch (const std::exception& error) {
    return Error{Errc::system, std::string("cannot start the simulator: ") + error.what()};
  }
  exchange.endpoint_.host = "localhost";
  exchange.endpoint_.port = exchange.simulator_->port();
  exchange.endpoint_.ca_file = exchange.ca_->path();
  return exchange;
}

std::string Exchange::name() const {
  if (simulator_ != nullptr) return "simulator";
  return endpoint_.port == 443 ? endpoint_.host
                               : endpoint_.host + ":" + std::to_string(endpoint_.port);
}

}  // namespace upfeed::program
