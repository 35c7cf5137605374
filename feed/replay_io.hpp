#pragma once

// Frames and states of connections from captured files, in place of LiveIo.
//
//   MergedCapture --record, when its time has come--> Intake  (frames)
//                                                 '-> Outlet  (states, losses)
//
// Lossless: what does not fit into the ring is not read.

#include <string>
#include <vector>

#include "capture/merged_capture.hpp"
#include "io_side.hpp"
#include "upfeed/replay.hpp"

namespace upfeed::detail {

class ReplayIo final : public IoSide {
 public:
  /// connections  as many as capture.connection_count().
  ReplayIo(capture::MergedCapture capture, const ReplayOptions& options, Intake& intake,
           Outlet& outlet, std::vector<ConnectionCounters>& connections, ReplayCounters& counters);
  std::size_t step() override;
  void wait(Parker& parker, const std::atomic<bool>& stop) override;
  void finish() override;
  [[nodiscard]] std::vector<Connection::Place> places() const override {
    return {{0, ConnectionKind::market, connections_.front()}};
  }

 private:
  static constexpr int kRecordsPerStep = 64;

  /// What is known of a connection of the capture.
  struct Source {
    std::uint32_t epoch = 0;  // 0: it has not been seen
    SessionState state = SessionState::idle;
    std::uint64_t frames = 0;
  };

  /// The next record is in record_. false: none that can be handed on now.
  bool fetch();
  [[nodiscard]] std::int64_t wait_ns() const noexcept;
  void hand_on();
  void hand_on_frame();
  void hand_on_status();
  void hand_on_loss();
  void note_damage();
  [[nodiscard]] bool is_wanted(const EventHeader& event) const noexcept;
  void missing(std::uint64_t count);
  void notice(std::uint32_t connection, SessionState state, StatusCause cause,
              std::string_view text);
  void end(StatusCause cause, std::string_view text);

  capture::MergedCapture capture_;
  const ReplayOptions options_;
  std::vector<MarketCode> codes_;
  std::uint32_t kinds_ = 0;  // a bit each; 0: all
  Intake& intake_;
  Outlet& outlet_;
  std::vector<ConnectionCounters>& connections_;
  ReplayCounters& counters_;

  std::vector<Source> sources_;
  CapturedFrame record_;
  CaptureStep step_ = CaptureStep::end;
  std::int64_t time_ns_ = 0;  // of record_; 0: the capture says none
  bool fetched_ = false;
  std::int64_t begun_ns_ = 0;       // steady clock at the first record
  std::int64_t first_time_ns_ = 0;  // of the first record
  bool ended_ = false;
};

}  // namespace upfeed::detail
