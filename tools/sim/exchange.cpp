#include "sim/exchange.hpp"

#include <algorithm>

#include "sim/connection.hpp"

namespace upfeed::sim {
namespace {

// docs.upbit.com rate-limits (2026-10): 5 messages a second and 100 a minute per connection.
constexpr std::size_t kMessagesPerSecond = 5;
constexpr std::size_t kMessagesPerMinute = 100;

}  // namespace

Exchange::Exchange(ExchangeOptions options, Transport& transport, std::int64_t now_ms)
    : options_(std::move(options)), transport_(transport), opened_at_ms_(now_ms) {
  if (options_.regional) options_.profile.local_currency = "IDR";
  market_start_us_ = (options_.start_time_ms != 0 ? options_.start_time_ms : now_ms) * 1000;
  if (options_.capture) {
    for (const std::string& code : options_.capture->codes()) {
      const auto index = static_cast<std::uint32_t>(codes_.size());
      if (by_code_.emplace(code, index).second) codes_.push_back(code);
    }
    kept_frames_.resize(kStreamCount * codes_.size());
  } else {
    market_ = std::make_unique<Market>(options_.seed, options_.profile, market_start_us_ / 1000);
    for (const Instrument& instrument : market_->instruments()) {
      by_code_.emplace(instrument.code, static_cast<std::uint32_t>(codes_.size()));
      codes_.push_back(instrument.code);
    }
  }
  routes_.resize(kStreamCount * codes_.size());
  if (!options_.start_on_subscribe) start_source(now_ms * 1000);
}

Exchange::~Exchange() = default;

Exchange::Connection* Exchange::find(ConnectionId id) {
  const auto found = open_.find(id);
  return found == open_.end() ? nullptr : found->second;
}

std::vector<Exchange::Route>& Exchange::routes(std::size_t stream, std::uint32_t code) {
  return routes_[stream * codes_.size() + code];
}

void Exchange::on_open(ConnectionId id, std::int64_t now_ms, const Arrival& arrival) {
  auto& connection = *connections_.emplace_back(std::make_unique<Connection>());
  now_ms_ = now_ms;
  connection.stats.id = id;
  connection.stats.endpoint = arrival.endpoint;
  connection.stats.nonce = arrival.nonce;
  connection.stats.opened_at_ms = now_ms;
  connection.last_activity_ms = now_ms;
  open_.emplace(id, &connection);
  ++totals_.connections_opened;
  if (arrival.is_bad_login) refuse(connection, {RequestError::invalid_auth}, now_ms);
}

void Exchange::on_closed(ConnectionId id, std::int64_t now_ms, std::uint16_t close_code) {
  Connection* const connection = find(id);
  if (connection == nullptr) return;
  remove_routes(*connection);
  connection->stats.is_open = false;
  connection->stats.closed_at_ms = now_ms;
  connection->stats.close_code = close_code;
  keep_counts(*connection);
  connection->counts = {};
  open_.erase(id);
}

void Exchange::on_ping(ConnectionId id, std::int64_t now_ms) {
  if (Connection* const connection = find(id)) {
    connection->last_activity_ms = now_ms;
    ++connection->stats.pings_received;
  }
}

void Exchange::on_pong(ConnectionId id, std::int64_t now_ms) {
  if (Connection* const connection = find(id)) {
    connection->last_activity_ms = now_ms;
    ++connection->stats.pongs_received;
  }
}

bool Exchange::is_over_rate(Connection& connection, std::int64_t now_ms) {
  auto& times = connection.message_times_ms;
  while (!times.empty() && times.front() <= now_ms - 60'000) times.pop_front();
  times.push_back(now_ms);
  const auto last_second = std::count_if(
      times.begin(), times.end(), [&](std::int64_t time_ms) { return time_ms > now_ms - 1'000; });
  if (static_cast<std::size_t>(last_second) <= kMessagesPerSecond &&
      times.size() <= kMessagesPerMinute) {
    return false;
  }
  ++connection.stats.rate_violations;
  ++totals_.rate_violations;
  return true;
}

void Exchange::on_text(ConnectionId id, std::string_view text, std::int64_t now_ms) {
  Connection* const connection = find(id);
  if (connection == nullptr || connection->is_closing) return;
  now_ms_ = now_ms;
  connection->last_activity_ms = now_ms;
  connection->stats.requests.push_back({now_ms, std::string(text)});
  connection->stats.bytes_received += text.size();
  if (is_over_rate(*connection, now_ms) && options_.enforce_rate_limit) {
    refuse(*connection, {RequestError::too_many_requests}, now_ms);
    return;
  }
  if (text == "PING") {
    ++connection->stats.ping_texts_received;
    // One tick for the whole server: the first UP comes up to one interval later.
    const std::int64_t ticks = (now_ms - opened_at_ms_) / options_.up_interval_ms + 1;
    if (connection->up_due_ms == kNever) {
      connection->up_due_ms = opened_at_ms_ + ticks * options_.up_interval_ms;
    }
    return;
  }
  const Request request = parse_request(text, {options_.regional, connection->stats.endpoint});
  if (const auto* subscribing = std::get_if<SubscribeRequest>(&request)) {
    subscribe(*connection, *subscribing, now_ms * 1000);
  } else if (const auto* listing = std::get_if<ListRequest>(&request)) {
    list_subscriptions(*connection, *listing);
  } else {
    refuse(*connection, std::get<Refusal>(request), now_ms);
  }
}

void Exchange::push(Connection& connection, std::string_view payload) {
  transport_.send(connection.stats.id, payload);
  connection.is_slow = transport_.queued_bytes(connection.stats.id) > options_.queue_limit_bytes;
  connection.stats.bytes_sent += payload.size();
  connection.last_activity_ms = now_ms_;
}

void Exchange::refuse(Connection& connection, const Refusal& refusal, std::int64_t now_ms) {
  refuse_with(connection, error_frame(refusal, options_.regional), now_ms);
}

void Exchange::refuse_with(Connection& connection, std::string_view frame, std::int64_t now_ms) {
  now_ms_ = now_ms;
  push(connection, frame);
  ++connection.stats.errors_sent;
  remove_routes(connection);
  connection.is_closing = true;
  connection.close_due_ms = now_ms + options_.error_close_delay_ms;
}

void Exchange::drop(Connection& connection) {
  const ConnectionId id = connection.stats.id;
  on_closed(id, now_ms_);
  transport_.drop(id);
}

void Exchange::remove_routes(const Connection& connection) {
  for (auto& list : routes_) {
    const std::size_t before = list.size();
    std::erase_if(list, [&](const Route& route) { return route.connection == &connection; });
    route_count_ -= before - list.size();
  }
}

BookView Exchange::make_view(std::size_t units, std::int64_t level) const {
  constexpr std::size_t kUnitsMax2021 = 15;
  const bool is_old = options_.era == Era::y2021;
  return {is_old ? std::min(units, kUnitsMax2021) : units, level, !options_.regional && !is_old,
          options_.era};
}

bool Exchange::has_level(std::uint32_t code, std::int64_t level) const {
  // Of a capture those come that were recorded; others are silent, as unknown ones are.
  if (level == 0 || !market_) return true;
  const auto& levels = market_->instruments()[code].levels;
  return std::find(levels.begin(), levels.end(), level) != levels.end();
}

void Exchange::add_type(Connection& connection, const TypeRequest& type,
                        std::vector<Snapshot>& snapshots) {
  if (type.stream >= kStreamCount) return;
  for (const std::string& text : type.codes) {
    BookCode book_code{text, kDepthMax};
    if (type.stream == kStreamOrderbook) book_code = split_book_code(text);
    const auto found = by_code_.find(std::string(book_code.code));
    // Unknown codes and levels a market does not have: no frame, no error.
    if (found == by_code_.end() || !has_level(found->second, type.level)) continue;
    const BookView view = make_view(book_code.units, type.level);
    if (type.wants_snapshot) snapshots.push_back({type.stream, found->second, view});
    if (!type.wants_realtime) continue;
    auto& list = routes(type.stream, found->second);
    const bool is_known = std::any_of(list.begin(), list.end(), [&](const Route& route) {
      return route.connection == &connection && route.view == view;
    });
    if (is_known) continue;
    list.push_back({&connection, view});
    ++route_count_;
  }
}

void Exchange::subscribe(Connection& connection, const SubscribeRequest& request,
                         std::int64_t now_us) {
  remove_routes(connection);
  connection.format = request.format;
  connection.subscriptions = request.types;
  connection.awaited.clear();
  std::vector<Snapshot> snapshots;
  for (const TypeRequest& type : request.types) add_type(connection, type, snapshots);
  if (!started_ && route_count_ > 0) start_source(now_us);
  if (connection.stats.endpoint != Endpoint::public_data) start_scenario(now_us / 1000);
  if (paused_) return;
  std::string frame;
  for (const Snapshot& wanted : snapshots) {
    const auto& [stream, code, view] = wanted;
    if (!market_) {
      send_captured_snapshot(connection, wanted);
      continue;
    }
    frame.clear();
    write_frame(frame, stream, code, connection.format, StreamType::snapshot, view, nullptr);
    send_data(connection, stream, code, frame, false);
  }
}

// Known codes without their unit suffix, each once. Streams that were asked for without codes are
// named without.
std::string Exchange::list_entry(const TypeRequest& type, bool aliases) const {
  std::string entry = (aliases ? "{\"ty\":" : "{\"type\":") + json_string(stream_name(type.stream));
  std::vector<std::string_view> codes;
  for (const std::string& text : type.codes) {
    const std::string_view code =
        type.stream == kStreamOrderbook ? split_book_code(text).code : std::string_view(text);
    if (!by_code_.contains(std::string(code))) continue;
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
  }
  if (!type.codes.empty()) {
    entry += aliases ? ",\"cds\":[" : ",\"codes\":[";
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (i > 0) entry += ',';
      entry += json_string(codes[i]);
    }
    entry += ']';
  }
  if (type.stream == kStreamOrderbook && !options_.regional) {
    entry += (aliases ? ",\"lv\":" : ",\"level\":") + to_plain({type.level, kScale});
  }
  return entry + '}';
}

void Exchange::list_subscriptions(Connection& connection, const ListRequest& request) {
  if (request.format) connection.format = *request.format;
  const bool aliases = uses_aliases(connection.format);
  std::string frame = aliases ? "{\"mthd\":" : "{\"method\":";
  frame += "\"LIST_SUBSCRIPTIONS\",";
  frame += aliases ? "\"rslt\":[" : "\"result\":[";
  bool first = true;
  for (const TypeRequest& type : connection.subscriptions) {
    if (!first) frame += ',';
    first = false;
    frame += list_entry(type, aliases);
  }
  frame += aliases ? "],\"tckt\":" : "],\"ticket\":";
  frame += json_string(request.ticket);
  frame += '}';
  push(connection, frame);
}

void Exchange::set_paused(bool paused) {
  paused_ = paused;
}

void Exchange::run_timers(std::int64_t now_ms) {
  static constexpr std::string_view kUp = R"({"status":"UP"})";
  now_ms_ = now_ms;
  std::vector<Connection*> dropping;
  for (auto& [id, connection] : open_) {
    if (connection->close_due_ms <= now_ms) {
      connection->close_due_ms = kNever;
      connection->stats.close_code_sent = 1000;
      transport_.close(id, 1000);
    }
    if (connection->up_due_ms <= now_ms) {
      if (!connection->is_closing) {
        transport_.send(id, kUp);
        ++connection->stats.up_frames_sent;
        connection->stats.bytes_sent += kUp.size();
        connection->last_activity_ms = now_ms;
      }
      while (connection->up_due_ms <= now_ms) connection->up_due_ms += options_.up_interval_ms;
    }
    if (connection->is_frozen) continue;
    const bool is_idle = connection->last_activity_ms + options_.idle_close_ms <= now_ms;
    if (is_idle) ++totals_.idle_drops;
    if (connection->is_slow) ++totals_.slow_reader_drops;
    if (is_idle || connection->is_slow) dropping.push_back(connection);
  }
  for (Connection* const connection : dropping) drop(*connection);
  run_scenario(now_ms);
}

std::int64_t Exchange::next_timer_ms() const {
  std::int64_t due = scenario_ ? scenario_->next_due_ms() : kNever / 1000;
  for (const auto& [id, connection] : open_) {
    due = std::min({due, connection->close_due_ms, connection->up_due_ms});
    if (!connection->is_frozen) {
      due = std::min(due, connection->last_activity_ms + options_.idle_close_ms);
    }
  }
  return due;
}

void Exchange::keep_counts(Connection& connection) const {
  const auto& counts = connection.counts;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const std::string stream(stream_name(i / codes_.size()));
    connection.stats.frames_by_type_and_code[{stream, codes_[i % codes_.size()]}] = counts[i];
  }
}

ExchangeStats Exchange::stats() const {
  ExchangeStats stats = totals_;
  stats.connections_open = open_.size();
  stats.source_finished = finished_;
  for (const auto& connection : connections_) {
    keep_counts(*connection);
    stats.connections.push_back(connection->stats);
  }
  return stats;
}

}  // namespace upfeed::sim
