// upfeed replay: a captured file through the feed, as fast as it goes.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "upfeed/event_hash.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::program {
namespace {

using Clock = std::chrono::steady_clock;

struct ReplayArguments {
  std::string file;
  bool json = false;
};

/// Counts and hashes what comes out of the feed.
class Witness {
 public:
  template <class Event>
  void operator()(const Event& event) {
    if constexpr (std::is_same_v<Event, StatusEvent>) {
      if (event.cause == StatusCause::bad_frames) report_bad_line(event.text.view());
    } else if constexpr (!std::is_same_v<Event, LossEvent>) {
      ++events[static_cast<std::size_t>(event.kind)];
      hash.add(event);
    }
  }

  std::array<std::uint64_t, kStreamCount> events{};
  std::uint64_t bad_lines = 0;
  EventHash hash;

 private:
  void report_bad_line(std::string_view text) {
    constexpr std::uint64_t kShown = 10;
    ++bad_lines;
    if (bad_lines <= kShown) say("upfeed replay: " + std::string(text));
    if (bad_lines == kShown + 1) say("upfeed replay: and more bad lines, only counted from here");
  }
};

/// A line on the terminal that is written over and over; nothing when nobody looks.
class Progress {
 public:
  void show(const Feed& feed) {
    if (!shown_on_terminal_) return;
    const Clock::time_point now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    std::fprintf(stderr, "\r%llu frames", static_cast<unsigned long long>(feed.metrics().frames));
    std::fflush(stderr);
    dirty_ = true;
  }
  ~Progress() {
    if (dirty_) std::fprintf(stderr, "\r\033[K");
  }

 private:
  const bool shown_on_terminal_ = stderr_is_terminal();
  Clock::time_point last_ = Clock::now();
  bool dirty_ = false;
};

/// A frame of a stream that the library does not decode is not damaged.
std::uint64_t damaged_frames(const FeedMetrics& metrics) {
  std::uint64_t damaged = 0;
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    if (refusal_name(i) != "unknown_type") damaged += metrics.refused_by_cause[i];
  }
  return damaged;
}

struct ReplayOutcome {
  const Witness& witness;
  FeedMetrics metrics;
  double seconds = 0;
  bool complete = false;

  [[nodiscard]] double frames_per_second() const {
    return seconds > 0 ? static_cast<double>(metrics.frames) / seconds : 0;
  }
  /// Frames that are no market data: answers to requests, errors, signs of life.
  [[nodiscard]] std::uint64_t other_frames() const {
    return metrics.frames - metrics.total().received;
  }
};

void append_json(const ReplayOutcome& outcome, const std::string& file, std::string& out) {
  JsonWriter json(out);
  json.open_object().field("type", "summary").field("command", "replay").field("file", file);
  json.field("complete", outcome.complete).field("frames", outcome.metrics.frames);
  json.key("events").open_object();
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    json.field(to_string(static_cast<EventKind>(i)), outcome.witness.events[i]);
  }
  json.close_object().key("refused").open_object();
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    const std::uint64_t count = outcome.metrics.refused_by_cause[i];
    if (count > 0) json.field(refusal_name(i), count);
  }
  json.close_object()
      .field("refused_total", outcome.metrics.total().refused)
      .field("other_frames", outcome.other_frames())
      .field("bad_lines", outcome.witness.bad_lines)
      .field("hash", outcome.witness.hash.hex())
      .key("seconds")
      .number(outcome.seconds, 6)
      .key("frames_per_second")
      .number(outcome.frames_per_second(), 0)
      .close_object();
  out += '\n';
}

void append_row(std::string_view name, std::string_view value, std::string& out) {
  out += name;
  out.append(name.size() < 20 ? 20 - name.size() : 1, ' ');
  out += value;
  out += '\n';
}

void append_text(const ReplayOutcome& outcome, std::string& out) {
  append_row("frames", std::to_string(outcome.metrics.frames), out);
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    append_row("  " + std::string(to_string(static_cast<EventKind>(i))),
               std::to_string(outcome.witness.events[i]), out);
  }
  append_row("  other", std::to_string(outcome.other_frames()), out);
  append_row("refused", std::to_string(outcome.metrics.total().refused), out);
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    const std::uint64_t count = outcome.metrics.refused_by_cause[i];
    if (count > 0) append_row("  " + std::string(refusal_name(i)), std::to_string(count), out);
  }
  append_row("bad lines", std::to_string(outcome.witness.bad_lines), out);
  append_row("frames per second",
             std::to_string(static_cast<std::uint64_t>(outcome.frames_per_second())), out);
  append_row("hash", outcome.witness.hash.hex(), out);
}

int run_replay(const ReplayArguments& arguments) {
  Result<Feed> feed = Feed::replay(arguments.file);
  if (!feed) {
    say("upfeed replay: " + feed.error().message);
    return feed.error().code == Errc::system ? kExitInternal : kExitUsage;
  }
  Witness witness;
  const Clock::time_point start = Clock::now();
  {
    Progress progress;
    while (!feed->finished() && !stop_requested()) {
      feed->step_io();
      while (feed->poll(witness) > 0) {
      }
      progress.show(*feed);
    }
  }
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  const ReplayOutcome outcome{witness, feed->metrics(), elapsed.count(), feed->finished()};
  std::string text;
  if (arguments.json) {
    append_json(outcome, arguments.file, text);
  } else {
    append_text(outcome, text);
  }
  Output output;
  output.append(text);
  output.flush();
  if (!outcome.complete) say("upfeed replay: interrupted; the counts are those of the part read");
  const bool damaged = damaged_frames(outcome.metrics) + witness.bad_lines > 0;
  return output.exit_code(damaged ? kExitData : kExitOk);
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command = app.add_subcommand(
      "replay", "Decode a captured file: counts, refused frames, frames/s and the event hash");
  command->add_option("FILE", arguments->file, "cryptofeed raw file, `ISO-time JSON` or JSON lines")
      ->required();
  command->add_flag("--json", arguments->json, "One summary object instead of a table");
  command->callback([arguments, &exit_code] { exit_code = run_replay(*arguments); });
}

}  // namespace upfeed::program
