#pragma once

namespace upfeed::program {

/// What the program answers its caller; the table is in `upfeed --help` and in README.md.
enum ExitCode : int {
  kExitOk = 0,
  kExitInternal =
      1,             ///< the program's own fault, or the system refused memory, a thread or a write
  kExitUsage = 2,    ///< an argument or a file that cannot be used; the message says which
  kExitData = 3,     ///< a file was read to its end, but parts of it are damaged
  kExitNetwork = 4,  ///< exchange unreachable, no data came, or an address is in use
  kExitTimeout = 5,  ///< --seconds were over before --frames had come
  kExitLoss = 6,     ///< a recording is not whole: the disk was full or too slow
  kExitSignalled = 128  ///< plus the signal's number: forced by a second Ctrl-C or SIGTERM
};

}  // namespace upfeed::program
