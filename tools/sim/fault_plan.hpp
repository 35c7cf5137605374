#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "sim/fault.hpp"
#include "sim/listener.hpp"

/// Which fault is due when: a queue for connections to come and a clock. No I/O.
namespace upfeed::sim {

/// Stands for every open connection where an id is expected.
inline constexpr ConnectionId kAllConnections = 0;
/// As a count of connections: every one from now on.
inline constexpr std::uint64_t kEvery = std::numeric_limits<std::uint64_t>::max();

class FaultPlan {
 public:
  struct Due {
    Fault fault;
    ConnectionId id = kAllConnections;
    std::int64_t time_ms = 0;
  };

  /// For the next `count` occasions of the fault's stage.
  void arm(Fault fault, std::uint64_t count);
  /// At a time.
  void plan(Fault fault, ConnectionId id, std::int64_t time_ms);
  void clear();

  /// The greeting of a TCP connection: of the first fault that is armed, in order of arming.
  [[nodiscard]] AcceptPlan take_accept();
  /// The answer to an upgrade request, likewise.
  [[nodiscard]] std::optional<Fault> take_upgrade();
  /// All that is armed for connections is now planned for this one.
  void take_connection(ConnectionId id, std::int64_t now_ms);
  /// What is due, in order.
  [[nodiscard]] std::vector<Due> take_due(std::int64_t now_ms);
  [[nodiscard]] std::int64_t next_due_ms() const;

 private:
  struct Armed {
    Fault fault;
    std::uint64_t left = 0;
  };

  [[nodiscard]] std::optional<Fault> take(FaultStage stage);

  std::vector<Armed> armed_;
  std::vector<Due> planned_;
};

/// Does it to one open connection. Faults of other stages do nothing here.
void apply_fault(const Fault& fault, ConnectionId id, Exchange& exchange, Listener& listener,
                 std::int64_t now_ms);

}  // namespace upfeed::sim
