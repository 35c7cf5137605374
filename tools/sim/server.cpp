#include "sim/server.hpp"

#include <algorithm>
#include <fstream>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "sim/certificate.hpp"
#include "sim/fault_plan.hpp"
#include "sim/listener.hpp"
#include "sim/rest.hpp"

namespace upfeed::sim {
namespace {

using Steady = std::chrono::steady_clock;

/// Unix time that only goes forward: the wall clock is read once, at the start.
class Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const {
    const auto elapsed = Steady::now() - start_;
    return start_us_ + std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  }
  /// To the steady clock.
  [[nodiscard]] std::chrono::microseconds offset() const {
    return std::chrono::microseconds(start_us_) -
           std::chrono::duration_cast<std::chrono::microseconds>(start_.time_since_epoch());
  }

 private:
  Steady::time_point start_ = Steady::now();
  std::int64_t start_us_ = std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
};

ExchangeOptions exchange_options(const SimConfig& config) {
  ExchangeOptions options;
  options.seed = config.seed;
  options.profile = config.profile;
  options.capture = config.capture;
  options.transcode = config.transcode;
  options.speed = config.speed;
  options.start_time_ms = config.start_time_ms;
  options.start_on_subscribe = config.start_on_subscribe;
  options.frame_limit = config.frame_limit;
  options.idle_close_ms = config.idle_close.count();
  options.up_interval_ms = config.up_interval.count();
  options.enforce_rate_limit = config.enforce_rate_limit;
  options.era = config.era;
  options.regional = config.regional;
  options.queue_limit_bytes = config.queue_limit_bytes;
  options.stamp_due = config.stamp_due;
  options.scenario = config.scenario;
  return options;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("simulator: cannot write " + path);
}

}  // namespace

class SimServer::Impl : public ListenerEvents {
 public:
  explicit Impl(SimConfig config)
      : config_(std::move(config)),
        authority_(config_.extra_names),
        gate_({config_.keys, config_.refuse_login_in_band, config_.connect_limit}),
        listener_(config_.bind, config_.port, authority_, *this),
        port_(listener_.port()),
        exchange_(exchange_options(config_), listener_, clock_.now_us() / 1000),
        rest_(config_.enforce_rest_limit) {
    for (const Fault& fault : config_.faults) {
      if (fault.after.count() == 0) {
        faults_.arm(fault, kEvery);
      } else {
        plan(fault, kAllConnections);
      }
    }
    if (!config_.write_ca_to.empty()) write_file(config_.write_ca_to, authority_.ca_pem());
    thread_ = std::thread([this] { listener_.run(); });
  }

  ~Impl() override { stop(); }

  void stop() {
    const std::lock_guard lock(stopping_);
    if (!thread_.joinable()) return;
    listener_.stop();
    thread_.join();
  }

  /// Runs `work` where the exchange may be touched and hands back its result.
  template <class Work>
  auto ask(Work work) -> decltype(work()) {
    const std::lock_guard lock(stopping_);
    if (!thread_.joinable()) return work();
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    listener_.post([&task] { task(); });
    return result.get();
  }

  AcceptPlan on_accept() override { return faults_.take_accept(); }
  UpgradePlan on_upgrade(const Handshake& handshake) override {
    const auto fault = faults_.take_upgrade();
    if (fault && fault->kind == FaultKind::refuse_upgrade) {
      gate_.record_refusal(handshake, fault->reply.status, now_ms());
      Admission refused;
      refused.refusal = fault->reply;
      return {std::move(refused)};
    }
    if (fault && fault->kind == FaultKind::stall_upgrade) {
      gate_.record_refusal(handshake, 0, now_ms());
      return {{}, true};
    }
    return {gate_.admit(handshake, now_ms()), false, fault.has_value()};
  }
  void on_open(ConnectionId id, const Admission& admission) override {
    exchange_.on_open(id, now_ms(), {admission.endpoint, admission.nonce, admission.is_bad_login});
    faults_.take_connection(id, now_ms());
    run_faults();
  }
  void on_closed(ConnectionId id, std::uint16_t close_code) override {
    exchange_.on_closed(id, now_ms(), close_code);
  }
  void on_text(ConnectionId id, std::string_view text) override {
    exchange_.on_text(id, text, now_ms());
  }
  void on_ping(ConnectionId id) override { exchange_.on_ping(id, now_ms()); }
  void on_pong(ConnectionId id) override { exchange_.on_pong(id, now_ms()); }
  HttpReply on_get(std::string_view target) override {
    return rest_.get(exchange_, target, now_ms());
  }
  std::int64_t on_tick() override {
    // Never longer than a second, so that a due time in the far future needs no care.
    constexpr std::int64_t kPauseMaxUs = 1'000'000;
    // The system wakes a thread tens of microseconds late. Who measures by when frames were due
    // needs them on time, so the last of the wait is spent looking at the clock.
    const std::int64_t awake_us = config_.stamp_due ? 100 : 0;
    const std::int64_t now_us = clock_.now_us();
    run_faults();
    const std::int64_t due_us = std::min(exchange_.advance(now_us), faults_.next_due_ms() * 1000);
    const std::int64_t pause_us = due_us - awake_us - now_us;
    if (pause_us > 0) return std::min(pause_us, kPauseMaxUs);
    while (clock_.now_us() < due_us) {
    }
    return 0;
  }

