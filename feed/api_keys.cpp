// Where API keys come from. No message here may hold a byte of a value: a line that is not
// understood may be a key that was pasted without its name.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>

#include "net/unique_fd.hpp"
#include "upfeed/secret.hpp"

namespace upfeed {
namespace {

using KeysResult = Result<std::shared_ptr<const ApiKeys>>;

constexpr std::size_t kKeyBytesMax = 256;
constexpr std::size_t kFileBytesMax = 4096;
constexpr std::string_view kBlank = " \t\r";

Error bad_keys(std::string message) {
  return {Errc::bad_keys, std::move(message)};
}

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

/// What is wrong with a value; empty: nothing. The value goes into a JSON text, unescaped.
std::string_view fault_of(std::string_view value) {
  if (value.empty()) return "is empty";
  if (value.size() > kKeyBytesMax) return "is longer than 256 characters";
  const bool clean = std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\\';
  });
  return clean ? "" : "holds a blank, a quote, a backslash or a character that is not ASCII";
}

std::string system_reason(int number) {
  return std::generic_category().message(number);
}

/// The keys of a file, and with it the rules of its form.
class KeyFile {
 public:
  explicit KeyFile(const std::string& path) : path_(path) {}

  KeysResult load() {
    Secret text;
    if (const std::optional<Error> error = read(text)) return *error;
    std::string_view rest = text.reveal();
    for (line_ = 1; !rest.empty(); ++line_) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (const std::optional<Error> error = take_line(trim(rest.substr(0, end)))) return *error;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    for (const auto& [name, secret] : fields()) {
      if (secret->empty()) {
        return bad_keys(quoted() + " has no " + std::string(name) + "; add a line \"" +
                        std::string(name) + " = ...\"");
      }
    }
    return KeysResult(std::make_shared<const ApiKeys>(std::move(keys_)));
  }

 private:
  struct Field {
    std::string_view name;
    Secret* secret;
  };
  std::array<Field, 2> fields() {
    return {{{"access_key", &keys_.access_key}, {"secret_key", &keys_.secret_key}}};
  }
  [[nodiscard]] std::string quoted() const { return "key file \"" + path_ + "\""; }
  [[nodiscard]] Error line_error(const std::string& what) const {
    return bad_keys(quoted() + ", line " + std::to_string(line_) + ": " + what);
  }

  std::optional<Error> read(Secret& text) {
    // Never waits: a pipe is refused below, not read.
    const net::UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return Error{Errc::no_such_file, quoted() + ": " + system_reason(errno)};
    // Judged by the open file, so that nobody can put another in its place in between.
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return bad_keys(quoted() + ": " + system_reason(errno));
    if (!S_ISREG(status.st_mode)) return bad_keys(quoted() + " is not a regular file");
    if (status.st_uid != ::geteuid()) {
      return bad_keys(quoted() + " belongs to another user; copy it to a file of your own");
    }
    if ((status.st_mode & 07777 & ~0600U) != 0) {
      std::array<char, 8> mode;
      std::snprintf(mode.data(), mode.size(), "%04o", status.st_mode & 07777U);
      return bad_keys(quoted() + " has mode " + mode.data() +
                      ", which lets others read it; chmod 600");
    }
    if (status.st_size > static_cast<off_t>(kFileBytesMax)) {
      return bad_keys(quoted() + " is larger than 4096 bytes");
    }
    text = Secret::zeros(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    while (size < text.size()) {
      const ssize_t count = ::read(fd.get(), text.bytes().data() + size, text.size() - size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return bad_keys(quoted() + ": " + system_reason(errno));
      if (count == 0) break;
      size += static_cast<std::size_t>(count);
    }
    text.shrink(size);
    return std::nullopt;
  }

  /// line  without blanks around it.
  std::optional<Error> take_line(std::string_view line) {
    if (line.empty() || line.front() == '#') return std::nullopt;
    const std::size_t equals = line.find('=');
    const std::string_view name = trim(line.substr(0, equals));
    for (const auto& [field, secret] : fields()) {
      if (name != field || equals == std::string_view::npos) continue;
      if (!secret->empty()) return line_error(std::string(field) + " is there twice");
      std::string_view value = trim(line.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      if (const std::string_view fault = fault_of(value); !fault.empty()) {
        return line_error(std::string(field) + " " + std::string(fault));
      }
      *secret = Secret(value);
      return std::nullopt;
    }
    return line_error("neither \"access_key = ...\" nor \"secret_key = ...\"");
  }

  const std::string& path_;
  ApiKeys keys_;
  std::size_t line_ = 0;
};

}  // namespace

KeysResult ApiKeys::from_environment() {
  ApiKeys keys;
  std::string faults;
  const auto load = [&](const char* name, Secret& secret) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as documented
    const std::string_view text = value != nullptr ? trim(value) : std::string_view();
    const std::string_view fault = value == nullptr ? "is not set" : fault_of(text);
    if (fault.empty()) {
      secret = Secret(text);
      return;
    }
    faults += (faults.empty() ? "" : ", ") + std::string(name) + " " + std::string(fault);
  };
  load("UPBIT_ACCESS_KEY", keys.access_key);
  load("UPBIT_SECRET_KEY", keys.secret_key);
  if (!faults.empty()) return bad_keys(faults + "; export both, or use a key file");
  return KeysResult(std::make_shared<const ApiKeys>(std::move(keys)));
}

KeysResult ApiKeys::from_file(const std::string& path) {
  return KeyFile(path).load();
}

bool ApiKeys::usable() const noexcept {
  return fault_of(access_key.reveal()).empty() && fault_of(secret_key.reveal()).empty();
}

}  // namespace upfeed
