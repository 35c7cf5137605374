// upfeed replay: captured files through the feed, as fast as it goes or as they were recorded.

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "capture_file.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "selection.hpp"
#include "signals.hpp"
#include "upfeed/event_hash.hpp"
#include "upfeed/feed.hpp"

namespace upfeed::program {
namespace {

struct ReplayArguments {
  std::vector<std::string> files;
  std::string speed = "max";
  SelectionArguments selection;
  bool json = false;
};

/// Counts and hashes what comes out of the feed.
class Witness {
 public:
  explicit Witness(const Selection& selection) : selection_(selection) {}

  template <class Event>
  void operator()(const Event& event) {
    if constexpr (std::is_same_v<Event, StatusEvent>) {
      if (event.cause == StatusCause::bad_frames) report(event.text.view());
      const bool planned =
          event.cause == StatusCause::end_of_capture || event.cause == StatusCause::requested;
      if (event.previous_state == SessionState::live && event.state != SessionState::live) {
        connections_lost += planned ? 0 : 1;
      }
    } else if constexpr (is_stream(Event::kKind)) {
      if (!selection_.wants(event)) return;
      ++events[static_cast<std::size_t>(event.kind)];
      hash.add(event);
    }
  }

  std::array<std::uint64_t, kStreamCount> events{};
  std::uint64_t damages = 0;
  std::uint64_t connections_lost = 0;
  EventHash hash;

 private:
  void report(std::string_view text) {
    constexpr std::uint64_t kShown = 10;
    ++damages;
    if (damages <= kShown) say("upfeed replay: " + std::string(text));
    if (damages == kShown + 1) say("upfeed replay: and more bad lines, only counted from here");
  }

  const Selection& selection_;
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
    return metrics.frames - metrics.total().received - metrics.replay.frames_passed;
  }
};

void append_json(const ReplayOutcome& outcome, const std::vector<std::string>& files,
                 std::string& out) {
  JsonWriter json(out);
  json.open_object().field("type", "summary").field("command", "replay");
  json.field("file", files.front()).key("files").open_list();
  for (const std::string& file : files) json.value(file);
  json.close_list().field("complete", outcome.complete).field("frames", outcome.metrics.frames);
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
      .field("frames_passed", outcome.metrics.replay.frames_passed)
      .field("records_missing", outcome.metrics.replay.records_missing)
      .field("connections_lost", outcome.witness.connections_lost)
      .field("bad_lines", outcome.witness.damages)
      .field("hash", outcome.witness.hash.hex())
      .key("seconds")
      .number(outcome.seconds, 6)
      .key("frames_per_second")
      .number(outcome.frames_per_second(), 0)
      .close_object();
  out += '\n';
}

void append_outcome_row(std::string_view name, std::string_view value, std::string& out) {
  out += name;
  out.append(name.size() < 20 ? 20 - name.size() : 1, ' ');
  out += value;
  out += '\n';
}

void append_text(const ReplayOutcome& outcome, std::string& out) {
  const FeedMetrics& metrics = outcome.metrics;
  append_outcome_row("frames", std::to_string(metrics.frames), out);
  for (std::size_t i = 0; i < kStreamCount; ++i) {
    append_outcome_row("  " + std::string(to_string(static_cast<EventKind>(i))),
                       std::to_string(outcome.witness.events[i]), out);
  }
  append_outcome_row("  other", std::to_string(outcome.other_frames()), out);
  append_outcome_row("  not asked for", std::to_string(metrics.replay.frames_passed), out);
  append_outcome_row("refused", std::to_string(metrics.total().refused), out);
  for (std::size_t i = 0; i < kRefusalCauseMax; ++i) {
    const std::uint64_t count = metrics.refused_by_cause[i];
    if (count > 0)
      append_outcome_row("  " + std::string(refusal_name(i)), std::to_string(count), out);
  }
  append_outcome_row("bad lines", std::to_string(outcome.witness.damages), out);
  append_outcome_row("records missing", std::to_string(metrics.replay.records_missing), out);
  append_outcome_row("connections lost", std::to_string(outcome.witness.connections_lost), out);
  append_outcome_row("seconds", std::to_string(outcome.seconds), out);
  append_outcome_row("frames per second",
                     std::to_string(static_cast<std::uint64_t>(outcome.frames_per_second())), out);
  append_outcome_row("hash", outcome.witness.hash.hex(), out);
}

/// Wall time of the earliest first record of the files, for bounds that count from it.
/// errors  as CaptureFile::open; bad_capture: no times.
Result<std::int64_t> first_time(const std::vector<std::string>& files) {
  std::int64_t first = INT64_MAX;
  for (const std::string& path : files) {
    Result<CaptureFile> file = CaptureFile::open(path);
    if (!file) return file.error();
    CaptureItem item = file->next();
    while (item.kind == CaptureItemKind::damage) item = file->next();
    if (item.record.unix_ns == 0) {
      return Error{Errc::bad_capture, "capture \"" + path +
                                          "\" says no receive times, which --from "
                                          "and --to go by"};
    }
    first = std::min(first, item.record.unix_ns);
  }
  return first;
}

constexpr std::int64_t kFirstNs = 1;

Result<ReplayOptions> make_options(const ReplayArguments& arguments, const Selection& selection) {
  ReplayOptions options;
  const Result<double> speed = parse_speed("--speed", arguments.speed);
  if (!speed) return speed.error();
  options.speed = speed.value();
  std::int64_t first_unix_ns = 0;
  if ((selection.from && selection.from->relative) || (selection.to && selection.to->relative)) {
    const Result<std::int64_t> first = first_time(arguments.files);
    if (!first) return first.error();
    first_unix_ns = first.value();
  }
  if (selection.from) options.from_unix_ns = selection.from->unix_ns(first_unix_ns);
  // 0 would be no bound.
  if (selection.to) options.to_unix_ns = std::max(selection.to->unix_ns(first_unix_ns), kFirstNs);
  for (const MarketCode& code : selection.codes) options.codes.emplace_back(code.view());
  for (const StreamKind& type : selection.types) options.kinds.push_back(type.kind);
  return options;
}

class ReplayRun {
 public:
  ReplayRun(Feed feed, Witness& witness, bool quiet)
      : feed_(std::move(feed)), witness_(witness), progress_(quiet) {}

