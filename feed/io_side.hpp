#pragma once

// The producing half of a feed: what one I/O thread runs. Two kinds behind one seam, both ending in
// the same Intake: LiveIo has connections to the exchange, ReplayIo (replay_io.hpp) captured files.

#include <memory>
#include <vector>

#include "connection.hpp"
#include "connection_plan.hpp"
#include "dispatcher.hpp"
#include "parker.hpp"
#include "recorder.hpp"

namespace upfeed::detail {

/// threads  as marked; `step`, `wait` and `finish` belong to the I/O thread.
class IoSide {
 public:
  virtual ~IoSide() = default;
  /// Bounded work; returns a count, 0 when idle.
  virtual std::size_t step() = 0;
  /// Sleeps until there may be work, not at all once `stop` is set; `parker` is woken for new
  /// wanted sets and for stop.
  virtual void wait(Parker& parker, const std::atomic<bool>& stop) = 0;
  /// wait() itself sees at once whether there is more, so a step right before it would only ask the
  /// kernel twice.
  [[nodiscard]] virtual bool wait_looks_first() const noexcept { return false; }
  /// Ends the source in good order; step() does nothing afterwards.
  virtual void finish() = 0;
  /// The connections that this side speaks for.
  [[nodiscard]] virtual std::vector<Connection::Place> places() const = 0;
};

/// One place of the plan that this thread serves.
struct ConnectionPlace {
  Connection::Place place;
  WantedMailbox* mailbox;
};

class LiveIo final : public IoSide {
 public:
  /// tap  null: nothing is recorded. recorder  null, or the one whose news this side tells.
  LiveIo(const FeedConfig& config, const std::vector<ConnectionPlace>& places, DialBudget& budget,
         Intake& intake, Outlet& outlet, RecordTap* tap, const Recorder* recorder);
  std::size_t step() override;
  void wait(Parker& parker, const std::atomic<bool>& stop) override;
  [[nodiscard]] bool wait_looks_first() const noexcept override { return true; }
  void finish() override;
  [[nodiscard]] std::vector<Connection::Place> places() const override;

 private:
  struct Slot {
    ConnectionPlace at;
    /// Null until something is wanted of it for the first time.
    std::unique_ptr<Connection> connection{};
    WantedSet wanted{};  // kept for a younger connection
    /// A planned renewal: replaces the other once it carries everything.
    std::unique_ptr<Connection> younger{};
    MonoTime younger_ready{};  // since when it carries everything; 0: it does not
  };

  std::size_t take_wanted(Slot& slot);
  std::size_t step_slot(Slot& slot);
  [[nodiscard]] bool wants_renewal(const Slot& slot, MonoTime now) const noexcept;
  void begin_renewal(Slot& slot);
  void step_renewal(Slot& slot, MonoTime now);
  template <class Visit>
  static void for_each_connection(const Slot& slot, Visit&& visit) {
    if (slot.connection != nullptr) visit(*slot.connection);
    if (slot.younger != nullptr) visit(*slot.younger);
  }
  [[nodiscard]] bool has_input() const noexcept;
  void tell_news();

  Outlet& outlet_;
  net::Connector connector_;
  std::uint64_t next_dial_ = 1;
  const Connection::Shared shared_;
  std::vector<Slot> slots_;
  std::size_t first_ = 0;  // whose turn it is to be served first
  bool finished_ = false;
  const Recorder* recorder_;
  std::uint64_t news_told_ = 0;
};

}  // namespace upfeed::detail
