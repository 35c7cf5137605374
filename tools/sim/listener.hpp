#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sim/byte_script.hpp"
#include "sim/certificate.hpp"
#include "sim/exchange.hpp"
#include "sim/gate.hpp"

namespace upfeed::sim {

/// How a TCP connection is greeted.
struct AcceptPlan {
  enum class Manner : std::uint8_t {
    serve,
    stall,    ///< accepted, then nothing: no ServerHello ever
    garbage,  ///< an answer that is no TLS, then FIN
    reset,    ///< RST at once
    old_tls,  ///< nothing newer than TLS 1.1
  };
  Manner manner = Manner::serve;
  CertificateKind certificate = CertificateKind::good;
};

/// How an upgrade request is answered.
struct UpgradePlan {
  Admission admission;
  bool stalls = false;       ///< read and never answered
  bool lies_on_key = false;  ///< a Sec-WebSocket-Accept that does not fit
};

/// What the network tells. All calls come from the thread inside Listener::run().
class ListenerEvents {
 public:
  virtual ~ListenerEvents() = default;
  virtual AcceptPlan on_accept() = 0;
  virtual UpgradePlan on_upgrade(const Handshake& handshake) = 0;
  virtual void on_open(ConnectionId id, const Admission& admission) = 0;
  /// `close_code` of the client's close frame, 0: none came.
  virtual void on_closed(ConnectionId id, std::uint16_t close_code) = 0;
  virtual void on_text(ConnectionId id, std::string_view text) = 0;
  virtual void on_ping(ConnectionId id) = 0;
  virtual void on_pong(ConnectionId id) = 0;
  virtual HttpReply on_get(std::string_view target) = 0;
  /// Does what is due; returns microseconds until it wants to be called again (0 = at once, after
  /// the sockets had their turn). Also called after every on_text.
  virtual std::int64_t on_tick() = 0;
};

/// TLS, HTTP and WebSocket on one port, on one thread. The only place that knows Beast's WebSocket:
/// it costs a minute to compile, so everything that can be decided elsewhere is.
class Listener final : public Transport {
 public:
  /// Binds and listens; `authority` has to outlive it. errors: throws std::system_error /
  /// std::runtime_error.
  Listener(const std::string& bind_address, std::uint16_t port, const Authority& authority,
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

  // Faults of one connection; unknown ids are ignored.
  void reset(ConnectionId id);
  void add_script(ConnectionId id, ByteScript script);
  [[nodiscard]] PipeShape shape(ConnectionId id) const;
  void set_shape(ConnectionId id, const PipeShape& shape);
  /// Frozen: nothing is read or written, until thawed, dropped or stopped.
  void set_frozen(ConnectionId id, bool frozen);
  void ignore_closes(ConnectionId id);
  void ignore_pings(ConnectionId id);
  /// Messages go out in fragments of this size; 0: whole.
  void set_fragment_bytes(ConnectionId id, std::size_t bytes);
  /// No connection is frozen, shaped, fragmented or ignored any more.
  void end_faults();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed::sim
