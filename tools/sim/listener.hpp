#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sim/certificate.hpp"
#include "sim/exchange.hpp"
#include "sim/rest.hpp"

namespace upfeed::sim {

/// What the network tells. All calls come from the thread inside Listener::run().
class ListenerEvents {
 public:
  virtual ~ListenerEvents() = default;
  virtual void on_open(ConnectionId id) = 0;
  virtual void on_closed(ConnectionId id) = 0;
  virtual void on_text(ConnectionId id, std::string_view text) = 0;
  virtual void on_ping(ConnectionId id) = 0;
  virtual HttpReply on_get(std::string_view target) = 0;
  /// Does what is due; returns microseconds until it wants to be called again (0 = at once, after
  /// the sockets had their turn). Also called after every on_text.
  virtual std::int64_t on_tick() = 0;
};

/// TLS, HTTP and WebSocket on one port, on one thread. The only place that knows Beast: its
/// WebSocket costs a minute to compile, so everything that can be decided elsewhere is.
class Listener final : public Transport {
 public:
  /// Binds and listens. errors: throws std::system_error / std::runtime_error.
  Listener(const std::string& bind_address, std::uint16_t port, const Credentials& credentials,
           ListenerEvents& events);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Serves until stop(). The only function besides post() and stop() for other threads.
  void run();
  /// Runs `work` on the serving thread, soon.
  void post(std::function<void()> work);
  /// Cuts all connections and makes run() return.
  void stop();

  void send(ConnectionId id, std::string_view payload) override;
  void close(ConnectionId id, std::uint16_t code) override;
  void drop(ConnectionId id) override;
  [[nodiscard]] std::size_t queued_bytes(ConnectionId id) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::sim
