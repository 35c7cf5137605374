#pragma once

// The producing half of a feed: what one I/O thread runs. Two kinds behind one seam, both ending in
// the same Intake: LiveIo has a connection to the exchange, ReplayIo a captured file.

#include <memory>

#include "connection.hpp"
#include "dispatcher.hpp"
#include "parker.hpp"
#include "upfeed/capture.hpp"

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
  /// Ends the source in good order; step() does nothing afterwards.
  virtual void finish() = 0;
  [[nodiscard]] virtual SessionState state() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t epoch() const noexcept = 0;
};

class LiveIo final : public IoSide {
 public:
  LiveIo(const FeedConfig& config, Intake& intake, Outlet& outlet, IntakeCounters& counters,
         WantedMailbox& mailbox);
  std::size_t step() override;
  void wait(Parker& parker, const std::atomic<bool>& stop) override;
  void finish() override;
  [[nodiscard]] SessionState state() const noexcept override {
    return state_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t epoch() const noexcept override {
    return epoch_.load(std::memory_order_relaxed);
  }

 private:
  Outlet& outlet_;
  WantedMailbox& mailbox_;
  DialBudget budget_;
  net::Connector connector_;
  Connection connection_;
  bool finished_ = false;
  std::atomic<SessionState> state_{SessionState::idle};
  std::atomic<std::uint32_t> epoch_{0};
};

class ReplayIo final : public IoSide {
 public:
  ReplayIo(CaptureReader reader, Intake& intake, Outlet& outlet)
      : reader_(std::move(reader)), intake_(intake), outlet_(outlet) {}
  std::size_t step() override;
  void wait(Parker& parker, const std::atomic<bool>& stop) override;
  void finish() override;
  [[nodiscard]] SessionState state() const noexcept override {
    return ended_.load(std::memory_order_relaxed) ? SessionState::stopped : SessionState::live;
  }
  [[nodiscard]] std::uint32_t epoch() const noexcept override { return 1; }

 private:
  static constexpr int kFramesPerStep = 64;

  void notice(SessionState state, StatusCause cause, std::string_view text);

  CaptureReader reader_;
  Intake& intake_;
  Outlet& outlet_;
  std::uint64_t frame_sequence_ = 0;
  std::atomic<bool> ended_{false};
};

}  // namespace upfeed::detail
