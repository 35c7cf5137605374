#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <vector>

#include "sim/fault.hpp"

/// Faults as a command line writes them.
namespace upfeed::sim {
namespace {

using Arguments = std::vector<std::string>;
using Made = std::optional<Fault>;

template <class Number>
std::optional<Number> number(const Arguments& arguments, std::size_t index) {
  if (index >= arguments.size()) return std::nullopt;
  const std::string& text = arguments[index];
  Number value{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ptr != text.data() + text.size() || read.ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

std::string text(const Arguments& arguments, std::size_t index) {
  return index < arguments.size() ? arguments[index] : std::string();
}

std::optional<std::string> from_hex(const std::string& digits) {
  std::string bytes;
  if (digits.empty() || digits.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    unsigned value = 0;
    if (std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16).ptr !=
        digits.data() + i + 2) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

template <Fault (*Make)()>
Made plain(const Arguments& arguments) {
  if (!arguments.empty()) return std::nullopt;
  return Make();
}

template <class Number, Fault (*Make)(Number)>
Made counted(const Arguments& arguments) {
  const auto value = number<Number>(arguments, 0);
  return value ? Made(Make(*value)) : std::nullopt;
}

template <Fault (*Make)(std::chrono::milliseconds)>
Made timed(const Arguments& arguments) {
  const auto value = number<std::int64_t>(arguments, 0);
  return value ? Made(Make(std::chrono::milliseconds(*value))) : std::nullopt;
}

template <Fault (*Make)(std::string)>
Made hex(const Arguments& arguments) {
  auto bytes = from_hex(text(arguments, 0));
  return bytes ? Made(Make(*std::move(bytes))) : std::nullopt;
}

Made certificate(const Arguments& arguments) {
  static constexpr std::array<std::pair<std::string_view, CertificateKind>, 5> kKinds{{
      {"wrong_host", CertificateKind::wrong_host},
      {"expired", CertificateKind::expired},
      {"not_yet_valid", CertificateKind::not_yet_valid},
      {"self_signed", CertificateKind::self_signed},
      {"unknown_ca", CertificateKind::unknown_ca},
  }};
  for (const auto& [name, kind] : kKinds) {
    if (name == text(arguments, 0)) return faults::bad_certificate(kind);
  }
  return std::nullopt;
}

Made refusal(const Arguments& arguments) {
  const auto status = number<unsigned>(arguments, 0);
  if (!status || *status < 200 || *status > 599) return std::nullopt;
  return faults::refuse_upgrade(*status, number<unsigned>(arguments, 1).value_or(0),
                                text(arguments, 2));
}

Made snapshots(const Arguments& arguments) {
  static constexpr std::array<std::pair<std::string_view, SnapshotOrder>, 3> kOrders{{
      {"none", SnapshotOrder::none},
      {"after_realtime", SnapshotOrder::after_realtime},
      {"both_twice", SnapshotOrder::both_twice},
  }};
  for (const auto& [name, order] : kOrders) {
    if (name == text(arguments, 0)) return faults::snapshots(order);
  }
  return std::nullopt;
}

Made mute(const Arguments& arguments) {
  const std::string flag = text(arguments, 2);
  if (!flag.empty() && flag != "snapshots") return std::nullopt;
  return faults::mute(text(arguments, 0), text(arguments, 1), !flag.empty());
}

Made forget(const Arguments& arguments) {
  return faults::forget(text(arguments, 0), text(arguments, 1));
}

Made error(const Arguments& arguments) {
  if (text(arguments, 0).empty()) return std::nullopt;
  return faults::error(text(arguments, 0), text(arguments, 1));
}

Made message(const Arguments& arguments) {
  std::string whole;
  for (const std::string& part : arguments) whole += (whole.empty() ? "" : ",") + part;
  return faults::message(std::move(whole));
}

Made duplicates(const Arguments& arguments) {
  return faults::duplicate_trades(number<unsigned>(arguments, 0).value_or(1));
}

Made swaps(const Arguments& arguments) {
  return faults::swap_trades(number<unsigned>(arguments, 0).value_or(2));
}

struct Entry {
  std::string_view name;
  Made (*make)(const Arguments&);
  std::string_view arguments;
};

constexpr Entry kEntries[] = {
    {"bad_certificate", certificate, "wrong_host|expired|not_yet_valid|self_signed|unknown_ca"},
    {"old_tls", plain<faults::old_tls>, ""},
    {"stall_handshake", plain<faults::stall_handshake>, ""},
    {"garbage_handshake", plain<faults::garbage_handshake>, ""},
    {"reset_accept", plain<faults::reset_accept>, ""},
    {"refuse_upgrade", refusal, "STATUS[,RETRY_AFTER_S[,BODY]]"},
    {"stall_upgrade", plain<faults::stall_upgrade>, ""},
    {"wrong_accept", plain<faults::wrong_accept>, ""},
    {"drop", plain<faults::drop>, ""},
    {"reset", plain<faults::reset>, ""},
    {"fin_mid_frame", plain<faults::fin_mid_frame>, ""},
    {"freeze", plain<faults::freeze>, ""},
    {"delay", timed<faults::delay>, "MS"},
    {"segments", counted<std::size_t, faults::segments>, "BYTES"},
    {"records", counted<std::size_t, faults::records>, "BYTES"},
    {"batch", timed<faults::batch>, "MS"},
    {"fragments", counted<std::size_t, faults::fragments>, "BYTES"},
    {"bytes", hex<faults::bytes>, "HEX"},
    {"raw_bytes", hex<faults::raw_bytes>, "HEX"},
    {"garbage_frame", plain<faults::garbage_frame>, ""},
    {"garbage_record", plain<faults::garbage_record>, ""},
    {"oversize_frame", counted<std::size_t, faults::oversize_frame>, "BYTES"},
    {"lying_length", counted<std::uint64_t, faults::lying_length>, "BYTES"},
    {"slow_message", timed<faults::slow_message>, "MS_PER_BYTE"},
    {"empty_fragments", counted<std::size_t, faults::empty_fragments>, "COUNT"},
    {"ping_flood", counted<std::size_t, faults::ping_flood>, "COUNT"},
    {"ignore_closes", plain<faults::ignore_closes>, ""},
    {"ignore_pings", plain<faults::ignore_pings>, ""},
    {"close", counted<std::uint16_t, faults::close>, "CODE"},
    {"error", error, "NAME[,MESSAGE]"},
    {"message", message, "TEXT"},
    {"mute", mute, "[TYPE][,[CODE][,snapshots]]"},
    {"forget", forget, "[TYPE][,CODE]"},
    {"flood", counted<std::size_t, faults::flood>, "COUNT"},
    {"snapshots", snapshots, "none|after_realtime|both_twice"},
    {"duplicate_trades", duplicates, "[EVERY]"},
    {"swap_trades", swaps, "[EVERY]"},
    {"microseconds", plain<faults::microseconds>, ""},
    {"shift_times", timed<faults::shift_times>, "MS"},
    {"cross_books", plain<faults::cross_books>, ""},
};

Arguments split(std::string_view text) {
  Arguments parts;
  for (;;) {
    const std::size_t end = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::variant<Fault, std::string> parse_fault(std::string_view whole) {
  const std::size_t colon = std::min(whole.find(':'), whole.size());
  const std::string_view head = whole.substr(0, colon);
  const std::size_t at = std::min(head.find('@'), head.size());
  const std::string_view name = head.substr(0, at);
  const auto* const entry = std::find_if(std::begin(kEntries), std::end(kEntries),
                                         [&](const Entry& it) { return it.name == name; });
  if (entry == std::end(kEntries)) {
    std::string names;
    for (const Entry& it : kEntries) names += (names.empty() ? "" : ", ") + std::string(it.name);
    return "no fault is called \"" + std::string(name) + "\"; there are " + names;
  }
  double seconds = 0;
  if (at < head.size()) {
    const std::string_view time = head.substr(at + 1);
    const auto read = std::from_chars(time.data(), time.data() + time.size(), seconds);
    if (time.empty() || read.ptr != time.data() + time.size() || !(seconds >= 0)) {
      return "\"" + std::string(time) + "\" is no number of seconds";
    }
  }
  const bool has_arguments = colon < whole.size();
  Made fault = entry->make(has_arguments ? split(whole.substr(colon + 1)) : Arguments{});
  if (!fault) {
    return "write " + std::string(name) + "[@SECONDS]" +
           (entry->arguments.empty() ? std::string() : ":" + std::string(entry->arguments));
  }
  fault->after = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  return *std::move(fault);
}

}  // namespace upfeed::sim
