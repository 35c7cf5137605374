#include "upfeed/output.hpp"

#include <unistd.h>

#include <cerrno>

#include "upfeed/signals.hpp"

namespace upfeed::program {
namespace {

/// false: whoever read it is gone. Gives up half way when a signal came while the reader slept.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EINTR) {
      if (stop_requested()) return true;
    } else {
      return false;
    }
  }
  return true;
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
  if (!closed_ && !write_all(STDOUT_FILENO, writing_)) closed_ = true;
  writing_.clear();
}

void say(std::string_view text) {
  std::string line(text);
  line += '\n';
  // A message that nobody can read any more is not worth an error.
  static_cast<void>(write_all(STDERR_FILENO, line));
}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace upfeed::program
