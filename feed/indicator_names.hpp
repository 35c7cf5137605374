#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "upfeed/errc.hpp"

namespace upfeed::detail {

/// The types named in a list of indicators as the exchange has it:
/// [{"type":"rsi","params":{...}},...].
/// errors  bad_option: not such a list, or an empty one.
[[nodiscard]] Result<std::vector<std::string>> indicator_names(std::string_view json);

}  // namespace upfeed::detail
