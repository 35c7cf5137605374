#include "session/request.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "upfeed/assert.hpp"

namespace upfeed {
namespace {

/// In which object of its type a stream is named.
enum class Flag : std::uint8_t { none, only_realtime, only_snapshot };

struct Named {
  const WantedStream* stream;
  Flag flag;
};

Flag flag_of(const WantedStream& stream, StreamStage stage) {
  if (is_snapshot_only(stream)) return Flag::only_snapshot;
  if (stream.kind == EventKind::orderbook || !is_market_stream(stream.kind)) return Flag::none;
  if (stage == StreamStage::suspect || stage == StreamStage::probed) return Flag::none;
  const bool live = stage == StreamStage::arrived || stage == StreamStage::undecided;
  return live || stream.mode == StreamMode::realtime_only ? Flag::only_realtime : Flag::none;
}

/// Of one object: all that must be equal for two streams to share it.
bool same_object(const Named& a, const Named& b) {
  return a.stream->kind == b.stream->kind &&
         (a.stream->kind != EventKind::candle || a.stream->candle_unit == b.stream->candle_unit) &&
         a.stream->level == b.stream->level && a.stream->options == b.stream->options &&
         a.flag == b.flag;
}

bool object_before(const Named& a, const Named& b) {
  if (a.stream->kind != b.stream->kind) return a.stream->kind < b.stream->kind;
  if (a.stream->kind == EventKind::candle && a.stream->candle_unit != b.stream->candle_unit) {
    return a.stream->candle_unit < b.stream->candle_unit;
  }
  if (const auto order = Decimal::compare(a.stream->level, b.stream->level); order != 0) {
    return order < 0;
  }
  if (const auto order = a.stream->options <=> b.stream->options; order != 0) return order < 0;
  return a.flag < b.flag;
}

void append_code(const WantedStream& stream, std::string& out) {
  out += '"';
  out += stream.code.view();
  // 30 units are the default, and older captures of requests show no suffix for them.
  if (stream.kind == EventKind::orderbook && stream.units != kBookDepthMax) {
    out += '.';
    out += std::to_string(stream.units);
  }
  out += '"';
}

void append_codes(std::span<const Named> streams, std::string& out) {
  out += R"(,"codes":[)";
  for (const Named& named : streams) {
    if (&named != &streams.front()) out += ',';
    append_code(*named.stream, out);
  }
  out += ']';
}

void append_object(std::span<const Named> streams, std::string& out) {
  const Named& first = streams.front();
  out += R"({"type":")";
  out += wire_type(*first.stream);
  out += '"';
  // Sorted, so a stream of all markets (or of none) comes first and stands for the rest.
  if (!first.stream->code.empty()) append_codes(streams, out);
  if (!first.stream->options.empty()) out.append(1, ',').append(first.stream->options);
  if (!first.stream->level.is_zero()) {
    out += R"(,"level":)";
    out += first.stream->level.to_string();
  }
  if (first.flag == Flag::only_realtime) out += R"(,"is_only_realtime":true)";
  if (first.flag == Flag::only_snapshot) out += R"(,"is_only_snapshot":true)";
  out += "},";
}

}  // namespace

std::string wire_type(const WantedStream& stream) {
  std::string type(to_string(stream.kind));
  if (stream.kind == EventKind::candle) {
    type += '.';
    type += to_string(stream.candle_unit);
  }
  return type;
}

std::string request_text(std::string_view ticket, std::string_view format, const WantedSet& wanted,
                         std::span<const StreamStage> stages, Finished finished) {
  UPFEED_ASSERT(stages.size() == wanted.size());
  std::vector<Named> named;
  named.reserve(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool is_finished = is_snapshot_only(wanted[i]) && stages[i] == StreamStage::arrived;
    if (is_finished && finished == Finished::left_out) continue;
    named.push_back({&wanted[i], flag_of(wanted[i], stages[i])});
  }
  if (named.empty()) return {};
  std::stable_sort(named.begin(), named.end(), object_before);

  std::string text;
  text.reserve(128 + named.size() * (MarketCode::kLengthMax + 3));
  text.append(R"([{"ticket":")").append(ticket).append(R"("},)");
  for (auto first = named.begin(); first != named.end();) {
    const auto last = std::find_if(first, named.end(),
                                   [&](const Named& other) { return !same_object(*first, other); });
    append_object({first, last}, text);
    first = last;
  }
  text.append(R"({"format":")").append(format).append(R"("}])");
  return text;
}

}  // namespace upfeed
