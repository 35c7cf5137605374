#pragma once

#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

/// Runs a shell command in the namespaces of the calling thread; true when it ends with 0.
inline bool shell(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

/// Runs body on a thread with an empty network of its own, which all that it starts inherits and
/// which ends with the last of them. more  further namespaces, e.g. CLONE_NEWNS.
/// returns  why that is not possible here; empty: body has run.
inline std::string in_new_network(const std::function<void()>& body, int more = 0) {
  if (!shell("command -v ip >/dev/null && command -v nft >/dev/null")) {
    return "the programs ip and nft are needed";
  }
  std::string failure;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET | more) == 0) {
      body();
    } else {
      failure = std::string("no network namespace (root is needed): ") + std::strerror(errno);
    }
  }).join();
  return failure;
}

/// From now on nothing that is sent to this thread's network arrives, and nobody is told.
inline bool swallow_all_packets(const std::string& prefix = {}) {
  return shell(prefix +
               "nft 'add table inet t; "
               "add chain inet t c { type filter hook input priority 0; policy drop; }'");
}
