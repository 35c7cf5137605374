#include <algorithm>

#include "sim/connection.hpp"
#include "sim/exchange.hpp"

/// The faults of Exchange: what a connection is told against the rules, or not told.
namespace upfeed::sim {
namespace {

bool is_same(std::string_view pattern, std::string_view text) {
  return pattern.empty() || pattern == text;
}

}  // namespace

Tamper* Exchange::tamper(ConnectionId id) {
  Connection* const connection = find(id);
  return connection == nullptr ? nullptr : &connection->tamper;
}

void Exchange::set_frozen(ConnectionId id, bool frozen) {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  connection->is_frozen = frozen;
  connection->last_activity_ms = now_ms_;
}

void Exchange::close(ConnectionId id, std::uint16_t code) {
  Connection* const connection = find(id);
  if (connection == nullptr || connection->is_closing) return;
  remove_routes(*connection);
  connection->is_closing = true;
  connection->stats.close_code_sent = code;
  transport_.close(id, code);
}

void Exchange::send_error(ConnectionId id, std::string_view name, std::string_view message,
                          std::int64_t now_ms) {
  Connection* const connection = find(id);
  if (connection == nullptr || connection->is_closing) return;
  refuse_with(
      *connection,
      R"({"error":{"message":)" + json_string(message) + R"(,"name":)" + json_string(name) + "}}",
      now_ms);
}

void Exchange::send_message(ConnectionId id, std::string_view text, std::int64_t now_ms) {
  Connection* const connection = find(id);
  if (connection == nullptr || connection->is_closing) return;
  now_ms_ = now_ms;
  push(*connection, text);
}

void Exchange::forget(ConnectionId id, std::string_view type, std::string_view code) {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  std::erase_if(connection->subscriptions, [&](TypeRequest& subscription) {
    if (!is_same(type, stream_name(subscription.stream))) return false;
    if (subscription.codes.empty()) return code.empty();
    std::erase_if(subscription.codes, [&](const std::string& text) {
      const bool has_suffix = subscription.stream == kStreamOrderbook;
      return is_same(code, has_suffix ? split_book_code(text).code : std::string_view(text));
    });
    return subscription.codes.empty();
  });
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (!is_same(type, stream_name(i / codes_.size()))) continue;
    if (!is_same(code, codes_[i % codes_.size()])) continue;
    route_count_ -= std::erase_if(
        routes_[i], [&](const Route& route) { return route.connection == connection; });
  }
}

void Exchange::flood(ConnectionId id, std::size_t count) {
  Connection* const connection = find(id);
  if (connection == nullptr || !market_) return;
  struct Sample {
    std::size_t stream;
    std::uint32_t code;
    std::string frame;
  };
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    for (const Route& route : routes_[i]) {
      if (route.connection != connection) continue;
      Sample sample{i / codes_.size(), static_cast<std::uint32_t>(i % codes_.size()), {}};
      write_frame(sample.frame, sample.stream, sample.code, connection->format,
                  StreamType::realtime, route.view, nullptr);
      samples.push_back(std::move(sample));
    }
  }
  for (std::size_t i = 0; !samples.empty() && i < count; ++i) {
    const Sample& sample = samples[i % samples.size()];
    send_data(*connection, sample.stream, sample.code, sample.frame, true);
  }
}

std::vector<ConnectionId> Exchange::open_connections() const {
  std::vector<ConnectionId> ids;
  for (const auto& [id, connection] : open_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Exchange::end_faults() {
  for (auto& [id, connection] : open_) {
    connection->tamper = {};
    connection->is_frozen = false;
    connection->last_activity_ms = now_ms_;
  }
}

}  // namespace upfeed::sim
