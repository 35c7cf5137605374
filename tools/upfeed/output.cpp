#include "output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "exit_codes.hpp"
#include "signals.hpp"

namespace upfeed::program {
namespace {

/// 0, or why not all could be written.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

void Output::append(std::string_view text) {
  std::unique_lock lock(mutex_);
  emptied_.wait(lock, [this] { return released_ || waiting_.size() < kWaitingBytesMax; });
  const bool was_empty = waiting_.empty();
  waiting_ += text;
  lock.unlock();
  if (was_empty) filled_.notify_one();
}

void Output::release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  emptied_.notify_all();
}

void Output::pump(std::chrono::milliseconds wait) {
  {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, wait, [this] { return !waiting_.empty() || stop_requested(); });
    writing_.swap(waiting_);
  }
  emptied_.notify_all();
  if (!closed_) {
    const int error = write_all(STDOUT_FILENO, writing_);
    closed_ = error != 0;
    failed_ = error != 0 && error != EPIPE;
    if (failed_) say(std::string("upfeed: cannot write standard output: ") + std::strerror(error));
  }
  writing_.clear();
}

int Output::exit_code(int otherwise) const noexcept {
  if (!closed_) return otherwise;
  return failed_ ? kExitInternal : kExitOk;
}

std::string printable(std::string_view text) {
  std::string shown(text);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    // U+0080 to U+009F are control characters, too.
    const bool second =
        byte == 0xC2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xA0;
    if (control) shown[i] = '?';
    if (second) shown.replace(i, 2, "?");
  }
  return shown;
}

void say(std::string_view text) {
  // A line of progress may stand there.
  std::string line = stderr_is_terminal() ? "\r\033[K" : "";
  line += printable(text);
  line += '\n';
  // A message that nobody can read any more is not worth an error.
  static_cast<void>(write_all(STDERR_FILENO, line));
}

void reserve_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is taken: this one.
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}
bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

}  // namespace upfeed::program
