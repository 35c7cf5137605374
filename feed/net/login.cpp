#include "net/login.hpp"

#include <algorithm>

namespace upfeed::net {
namespace {

constexpr std::string_view kExchangeDomain = ".upbit.com";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// Nothing but a host name before the domain: the text comes from a configuration.
bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

}  // namespace

bool may_receive_keys(std::string_view host, std::string_view keys_host) noexcept {
  if (!keys_host.empty() && same_name(host, keys_host)) return true;
  if (host.size() <= kExchangeDomain.size()) return false;
  const std::size_t label_bytes = host.size() - kExchangeDomain.size();
  return is_name(host.substr(0, label_bytes)) &&
         same_name(host.substr(label_bytes), kExchangeDomain);
}

NetError check_login(const Login& login, const std::string& host) {
  NetError error;
  if (login.keys == nullptr) return error;
  if (!may_receive_keys(host, login.keys_host)) {
    error.detail = "keys are not meant for " + host;
  } else if (!login.keys->usable()) {
    error.detail = "access_key or secret_key is empty or malformed, or was loaded before a fork()";
  }
  if (!error.detail.empty()) error.code = NetErrc::bad_request;
  return error;
}

}  // namespace upfeed::net