  ExchangeStats stats() {
    ExchangeStats stats = exchange_.stats();
    stats.gate = gate_.stats();
    stats.rest_calls = rest_.calls();
    stats.rest_violations = rest_.violations();
    return stats;
  }
  std::size_t emit(std::string_view json) { return exchange_.emit(json, now_ms()); }

  void plan(const Fault& fault, ConnectionId id) {
    faults_.plan(fault, id, now_ms() + fault.after.count());
  }
  void arm(const Fault& fault, std::uint64_t count) { faults_.arm(fault, count); }
  void clear_faults() {
    faults_.clear();
    exchange_.end_faults();
    listener_.end_faults();
  }
  void run_faults() {
    for (const auto& [fault, id, time_ms] : faults_.take_due(now_ms())) {
      if (stage_of(fault.kind) != FaultStage::connection) {
        faults_.arm(fault, kEvery);
      } else if (id != kAllConnections) {
        apply_fault(fault, id, exchange_, listener_, now_ms());
      } else {
        for (const ConnectionId open : exchange_.open_connections()) {
          apply_fault(fault, open, exchange_, listener_, now_ms());
        }
      }
    }
  }

  Exchange& exchange() { return exchange_; }
  Listener& listener() { return listener_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const SimConfig& config() const { return config_; }
  [[nodiscard]] std::chrono::microseconds clock_offset() const { return clock_.offset(); }
  [[nodiscard]] const std::string& ca_pem() const { return authority_.ca_pem(); }

 private:
  [[nodiscard]] std::int64_t now_ms() const { return clock_.now_us() / 1000; }

  Clock clock_;
  SimConfig config_;
  Authority authority_;
  Gate gate_;
  FaultPlan faults_;
  Listener listener_;
  std::uint16_t port_;
  Exchange exchange_;
  Rest rest_;
  std::mutex stopping_;
  std::thread thread_;
};

SimServer::SimServer(SimConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
SimServer::~SimServer() = default;

std::uint16_t SimServer::port() const {
  return impl_->port();
}
std::chrono::microseconds SimServer::clock_offset() const {
  return impl_->clock_offset();
}
const std::string& SimServer::ca_pem() const {
  return impl_->ca_pem();
}
const std::string& SimServer::ca_file() const {
  return impl_->config().write_ca_to;
}

ExchangeStats SimServer::stats() {
  return impl_->ask([this] { return impl_->stats(); });
}

std::vector<std::string> SimServer::codes() {
  return impl_->ask([this] { return impl_->exchange().codes(); });
}

std::optional<Book> SimServer::book(std::string_view code) {
  return impl_->ask([&]() -> std::optional<Book> {
    const Market* const market = impl_->exchange().market();
    const std::uint32_t index = market != nullptr ? market->find(code) : Market::kNotFound;
    if (index == Market::kNotFound) return std::nullopt;
    return market->published_book(index);
  });
}

std::string SimServer::book_json(std::string_view code) {
  return impl_->ask([&]() -> std::string {
    const Market* const market = impl_->exchange().market();
    const std::uint32_t index = market != nullptr ? market->find(code) : Market::kNotFound;
    if (index == Market::kNotFound) return {};
    return exact_book_json(market->instruments()[index], market->published_book(index));
  });
}

std::size_t SimServer::emit(std::string_view json) {
  return impl_->ask([&] { return impl_->emit(json); });
}

void SimServer::set_paused(bool paused) {
  impl_->ask([&] {
    impl_->exchange().set_paused(paused);
    return true;
  });
}

void SimServer::fault(const Fault& fault, ConnectionId id) {
  impl_->ask([&] {
    impl_->plan(fault, id);
    impl_->run_faults();
    return true;
  });
}

void SimServer::fault_next(const Fault& fault, std::uint64_t count) {
  impl_->ask([&] {
    impl_->arm(fault, count);
    return true;
  });
}

void SimServer::clear_faults() {
  impl_->ask([&] {
    impl_->clear_faults();
    return true;
  });
}

void SimServer::drop(ConnectionId id) {
  impl_->ask([&] {
    impl_->listener().drop(id);
    return true;
  });
}

void SimServer::drop_all() {
  impl_->ask([&] {
    for (const ConnectionStats& connection : impl_->exchange().stats().connections) {
      if (connection.is_open) impl_->listener().drop(connection.id);
    }
    return true;
  });
}

void SimServer::stop() {
  impl_->stop();
}

}  // namespace upfeed::sim
