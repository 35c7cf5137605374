#pragma once

// The loop of the commands that read captured files from start to end and say what is in each.

#include <memory>
#include <string>
#include <vector>

#include "capture_file.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "signals.hpp"

namespace upfeed::program {

/// One file, as far as it was read.
template <class Found>
struct Scanned {
  const std::string& path;
  CaptureAbout about;
  const Found& found;
  std::uint64_t stored_bytes = 0;  ///< size of the file; 0: a pipe
  bool complete = false;           ///< read to its end
};

/// Reads the files one after the other, each into what make() gives, and prints what
/// append(scanned, out) makes of it. Found has add(file, item) for everything but the end, frames()
/// and flawed(). Returns the exit code: that of the worst file.
/// quiet  no progress on a terminal.
template <class Found, class Make, class Append>
int scan_files(const std::string& command, const std::vector<std::string>& paths, bool quiet,
               Make make, Append append) {
  Output output;
  bool unusable = false;
  bool flawed = false;
  for (const std::string& path : paths) {
    if (stop_requested() || output.closed()) break;
    Result<CaptureFile> file = CaptureFile::open(path);
    if (!file) {
      say("upfeed " + command + ": " + file.error().message);
      unusable = true;
      continue;
    }
    const std::unique_ptr<Found> found = make();
    bool complete = false;
    for (Progress progress(quiet); !complete && !stop_requested();) {
      const CaptureItem item = file->next();
      complete = item.kind == CaptureItemKind::end;
      if (!complete) found->add(*file, item);
      if (progress.due()) {
        progress.show(progress_text(file->position(), found->frames(), progress.seconds()));
      }
    }
    std::string text;
    append(Scanned<Found>{path, file->about(), *found, file->position().size_bytes, complete},
           text);
    output.append(text);
    output.flush();
    if (!complete) say("upfeed " + command + ": interrupted; " + path + " was not read to its end");
    flawed = flawed || found->flawed();
  }
  // What could not be read at all outweighs what is damaged.
  return output.exit_code(unusable ? kExitUsage : flawed ? kExitData : kExitOk);
}

}  // namespace upfeed::program
