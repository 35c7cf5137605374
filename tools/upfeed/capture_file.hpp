#pragma once

// Everything a captured file holds, in its order and under one shape, for the commands that look at
// files: of .upcap every record, of text every frame, and of both the pieces that are damaged.
//
// A feed replays frames (upfeed/capture.hpp); here also requests, states, losses and places matter.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "capture/upcap_reader.hpp"
#include "progress.hpp"
#include "upfeed/capture.hpp"

namespace upfeed::program {

enum class CaptureItemKind : std::uint8_t {
  frame,
  request,
  status,
  loss,
  unknown,  ///< a record that a younger version wrote
  damage,
  end
};

struct CaptureItem {
  CaptureItemKind kind = CaptureItemKind::end;
  /// Not of damage and end. Of text only the payload and the wall time say something. Valid until
  /// the next item; kCapturePadding readable bytes behind its payload.
  capture::CaptureRecord record{};
  std::uint64_t number = 0;        ///< of the record or line in its file, from 1
  std::uint64_t offset_bytes = 0;  ///< .upcap, unpacked: its block, or where the damage begins
  std::optional<std::uint64_t> lost_records{};  ///< damage of .upcap; empty: cannot be told
  std::string_view reason{};                    ///< damage; for a person
  bool torn = false;                            ///< damage: the file ends within it
};

/// What a file says about itself; of text it grows while the file is read.
struct CaptureAbout {
  CaptureKind kind = CaptureKind::json_lines;
  std::string packing;  ///< "none", "gzip", "zstd": of the file as a whole
  std::string endpoint;
  // What only .upcap says.
  std::uint32_t version = 0;
  std::string library_version;
  std::int64_t opened_unix_ns = 0;
  std::int64_t opened_mono_ns = 0;
  std::uint64_t recording_id = 0;  ///< the same in all files of one recording
  std::uint32_t file_number = 0;   ///< within its recording
  bool closed = false;             ///< known at the end: its recorder ended it
  // What only text says.
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
};

/// Reads from start to end. Move-only.
class CaptureFile {
 public:
  /// errors  as CaptureReader::open(), and an .upcap file in a pipe.
  [[nodiscard]] static Result<CaptureFile> open(const std::string& path);

  [[nodiscard]] CaptureItem next();
  /// Passes over records before that wall time where the file has places; else does nothing.
  void seek(std::int64_t unix_ns);
  [[nodiscard]] CaptureAbout about() const;
  [[nodiscard]] CaptureKind kind() const;
  /// How far it was read, as it is stored.
  [[nodiscard]] ReadPosition position() const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// "record 17 at offset 4096", "line 17"
  [[nodiscard]] std::string place(const CaptureItem& item) const;

 private:
  using Reader = std::variant<CaptureReader, capture::UpcapReader>;
  CaptureFile(std::string path, std::string_view packing, Reader reader)
      : path_(std::move(path)), packing_(packing), reader_(std::move(reader)) {}
  static CaptureItem next(CaptureReader& reader);
  static CaptureItem next(capture::UpcapReader& reader);

  std::string path_;
  std::string packing_;
  Reader reader_;
};

}  // namespace upfeed::program
