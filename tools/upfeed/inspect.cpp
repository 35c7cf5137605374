// upfeed inspect: what is in captured files.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "commands.hpp"
#include "inspection.hpp"
#include "json.hpp"
#include "scan.hpp"
#include "summary.hpp"
#include "time_text.hpp"

namespace upfeed::program {
namespace {

constexpr std::size_t kCodesShown = 10;
constexpr std::size_t kDamagesShown = 10;

struct InspectArguments {
  std::vector<std::string> files;
  std::string silence = "10s";
  bool json = false;
};

using Report = Scanned<Inspection>;

double ratio_of(const Report& report) {
  return report.stored_bytes == 0 ? 0
                                  : static_cast<double>(report.found.payload_bytes()) /
                                        static_cast<double>(report.stored_bytes);
}

// --- as JSON

/// Beyond what a reader of JSON must hold as a number.
std::string hex_text(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

void add_times(const TimeSpan& time, JsonWriter& json) {
  if (time.first_unix_ns == 0) return;
  json.field("first_unix_ns", time.first_unix_ns).field("last_unix_ns", time.last_unix_ns);
}

void add_about(const Report& report, JsonWriter& json) {
  const CaptureAbout& about = report.about;
  json.field("file", report.path)
      .field("complete", report.complete)
      .field("kind", to_string(about.kind))
      .field("packing", about.packing)
      .field("endpoint", about.endpoint);
  if (about.kind == CaptureKind::upcap) {
    json.field("version", about.version)
        .field("library_version", about.library_version)
        .field("opened_unix_ns", about.opened_unix_ns)
        .field("recording_id", hex_text(about.recording_id))
        .field("file_number", about.file_number)
        .field("closed", about.closed)
        .field("blocks", report.found.blocks())
        .field("requests", report.found.requests())
        .field("status_changes", report.found.status_changes())
        .field("unknown_records", report.found.unknown_records());
  } else {
    json.field("connections_noted", about.connections).field("requests", about.requests);
  }
}

void add_streams(const Inspection& found, JsonWriter& json) {
  json.key("streams").open_object();
  for (const auto& [name, stream] : found.streams()) {
    json.key(name)
        .open_object()
        .field("frames", stream.frames)
        .field("payload_bytes", stream.payload_bytes)
        .key("codes")
        .open_object();
    for (const auto& [code, frames] : stream.codes) json.field(code, frames);
    json.close_object().close_object();
  }
  json.close_object().key("other_frames").open_object();
  for (const auto& [what, count] : found.others()) json.field(what, count);
  json.close_object().field("refused", found.refused());
}

void add_lives(const Inspection& found, JsonWriter& json) {
  json.key("connections").open_list();
  for (const auto& [connection, lives] : found.connections()) {
    json.open_object().field("connection", connection).key("epochs").open_list();
    for (const auto& [epoch, life] : lives) {
      json.open_object().field("epoch", epoch).field("frames", life.frames);
      add_times(life.time, json);
      json.close_object();
    }
    json.close_list().close_object();
  }
  json.close_list().key("connection_gaps").open_list();
  for (const Inspection::ConnectionGap& gap : found.connection_gaps()) {
    json.open_object()
        .field("connection", gap.connection)
        .field("epoch_before", gap.epoch_before)
        .field("epoch", gap.epoch)
        .field("from_unix_ns", gap.from_unix_ns)
        .field("to_unix_ns", gap.to_unix_ns)
        .close_object();
  }
  json.close_list().key("ends_by_cause").open_object();
  for (const auto& [cause, count] : found.ends_by_cause()) json.field(cause, count);
  json.close_object()
      .field("silence_ns", found.silence_ns())
      .field("silences", found.silence_count());
  json.key("longest_silences").open_list();
  for (const Inspection::Gap& gap : found.silences()) {
    json.open_object()
        .field("from_unix_ns", gap.from_unix_ns)
        .field("to_unix_ns", gap.to_unix_ns)
        .close_object();
  }
  json.close_list();
}

void add_rates(const Report& report, JsonWriter& json) {
  const Inspection& found = report.found;
  json.key("frames_per_second").number(found.frames_per_second(), 3);
  const Inspection::Second peak = found.peak_second();
  if (peak.frames > 0) {
    json.key("peak_second")
        .open_object()
        .field("unix_s", peak.unix_s)
        .field("frames", peak.frames)
        .field("payload_bytes", peak.payload_bytes)
        .close_object();
  }
  json.field("payload_bytes", found.payload_bytes()).field("stored_bytes", report.stored_bytes);
  json.key("ratio").number(ratio_of(report), 3);
}

void add_integrity(const Inspection& found, JsonWriter& json) {
  json.field("damaged", found.flawed()).field("damages", found.damage_count());
  json.key("damage_list").open_list();
  for (const Inspection::Damage& damage : found.damages()) {
    json.open_object().field("place", damage.place).field("reason", damage.reason).close_object();
  }
  json.close_list().field("records_lost", found.records_lost()).key("losses").open_list();
  for (const Inspection::Loss& loss : found.losses()) {
    json.open_object()
        .field("place", loss.place)
        .field("records", loss.what.records)
        .field("payload_bytes", loss.what.payload_bytes)
        .field("first_unix_ns", loss.what.first_unix_ns)
        .field("last_unix_ns", loss.what.last_unix_ns)
        .close_object();
  }
  json.close_list();
}

void append_json(const Report& report, std::string& out) {
  JsonWriter json(out);
  json.open_object().field("type", "inspection");
  add_about(report, json);
  json.field("frames", report.found.frames());
  add_times(report.found.time(), json);
  json.field("frames_without_time", report.found.without_time())
      .field("time_backwards", report.found.time_backwards());
  add_streams(report.found, json);
  add_lives(report.found, json);
  add_rates(report, json);
  add_integrity(report.found, json);
  json.close_object();
  out += '\n';
}

// --- as text

void append_row(std::string_view name, std::string_view value, std::string& out) {
  out += "  ";
  out += name;
  out.append(name.size() < 14 ? 14 - name.size() : 1, ' ');
  out += value;
  out += '\n';
}

std::string gap_text(const Inspection::Gap& gap) {
  return span_text(gap.length_ns()) + " from " + iso_time(gap.from_unix_ns, 3);
}

void append_about(const Report& report, std::string& out) {
  const CaptureAbout& about = report.about;
  std::string kind(to_string(about.kind));
  if (about.kind == CaptureKind::upcap) kind += ", version " + std::to_string(about.version);
  if (about.packing != "none") kind += ", packed by " + about.packing;
  append_row("kind", kind, out);
  if (!about.endpoint.empty()) append_row("endpoint", about.endpoint, out);
  if (about.kind != CaptureKind::upcap) return;
  const bool own = !about.library_version.empty() && about.library_version.front() <= '9';
  append_row("recorded",
             (own ? "by upfeed " : "") + about.library_version + " from " +
                 iso_time(about.opened_unix_ns, 3) + ", file " + std::to_string(about.file_number) +
                 " of its recording, " + (about.closed ? "closed" : "not closed by its recorder"),
             out);
  append_row("records",
             grouped(report.found.requests()) + " requests, " +
                 grouped(report.found.status_changes()) + " changes of state, " +
                 grouped(report.found.unknown_records()) + " unknown, in " +
                 grouped(report.found.blocks()) + " blocks",
             out);
}

void append_time(const Inspection& found, std::string& out) {
  const TimeSpan& time = found.time();
  if (time.first_unix_ns == 0) {
    append_row("time", "the file says no receive times", out);
    return;
  }
  append_row("time",
             iso_time(time.first_unix_ns) + " to " + iso_time(time.last_unix_ns) + ", " +
                 span_text(time.length_ns()),
             out);
  if (found.time_backwards() > 0) {
    append_row("", grouped(found.time_backwards()) + " times it goes back", out);
  }
  const Inspection::Second peak = found.peak_second();
  append_row("rate",
             grouped(static_cast<std::uint64_t>(found.frames_per_second() + 0.5)) +
                 " frames/s on average, " + grouped(peak.frames) + " in the busiest second, " +
                 iso_time(peak.unix_s * 1'000'000'000, 0),
             out);
}

void append_streams(const Inspection& found, std::string& out) {
  append_row("frames", grouped(found.frames()), out);
  for (const auto& [name, stream] : found.streams()) {
    std::string text = grouped(stream.frames);
    if (!stream.codes.empty()) text += " of " + grouped(stream.codes.size()) + " codes";
    append_row("  " + name, text, out);
  }
  for (const auto& [what, count] : found.others()) {
    append_row("  other", grouped(count) + " x " + what, out);
  }
  const auto by_code = found.codes();
  if (by_code.empty()) return;
  std::vector<std::pair<std::string, std::uint64_t>> codes(by_code.begin(), by_code.end());
  std::stable_sort(codes.begin(), codes.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text = grouped(codes.size()) + ":";
  for (std::size_t i = 0; i < std::min(codes.size(), kCodesShown); ++i) {
    text += " " + codes[i].first + " " + grouped(codes[i].second);
  }
  if (codes.size() > kCodesShown) text += " ... (all with --json)";
  append_row("codes", text, out);
}

void append_gaps(const Inspection& found, std::string& out) {
  std::size_t lives = 0;
  for (const auto& [connection, epochs] : found.connections()) lives += epochs.size();
  const auto gaps = found.connection_gaps();
  append_row("connections",
             grouped(found.connections().size()) + ", lives " + grouped(lives) +
                 ", gaps between them " + grouped(gaps.size()),
             out);
  for (const auto& [cause, count] : found.ends_by_cause()) {
    append_row("", "ended by " + cause + ": " + grouped(count), out);
  }
  for (std::size_t i = 0; i < std::min(gaps.size(), Inspection::kSilencesKept); ++i) {
    append_row("",
               "connection " + std::to_string(gaps[i].connection) + ", epoch " +
                   std::to_string(gaps[i].epoch_before) + " to " + std::to_string(gaps[i].epoch) +
                   ": " + gap_text(gaps[i]),
               out);
  }
  append_row("silences",
             grouped(found.silence_count()) + " longer than " + span_text(found.silence_ns()), out);
  for (const Inspection::Gap& gap : found.silences()) append_row("", gap_text(gap), out);
}

void append_sizes(const Report& report, std::string& out) {
  std::string text = bytes_text(report.found.payload_bytes()) + " of payload";
  if (report.stored_bytes > 0) {
    char ratio[64];
    std::snprintf(ratio, sizeof ratio, ", ratio %.2f, %.0f bytes a frame", ratio_of(report),
                  report.found.frames() == 0 ? 0.0
                                             : static_cast<double>(report.stored_bytes) /
                                                   static_cast<double>(report.found.frames()));
    text += ", stored in " + bytes_text(report.stored_bytes) + ratio;
  }
  append_row("size", text, out);
}

void append_integrity(const Report& report, std::string& out) {
  const Inspection& found = report.found;
  append_row("losses",
             found.losses().empty()
                 ? "none noted"
                 : grouped(found.records_lost()) + " records the recorder could not write, in " +
                       grouped(found.losses().size()) + " places",
             out);
  if (!found.flawed()) {
    append_row("integrity", report.complete ? "whole" : "whole as far as it was read", out);
    return;
  }
  append_row(
      "integrity",
      grouped(found.damage_count()) + " damages, " + grouped(found.refused()) + " frames refused",
      out);
  for (std::size_t i = 0; i < std::min(found.damages().size(), kDamagesShown); ++i) {
    append_row("", found.damages()[i].place + ": " + found.damages()[i].reason, out);
  }
}

void append_text(const Report& report, std::string& out) {
  std::string text = report.path + "\n";
  append_about(report, text);
  append_streams(report.found, text);
  append_time(report.found, text);
  append_gaps(report.found, text);
  append_sizes(report, text);
  append_integrity(report, text);
  out += printable(text);
}

int run_inspect(const InspectArguments& arguments) {
  const Result<std::int64_t> silence = parse_duration("--silence", arguments.silence);
  if (!silence) {
    say("upfeed inspect: " + silence.error().message);
    return kExitUsage;
  }
  return scan_files<Inspection>(
      "inspect", arguments.files, arguments.json,
      [&silence] { return std::make_unique<Inspection>(silence.value()); },
      [&arguments](const Report& report, std::string& out) {
        arguments.json ? append_json(report, out) : append_text(report, out);
      });
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App* command = app.add_subcommand(
      "inspect", "What is in captured files: streams, codes, times, gaps, rates, sizes, damages");
  command->add_option("FILE", arguments->files, "Captured files of any kind")->required();
  command
      ->add_option("--silence", arguments->silence,
                   "List the longest times without any frame beyond this")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "One object per file, with everything");
  command->callback([arguments, &exit_code] { exit_code = run_inspect(*arguments); });
}

}  // namespace upfeed::program
