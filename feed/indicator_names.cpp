#include "indicator_names.hpp"

#include <simdjson.h>

namespace upfeed::detail {

Result<std::vector<std::string>> indicator_names(std::string_view json) {
  const Error problem{Errc::bad_option,
                      "indicators_json is " + std::string(json) +
                          R"(: must be a list like [{"type":"rsi","params":{"period":14}}])"};
  std::vector<std::string> names;
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (parser.parse(simdjson::padded_string(json)).get_array().get(list)) return problem;
  for (const simdjson::dom::element element : list) {
    std::string_view type;
    if (element["type"].get_string().get(type)) return problem;
    names.emplace_back(type);
  }
  if (names.empty()) return problem;
  return names;
}

}  // namespace upfeed::detail
