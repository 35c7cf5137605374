#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "upfeed/config.hpp"

namespace upfeed::detail {

/// A bad field of a FeedConfig.
struct FieldProblem {
  std::string_view field;    ///< member, e.g. "endpoint.port"
  std::string value;         ///< as text
  std::string_view allowed;  ///< goes on after "must be"
};

/// What FeedConfig::validate() says, in parts, for those who call the fields otherwise.
[[nodiscard]] std::vector<FieldProblem> find_problems(const FeedConfig& config);

}  // namespace upfeed::detail
