#pragma once

// Ctrl-C, SIGTERM and the end of the terminal (SIGHUP; not under nohup). The first one sets a flag,
// so that the command ends in good order with its summary; the second one ends the program at once
// with 128 + n. SIGPIPE and SIGXFSZ are ignored: a closed standard output, or a file that may not
// grow, shows as an error of the write instead.

namespace upfeed::program {

void install_signal_handlers();
/// A signal asked the program to end.
[[nodiscard]] bool stop_requested() noexcept;
/// Written to the terminal when a second signal ends the program; static text, or nullptr.
void set_last_words(const char* text) noexcept;

/// While one lives, threads that are started take no signals, so that those interrupt the waits of
/// the main thread.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
};

}  // namespace upfeed::program
