// Measures how many frames per second and core the simulator serves over TLS. Not a test: speed is
// printed, never asserted.   upfeed_sim_measure [seconds] [stream] [format]
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sim/probe.hpp"
#include "sim/server.hpp"

namespace {

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace upfeed::sim;
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 5;
  const std::string stream = argc > 2 ? argv[2] : "trade";
  const std::string format = argc > 3 ? argv[3] : "DEFAULT";
  SimConfig config;
  config.speed = 0;
  if (stream != "orderbook") config.profile.trade_flood_per_second = 100'000;
  SimServer server(config);
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade();
  std::string codes;
  for (const std::string& code : server.codes())
    codes += (codes.empty() ? "\"" : ",\"") + code + "\"";
  probe.send(R"([{"ticket":"m"},{"type":")" + stream + R"(","codes":[)" + codes +
             R"(],"is_only_realtime":true},{"format":")" + format + R"("}])");
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  const auto start = std::chrono::steady_clock::now();
  const double all_before = cpu_seconds(RUSAGE_SELF);
  const double own_before = cpu_seconds(RUSAGE_THREAD);
  while (std::chrono::steady_clock::now() - start < std::chrono::seconds(seconds)) {
    const auto frame = probe.read(std::chrono::seconds(5));
    if (!frame) return 1;
    ++frames;
    bytes += frame->payload.size();
  }
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double own = cpu_seconds(RUSAGE_THREAD) - own_before;
  const double server_cpu = cpu_seconds(RUSAGE_SELF) - all_before - own;
  const auto count = static_cast<double>(frames);
  std::printf("%s %s: %.0f frames/s, %.1f MB/s; %.0f frames per CPU second of the server\n",
              stream.c_str(), format.c_str(), count / wall, static_cast<double>(bytes) / wall / 1e6,
              count / server_cpu);
  return 0;
}
