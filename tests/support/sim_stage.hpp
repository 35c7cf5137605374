// The simulator's protocol on a hand-moved clock: requests in, frames and closes out.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/exchange.hpp"

namespace upfeed::sim {

inline constexpr std::int64_t kStartMs = 1'790'134'742'000;

class Recorder : public Transport {
 public:
  void send(ConnectionId id, std::string_view payload) override {
    sent[id].emplace_back(payload);
    queued[id] += queue_all ? payload.size() : 0;
  }
  void close(ConnectionId id, std::uint16_t code) override { closed[id] = code; }
  void drop(ConnectionId id) override { dropped.insert(id); }
  [[nodiscard]] std::size_t queued_bytes(ConnectionId id) const override {
    const auto found = queued.find(id);
    return found == queued.end() ? 0 : found->second;
  }

  std::map<ConnectionId, std::vector<std::string>> sent;
  std::map<ConnectionId, std::uint16_t> closed;
  std::set<ConnectionId> dropped;
  std::map<ConnectionId, std::size_t> queued;
  bool queue_all = false;
};

inline ExchangeOptions small_options() {
  ExchangeOptions options;
  options.profile.markets = {12, 6, 4};
  options.profile.frames_per_second = 1'000;
  return options;
}

/// An exchange with one open connection and a clock.
struct Stage {
  explicit Stage(ExchangeOptions options = small_options())
      : exchange(std::move(options), net, kStartMs) {
    exchange.on_open(1, now_ms);
  }

  void say(std::string_view text, ConnectionId id = 1) { exchange.on_text(id, text, now_ms); }
  void run(std::int64_t duration_ms) {
    const std::int64_t end_us = (now_ms + duration_ms) * 1000;
    for (std::int64_t now_us = now_ms * 1000; now_us <= end_us;) {
      const std::int64_t due_us = exchange.advance(now_us);
      if (due_us > end_us) break;
      now_us = std::max(due_us, now_us);
    }
    now_ms += duration_ms;
  }
  std::vector<std::string> take(ConnectionId id = 1) { return std::exchange(net.sent[id], {}); }
  [[nodiscard]] ConnectionStats stats() const { return exchange.stats().connections.front(); }

  Recorder net;
  std::int64_t now_ms = kStartMs;
  Exchange exchange;
};

}  // namespace upfeed::sim
