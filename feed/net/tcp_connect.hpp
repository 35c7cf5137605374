// Address list to connected socket: each address in turn, each with a deadline of its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/net_error.hpp"
#include "net/resolver.hpp"
#include "net/unique_fd.hpp"
#include "net/wait.hpp"

namespace upfeed::net {

/// fd     the non-blocking socket of the first address that answered; peer names that address.
/// errors that of the last address tried (the detail lists all): connect_refused, connect_timeout,
///        unreachable, io_error; at once: cancelled, out_of_descriptors.
/// overall  bounds the whole list; each address gets at most per_address of it.
[[nodiscard]] NetError connect_to_any(const std::vector<SocketAddress>& addresses,
                                      std::chrono::milliseconds per_address, Limits overall,
                                      UniqueFd& fd, std::string& peer);

}  // namespace upfeed::net
