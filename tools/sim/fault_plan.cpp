#include "sim/fault_plan.hpp"

#include <algorithm>

namespace upfeed::sim {

void FaultPlan::arm(Fault fault, std::uint64_t count) {
  if (count > 0) armed_.push_back({std::move(fault), count});
}

void FaultPlan::plan(Fault fault, ConnectionId id, std::int64_t time_ms) {
  planned_.push_back({std::move(fault), id, time_ms});
}

void FaultPlan::clear() {
  armed_.clear();
  planned_.clear();
}

std::optional<Fault> FaultPlan::take(FaultStage stage) {
  const auto found = std::find_if(armed_.begin(), armed_.end(), [&](const Armed& armed) {
    return stage_of(armed.fault.kind) == stage;
  });
  if (found == armed_.end()) return std::nullopt;
  Fault fault = found->fault;
  if (found->left != kEvery && --found->left == 0) armed_.erase(found);
  return fault;
}

AcceptPlan FaultPlan::take_accept() {
  using Manner = AcceptPlan::Manner;
  const auto fault = take(FaultStage::accept);
  if (!fault) return {};
  switch (fault->kind) {
    case FaultKind::bad_certificate:
      return {Manner::serve, fault->certificate};
    case FaultKind::old_tls:
      return {Manner::old_tls};
    case FaultKind::stall_handshake:
      return {Manner::stall};
    case FaultKind::garbage_handshake:
      return {Manner::garbage};
    default:
      return {Manner::reset};
  }
}

std::optional<Fault> FaultPlan::take_upgrade() {
  return take(FaultStage::upgrade);
}

void FaultPlan::take_connection(ConnectionId id, std::int64_t now_ms) {
  for (Armed& armed : armed_) {
    if (stage_of(armed.fault.kind) != FaultStage::connection) continue;
    plan(armed.fault, id, now_ms + armed.fault.after.count());
    if (armed.left != kEvery) --armed.left;
  }
  std::erase_if(armed_, [](const Armed& armed) { return armed.left == 0; });
}

std::vector<FaultPlan::Due> FaultPlan::take_due(std::int64_t now_ms) {
  if (next_due_ms() > now_ms) return {};
  const auto later = std::stable_partition(planned_.begin(), planned_.end(),
                                           [&](const Due& due) { return due.time_ms <= now_ms; });
  std::vector<Due> due(std::make_move_iterator(planned_.begin()), std::make_move_iterator(later));
  planned_.erase(planned_.begin(), later);
  std::stable_sort(due.begin(), due.end(),
                   [](const Due& a, const Due& b) { return a.time_ms < b.time_ms; });
  return due;
}

std::int64_t FaultPlan::next_due_ms() const {
  std::int64_t due = std::numeric_limits<std::int64_t>::max() / 1000;
  for (const Due& it : planned_) due = std::min(due, it.time_ms);
  return due;
}

}  // namespace upfeed::sim
