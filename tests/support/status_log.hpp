#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "upfeed/feed.hpp"

/// Every status of a feed with the time at which a callback was told; for any thread.
class StatusLog {
 public:
  struct Entry {
    upfeed::StatusEvent event;
    std::chrono::steady_clock::time_point told;
  };
  using Matches = std::function<bool(const upfeed::StatusEvent&)>;

  /// What Client::on_status() takes; the log must outlive it.
  [[nodiscard]] upfeed::StatusCallback callback() {
    return upfeed::StatusCallback([this](const upfeed::StatusEvent& event) {
      const std::lock_guard lock(mutex_);
      entries_.push_back({event, std::chrono::steady_clock::now()});
    });
  }
  [[nodiscard]] std::vector<Entry> all(const Matches& matches) const {
    const std::lock_guard lock(mutex_);
    std::vector<Entry> found;
    for (const Entry& entry : entries_) {
      if (matches(entry.event)) found.push_back(entry);
    }
    return found;
  }
  [[nodiscard]] std::optional<Entry> first(const Matches& matches) const {
    auto found = all(matches);
    if (found.empty()) return std::nullopt;
    return found.front();
  }
  [[nodiscard]] std::optional<Entry> first(upfeed::StatusCause cause) const {
    return first([cause](const upfeed::StatusEvent& event) { return event.cause == cause; });
  }
  [[nodiscard]] std::size_t count(upfeed::StatusCause cause) const {
    return all([cause](const upfeed::StatusEvent& event) { return event.cause == cause; }).size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};
