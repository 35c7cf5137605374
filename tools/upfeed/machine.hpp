#pragma once

#include <string>
#include <vector>

namespace upfeed::program {

class JsonWriter;

/// What a measurement was taken on and with. Every text may be empty where the system does not say.
struct Machine {
  std::string cpu;          ///< model name
  unsigned cores = 0;       ///< that this process may use
  std::string kernel;       ///< release
  bool is_virtual = false;  ///< a hypervisor shares the cores out
  std::string governor;     ///< of the first core's clock
  std::string compiler;
  std::string build;            ///< "optimised, no assertions", or what is wrong with it
  std::string version;          ///< of upfeed
  std::string date;             ///< UTC, when it was read
  double load = 0;              ///< average of the last minute, when it was read
  bool build_measures = false;  ///< an optimised build without assertions and sanitizers

  [[nodiscard]] static Machine read();
  /// One line for people.
  [[nodiscard]] std::string text() const;
  /// What makes measurements on it doubtful, one line each.
  [[nodiscard]] std::vector<std::string> warnings() const;
};

/// One JSON object.
void append_json(const Machine& machine, JsonWriter& json);

}  // namespace upfeed::program
