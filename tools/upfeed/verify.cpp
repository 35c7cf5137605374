// upfeed verify: whether captured files are whole and what is in them makes sense.

#include <algorithm>
#include <memory>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "summary.hpp"
#include "verification.hpp"

namespace upfeed::program {
namespace {

constexpr std::size_t kFindingsShown = 50;

struct VerifyArguments {
  std::vector<std::string> files;
  bool json = false;
};

/// One file, read to its end.
struct Verdict {
  const std::string& path;
  const CaptureAbout& about;
  const Verification& found;
  bool complete = true;
  [[nodiscard]] bool fine() const { return found.findings().empty() && complete; }
};

void append_json(const Verdict& verdict, std::string& out) {
  const Verification& found = verdict.found;
  JsonWriter json(out);
  json.open_object()
      .field("type", "verification")
      .field("file", verdict.path)
      .field("kind", to_string(verdict.about.kind))
      .field("complete", verdict.complete)
      .field("ok", verdict.fine());
  if (verdict.about.kind == CaptureKind::upcap) {
    json.field("closed", verdict.about.closed)
        .field("blocks", found.blocks())
        .field("records", found.records())
        .field("records_lost", found.records_lost());
  }
  json.field("frames", found.frames())
      .field("events", found.events())
      .field("books", found.books())
      .field("trades", found.trades())
      .key("findings")
      .open_list();
  for (const Verification::Finding& each : found.findings()) {
    json.open_object()
        .field("what", each.what)
        .field("count", each.count)
        .field("place", each.place)
        .field("text", each.text)
        .close_object();
  }
  json.close_list().close_object();
  out += '\n';
}

void append_text(const Verdict& verdict, std::string& out) {
  const Verification& found = verdict.found;
  out += verdict.path + (verdict.fine()             ? ": fine"
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
  out += '\n';
  const std::size_t shown = std::min(found.findings().size(), kFindingsShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const Verification::Finding& each = found.findings()[i];
    out += "  " + each.place + ": " + each.what;
    if (!each.text.empty()) out += ": " + each.text;
    if (each.count > 1) out += " (the first of " + grouped(each.count) + ")";
    out += '\n';
  }
  if (shown < found.findings().size()) {
    out += "  and " + grouped(found.findings().size() - shown) + " more (all with --json)\n";
  }
}

int verify_file(const std::string& path, bool as_json, Output& output) {
  Result<CaptureFile> file = CaptureFile::open(path);
  if (!file) {
    say("upfeed verify: " + file.error().message);
    return kExitUsage;
  }
  const auto found = std::make_unique<Verification>();
  bool complete = false;
  {
    Progress progress(as_json);
    while (!stop_requested()) {
      const CaptureItem item = file->next();
      complete = item.kind == CaptureItemKind::end;
      if (complete) break;
      found->add(*file, item);
      if (progress.due()) {
        progress.show(progress_text(file->position(), found->frames(), progress.seconds()));
      }
    }
  }
  const CaptureAbout about = file->about();
  const Verdict verdict{path, about, *found, complete};
  std::string text;
  if (as_json) {
    append_json(verdict, text);
  } else {
    append_text(verdict, text);
  }
  output.append(text);
  output.flush();
  if (!complete) say("upfeed verify: interrupted; " + path + " was not read to its end");
  return found->findings().empty() ? kExitOk : kExitData;
}

int run_verify(const VerifyArguments& arguments) {
  Output output;
  int worst = kExitOk;
  for (const std::string& path : arguments.files) {
    const int code = verify_file(path, arguments.json, output);
    // What could not be read at all outweighs what is damaged.
    if (worst != kExitUsage && code != kExitOk) worst = code;
    if (stop_requested() || output.closed()) break;
  }
  return output.exit_code(worst);
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
