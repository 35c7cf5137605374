// upfeed verify: whether captured files are whole and what is in them makes sense.

#include <algorithm>
#include <memory>

#include "commands.hpp"
#include "json.hpp"
#include "scan.hpp"
#include "summary.hpp"
#include "verification.hpp"

namespace upfeed::program {
namespace {

constexpr std::size_t kFindingsShown = 50;
constexpr std::size_t kPlacesShown = 5;  ///< of each

struct VerifyArguments {
  std::vector<std::string> files;
  bool json = false;
};

using Verdict = Scanned<Verification>;

bool fine(const Verdict& verdict) {
  return !verdict.found.flawed() && verdict.complete;
}

void append_json(const Verdict& verdict, std::string& out) {
  const Verification& found = verdict.found;
  JsonWriter json(out);
  json.open_object()
      .field("type", "verification")
      .field("file", verdict.path)
      .field("kind", to_string(verdict.about.kind))
      .field("complete", verdict.complete)
      .field("ok", fine(verdict));
  if (verdict.about.kind == CaptureKind::upcap) {
    json.field("closed", verdict.about.closed)
        .field("blocks", found.blocks())
        .field("records", found.records())
        .field("records_lost", found.records_lost())
        .field("records_missing", found.missing().records)
        .field("records_missing_known", found.missing().all_known);
  }
  json.field("frames", found.frames())
      .field("events", found.events())
      .field("books", found.books())
      .field("trades", found.trades())
      .key("findings")
      .open_list();
  for (const Verification::Finding& each : found.findings()) {
    json.open_object().field("what", each.what).field("count", each.count);
    json.key("places").open_list();
    for (const Verification::Place& place : each.places) {
      json.open_object().field("place", place.where).field("text", place.text).close_object();
    }
    json.close_list().close_object();
  }
  json.close_list().close_object();
  out += '\n';
}

void append_finding(const Verification::Finding& finding, std::string& out) {
  if (finding.count > kPlacesShown) {
    out += "  " + grouped(finding.count) + " times " + finding.what + ", first\n";
  }
  const std::size_t shown = std::min(finding.places.size(), kPlacesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const Verification::Place& place = finding.places[i];
    out += "  " + place.where + ": " + finding.what;
    if (!place.text.empty()) out += ": " + place.text;
    out += '\n';
  }
}

std::string missing_text(const Verification::Missing& missing) {
  if (!missing.all_known) {
    return missing.records == 0
               ? "an unknown number of records is missing"
               : grouped(missing.records) + " records are missing, and an unknown number more";
  }
  return grouped(missing.records) + " records are missing";
}

void append_text(const Verdict& verdict, std::string& printed) {
  const Verification& found = verdict.found;
  std::string out = verdict.path + (fine(verdict)              ? ": fine"
                                    : found.findings().empty() ? ": fine as far as it was read"
                                                               : ": not whole");
  if (verdict.about.kind == CaptureKind::upcap) {
    out += ", " + grouped(found.blocks()) + " blocks with " + grouped(found.records()) +
           " records" + (verdict.about.closed ? "" : " (not closed by its recorder)");
  }
  out += ", " + grouped(found.frames()) + " frames, " + grouped(found.books()) + " books, " +
         grouped(found.trades()) + " trades";
  if (found.records_lost() > 0) {
    out += ", " + grouped(found.records_lost()) + " records its recorder could not write";
  }
  if (found.missing().records > 0 || !found.missing().all_known) {
    out += "; " + missing_text(found.missing());
  }
  out += '\n';
  const std::size_t shown = std::min(found.findings().size(), kFindingsShown);
  for (std::size_t i = 0; i < shown; ++i) append_finding(found.findings()[i], out);
  if (shown < found.findings().size()) {
    out += "  and " + grouped(found.findings().size() - shown) + " more (all with --json)\n";
  }
  printed += printable(out);
}

int run_verify(const VerifyArguments& arguments) {
  return scan_files<Verification>(
      "verify", arguments.files, arguments.json, [] { return std::make_unique<Verification>(); },
      [&arguments](const Verdict& verdict, std::string& out) {
        arguments.json ? append_json(verdict, out) : append_text(verdict, out);
      });
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check captured files: checksums, every frame, order books, trade ids");
  command->add_option("FILE", arguments->files, "Captured files of any kind")->required();
  command->add_flag("--json", arguments->json, "One object per file");
  command->callback([arguments, &exit_code] { exit_code = run_verify(*arguments); });
}

}  // namespace upfeed::program
