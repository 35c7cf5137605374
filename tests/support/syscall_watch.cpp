#include "syscall_watch.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

constexpr int kSignal = SIGUSR2;
constexpr int kUnanswered = -1;

std::atomic<int> installed_listener{kUnanswered};
std::atomic<int> install_errno{0};
std::atomic<bool> answered{false};

// On the watched thread, in a signal handler: only system calls.
void install_filter(int) {
  const int saved_errno = errno;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmsg, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  long listener = -1;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    listener =
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  }
  if (listener < 0) install_errno.store(errno);
  installed_listener.store(static_cast<int>(listener));
  answered.store(true);
  errno = saved_errno;
}

std::string stat_of(const std::filesystem::path& task) {
  std::ifstream file(task / "stat");
  std::string text;
  std::getline(file, text);
  return text;
}

}  // namespace

SyscallWatch::SyscallWatch(pid_t tid) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = install_filter;
  action.sa_flags = SA_RESTART;
  ::sigaction(kSignal, &action, &before);
  answered.store(false);
  if (::syscall(SYS_tgkill, ::getpid(), tid, kSignal) != 0) {
    problem_ = std::string("tgkill: ") + std::strerror(errno);
    return;
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!answered.load() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::sigaction(kSignal, &before, nullptr);
  if (!answered.load()) {
    problem_ = "the thread does not take signals";
    return;
  }
  listener_ = installed_listener.load();
  if (listener_ < 0) {
    problem_ = std::string("seccomp: ") + std::strerror(install_errno.load());
    return;
  }
  thread_ = std::thread([this] { listen(); });
}

SyscallWatch::~SyscallWatch() {
  if (thread_.joinable()) thread_.join();
  if (listener_ >= 0) ::close(listener_);
}

void SyscallWatch::listen() {
  for (;;) {
    pollfd wait{listener_, POLLIN, 0};
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR) return;
    if ((wait.revents & POLLIN) != 0) {
      seccomp_notif call{};
      if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
      const auto number = static_cast<std::size_t>(call.data.nr);
      counted_[number < kNumbers ? number : kNumbers - 1].fetch_add(1);
      seccomp_notif_resp answer{};
      answer.id = call.id;
      answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
      ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    } else if ((wait.revents & (POLLHUP | POLLERR)) != 0) {
      return;  // nobody is left under the filter
    }
  }
}

std::uint64_t SyscallWatch::count(long number) const {
  return counted_[static_cast<std::size_t>(number)].load();
}

SyscallWatch::Counts SyscallWatch::counts() const {
  Counts all;
  for (std::size_t i = 0; i < kNumbers; ++i) {
    if (const std::uint64_t count = counted_[i].load(); count != 0) {
      all[static_cast<long>(i)] = count;
    }
  }
  return all;
}

pid_t thread_named(std::string_view name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string comm;
    if (std::getline(file, comm) && comm == name) {
      return static_cast<pid_t>(std::stol(task.path().filename().string()));
    }
  }
  return 0;
}

std::uint64_t page_faults(pid_t tid) {
  const std::string text = stat_of("/proc/self/task/" + std::to_string(tid));
  // Behind the name, which may hold blanks: state ppid pgrp session tty tpgid flags minflt cminflt
  // majflt (proc(5)).
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 7; ++i) fields >> skipped;
  std::uint64_t minor = 0;
  std::uint64_t of_children = 0;
  std::uint64_t major = 0;
  fields >> minor >> of_children >> major;
  return minor + major;
}
