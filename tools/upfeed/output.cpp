#include "output.hpp"

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

void say(std::string_view text) {
  // A line of progress may stand there.
  std::string line = stderr_is_terminal() ? "\r\033[K" : "";
  line += text;
  line += '\n';
  // A message that nobody can read any more is not worth an error.
  static_cast<void>(write_all(STDERR_FILENO, line));
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}
bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

}  // namespace upfeed::program