  /// In this thread alone: nothing has to be handed over or woken.
  void run_fast() {
    while (!feed_.finished() && !stop_requested()) {
      feed_.step_io();
      while (feed_.poll(witness_) > 0) {
      }
      if (progress_.due()) show();
    }
    seconds_ = progress_.seconds();
  }
  /// In the feed's threads, which sleep until the next frame is due.
  Status run_paced() {
    {
      const SignalsBlocked blocked;
      if (const Status started = feed_.start(witness_); !started) return started;
    }
    while (!feed_.finished() && !stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (progress_.due()) show();
    }
    seconds_ = progress_.seconds();
    complete_ = feed_.finished();
    return feed_.stop();
  }
  [[nodiscard]] ReplayOutcome outcome() const {
    return {witness_, feed_.metrics(), seconds_, complete_.value_or(feed_.finished())};
  }
  void clear() { progress_.clear(); }

 private:
  void show() {
    const FeedMetrics metrics = feed_.metrics();
    std::string text = progress_text({metrics.replay.bytes_read, metrics.replay.bytes_total},
                                     metrics.frames, progress_.seconds());
    if (metrics.replay.position_unix_ns != 0) {
      text += "  at " + iso_time(metrics.replay.position_unix_ns, 0);
    }
    progress_.show(text);
  }

  Feed feed_;
  Witness& witness_;
  Progress progress_;
  double seconds_ = 0;
  std::optional<bool> complete_;
};

int run_replay(const ReplayArguments& arguments) {
  const auto refuse = [](const Error& error) {
    say("upfeed replay: " + error.message);
    return static_cast<int>(error.code == Errc::system ? kExitInternal : kExitUsage);
  };
  const Result<Selection> selection = Selection::parse(arguments.selection);
  if (!selection) return refuse(selection.error());
  const Result<ReplayOptions> options = make_options(arguments, selection.value());
  if (!options) return refuse(options.error());
  Result<Feed> feed = Feed::replay(arguments.files, options.value());
  if (!feed) return refuse(feed.error());
  Witness witness(selection.value());
  const auto run = std::make_unique<ReplayRun>(std::move(*feed), witness, arguments.json);
  if (options.value().speed == ReplayOptions::kFast) {
    run->run_fast();
  } else if (const Status ended = run->run_paced(); !ended) {
    return refuse(ended.error());
  }
  run->clear();
  const ReplayOutcome outcome = run->outcome();
  std::string text;
  if (arguments.json) {
    append_json(outcome, arguments.files, text);
  } else {
    append_text(outcome, text);
  }
  Output output;
  output.append(text);
  output.flush();
  if (!outcome.complete) say("upfeed replay: interrupted; the counts are those of the part read");
  if (outcome.complete && witness.hash.event_count() == 0) selection.value().tell_nothing("replay");
  const bool damaged = damaged_frames(outcome.metrics) + witness.damages > 0;
  return output.exit_code(damaged ? kExitData : kExitOk);
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command = app.add_subcommand(
      "replay", "Captured files through the feed: counts, refused frames, frames/s, event hash");
  command
      ->add_option("FILE", arguments->files,
                   "Captured files of any kind, packed or not; several are merged by time")
      ->required();
  command->add_option("--speed", arguments->speed, "1 as recorded, N times as fast, or max")
      ->capture_default_str();
  add_selection_options(*command, arguments->selection);
  command->add_flag("--json", arguments->json, "One summary object instead of a table");
  command->callback([arguments, &exit_code] { exit_code = run_replay(*arguments); });
}

}  // namespace upfeed::program
