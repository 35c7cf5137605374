#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

/// A script under node, in an environment of its own: no proxies, no switched-off verification.
/// It reads lines from the test and writes one back (tally.mjs). Killed with this object.
class PeerProcess {
 public:
  /// ca_file  what node trusts besides its own list; empty = nothing.
  PeerProcess(const std::string& script, unsigned port, const std::string& ca_file) {
    ::signal(SIGPIPE, SIG_IGN);  // tell() reports a script that is gone
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    if (::pipe2(from_child, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    input_ = to_child[1];
    output_ = from_child[0];
    std::vector<std::string> environment{"UPFEED_SIM_PORT=" + std::to_string(port)};
    if (!ca_file.empty()) environment.push_back("NODE_EXTRA_CA_CERTS=" + ca_file);
    for (const char* name : {"PATH", "HOME"}) {
      const char* const value = std::getenv(name);
      if (value != nullptr) environment.push_back(std::string(name) + "=" + value);
    }
    std::vector<std::string> arguments{"node", script};
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, to_child[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, from_child[1], STDOUT_FILENO);
    const int error = ::posix_spawnp(&child_, "node", &files, nullptr, pointers(arguments).data(),
                                     pointers(environment).data());
    ::posix_spawn_file_actions_destroy(&files);
    ::close(to_child[0]);
    ::close(from_child[1]);
    if (error != 0) throw std::runtime_error("cannot start node");
  }
  ~PeerProcess() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::close(input_);
    ::close(output_);
  }
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  void tell(std::uint64_t number) {
    const std::string line = std::to_string(number) + "\n";
    if (::write(input_, line.data(), line.size()) < 0) throw std::runtime_error("script is gone");
  }

  /// The script has said something, or ended.
  [[nodiscard]] bool has_spoken() const {
    pollfd ready{output_, POLLIN, 0};
    return ::poll(&ready, 1, 0) > 0;
  }

  /// Its line; nothing when it ends or the patience does before that.
  [[nodiscard]] std::optional<std::string> line(std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string text;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd ready{output_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return {};
      char block[4096];
      const ssize_t size = ::read(output_, block, sizeof block);
      if (size <= 0) return {};
      text.append(block, static_cast<std::size_t>(size));
      const std::size_t end = text.find('\n');
      if (end != std::string::npos) return text.substr(0, end);
    }
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }

  pid_t child_ = -1;
  int input_ = -1;
  int output_ = -1;
};
