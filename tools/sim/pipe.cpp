#include "sim/pipe.hpp"

#include <boost/asio/write.hpp>

namespace upfeed::sim {
namespace {

constexpr std::chrono::milliseconds kShutdownTimeout{500};

}  // namespace

void PipeState::append(const char* bytes, std::size_t size) {
  if (is_over_ || is_frozen_ || size == 0) return;
  const bool has_delay = shape_.delay.count() > 0;
  if (steps_.empty() && !has_delay) {
    collected_.append(bytes, size);
  } else {
    const auto not_before = has_delay ? Clock::now() + shape_.delay : Clock::time_point{};
    steps_.push_back({{PipeStep::Kind::data, std::string(bytes, size)}, not_before});
    script_bytes_ += size;
  }
  wake();
}

void PipeState::add_script(ByteScript script) {
  if (is_over_ || is_frozen_) return;
  if (!collected_.empty()) {
    script_bytes_ += collected_.size();
    steps_.push_back({{PipeStep::Kind::data, std::exchange(collected_, {})}});
  }
  for (PipeStep& step : script) {
    script_bytes_ += step.bytes.size();
    steps_.push_back({std::move(step)});
  }
  wake();
}

void PipeState::set_shape(const PipeShape& shape) {
  if (!collected_.empty()) add_script({});  // what was written before keeps its place
  shape_ = shape;
  tls_.next_layer().set_slice_bytes(shape.segment_bytes);
}

void PipeState::set_frozen(bool frozen) {
  is_frozen_ = frozen;
  if (frozen) return;
  release_held({});
  wake();
}

void PipeState::end_faults() {
  ignores_closes_ = false;
  ignores_pings_ = false;
  set_shape({});
  set_frozen(false);
}

void PipeState::release_held(error_code error) {
  if (!held_) return;
  asio::post(tls_.get_executor(), [self = shared_from_this(), read = std::move(held_), error] {
    read->complete(error);
  });
}

void PipeState::wake() {
  if (is_busy_ || is_frozen_) return;
  is_busy_ = true;
  if (shape_.batch.count() > 0) {
    wait_until(Clock::now() + shape_.batch);
  } else {
    // Posted, not done: whatever the running handler still writes joins in.
    asio::post(tls_.get_executor(), [self = shared_from_this()] { self->next(); });
  }
}

void PipeState::wait_until(Clock::time_point time) {
  timer_.expires_at(time);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->next();
  });
}

void PipeState::next() {
  going_.clear();
  if (is_frozen_ || is_over_) {
    is_busy_ = false;
    return;
  }
  if (!steps_.empty()) {
    if (steps_.front().not_before > Clock::now()) {
      wait_until(steps_.front().not_before);
      return;
    }
    PipeStep step = std::move(steps_.front().what);
    steps_.pop_front();
    script_bytes_ -= step.bytes.size();
    perform(std::move(step));
    return;
  }
  std::swap(going_, collected_);
  if (going_.empty()) {
    is_busy_ = false;
    if (is_finishing_) shut_down();
    return;
  }
  write(0);
}

void PipeState::perform(PipeStep step) {
  error_code ignored;  // a connection that is gone shows in the read
  switch (step.kind) {
    case PipeStep::Kind::data:
      going_ = std::move(step.bytes);
      write(0);
      break;
    case PipeStep::Kind::raw:
      going_ = std::move(step.bytes);
      asio::async_write(tls_.next_layer(), asio::buffer(going_),
                        [self = shared_from_this()](error_code, std::size_t) { self->next(); });
      break;
    case PipeStep::Kind::pause:
      wait_until(Clock::now() + step.pause);
      break;
    case PipeStep::Kind::fin:
      is_over_ = true;
      tls_.lowest_layer().shutdown(Tcp::socket::shutdown_send, ignored);
      next();
      break;
    case PipeStep::Kind::reset:
      reset();
      break;
  }
}

void PipeState::write(std::size_t offset) {
  const std::size_t left = going_.size() - offset;
  const std::size_t size = shape_.record_bytes == 0 ? left : std::min(left, shape_.record_bytes);
  asio::async_write(tls_, asio::buffer(going_.data() + offset, size),
                    [self = shared_from_this(), offset, size](error_code error, std::size_t) {
                      if (error) {
                        self->cut();
                      } else if (offset + size < self->going_.size()) {
                        self->write(offset + size);
                      } else {
                        self->next();
                      }
                    });
}

void PipeState::finish() {
  if (ignores_closes_) {
    linger();
    return;
  }
  is_finishing_ = true;
  if (!is_busy_) shut_down();
}

void PipeState::shut_down() {
  timer_.expires_after(kShutdownTimeout);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->cut();
  });
  tls_.async_shutdown([self = shared_from_this()](error_code) { self->cut(); });
}

void PipeState::cut() {
  error_code ignored;  // already closed is as good
  is_over_ = true;
  timer_.cancel();
  tls_.lowest_layer().close(ignored);
  release_held(asio::error::operation_aborted);
}

void PipeState::reset() {
  error_code ignored;  // already closed is as good
  tls_.lowest_layer().set_option(asio::socket_base::linger(true, 0), ignored);
  cut();
}

void PipeState::linger() {
  tls_.next_layer().async_read_some(asio::buffer(ignored_),
                                    [self = shared_from_this()](error_code error, std::size_t) {
                                      if (error) {
                                        self->cut();
                                      } else {
                                        self->linger();
                                      }
                                    });
}

}  // namespace upfeed::sim
