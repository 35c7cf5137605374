#include "capture/upcap_writer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <random>
#include <system_error>
#include <utility>

#include "capture/block_packer.hpp"
#include "upfeed/assert.hpp"

namespace upfeed::capture {
namespace {

constexpr mode_t kOwnerOnly = 0600;  // private streams are recorded too
/// Files that other recordings of the same second have left, at most.
constexpr int kNamesTried = 1000;

std::string reason(int error) {
  return std::generic_category().message(error);
}

std::string utc_text(std::int64_t unix_ns) {
  using namespace std::chrono;
  const sys_seconds time{floor<seconds>(nanoseconds{unix_ns})};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 40> text;
  const int size = std::snprintf(
      text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string numbered(std::uint32_t number) {
  std::array<char, 16> text;
  const int size = std::snprintf(text.data(), text.size(), "%06u", number);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::uint64_t random_id() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

/// Room comes back; anything else than its want means that this file is not to be trusted.
bool is_want_of_room(int error) {
  return error == ENOSPC || error == EDQUOT;
}

/// Another folder or name is the way out of some errors; of others it is not.
Errc code_of(int error) {
  constexpr std::array<int, 8> kOfTheName{ENOENT, ENOTDIR, EACCES,       EPERM,
                                          EROFS,  EISDIR,  ENAMETOOLONG, ELOOP};
  const bool found = std::find(kOfTheName.begin(), kOfTheName.end(), error) != kOfTheName.end();
  return found ? Errc::bad_config : Errc::system;
}

}  // namespace

const CaptureCalls kSystemCaptureCalls{
    .write_at = ::pwrite, .truncate = ::ftruncate, .sync = ::fdatasync};

class CaptureWriter::Impl {
 public:
  explicit Impl(CaptureWriterConfig given)
      : config_(std::move(given)),
        block_(config_.block_bytes, config_.compress ? config_.zstd_level : 0) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    try {
      static_cast<void>(close(last_));
    } catch (...) {
      // No memory: the file ends with its last whole block.
    }
    if (file_ >= 0) ::close(file_);
    if (lock_ >= 0) ::close(lock_);
  }

  Status start(CaptureNow now);
  void append(const CaptureRecord& record);
  void add_loss(const Loss& loss) noexcept;
  void step(CaptureNow now);
  void flush(CaptureNow now);
  Status close(CaptureNow now);

  CaptureWriterState state_ = CaptureWriterState::recording;
  std::string error_;
  CaptureWriterStats stats_;
  std::string path_;
  bool out_of_room_ = false;
  bool in_a_hurry_ = false;

 private:
  Status lock();
  /// false: failing, error_ says why.
  bool open_file(CaptureNow now);
  bool write_file_header(CaptureNow now);
  void close_file();
  bool write_block(CaptureNow now);
  bool write_at_end(std::span<const char> bytes);
  bool sync();
  void look_for_file();
  void rotate_if_due(CaptureNow now, std::size_t next_bytes);
  void note_loss(CaptureNow now);
  bool fail(std::string_view call, int error);
  [[nodiscard]] bool fits(std::size_t record_bytes) const noexcept {
    return block_.empty() || block_.payload_bytes() + record_bytes <= config_.block_bytes;
  }
  [[nodiscard]] bool may_try(CaptureNow now) const noexcept {
    return state_ == CaptureWriterState::recording || now.mono_ns >= retry_at_mono_ns_;
  }

  const CaptureWriterConfig config_;
  BlockPacker block_;
  std::vector<IndexEntry> index_;  ///< of the present file
  int lock_ = -1;
  int file_ = -1;
  bool file_broken_ = false;  ///< no more may be written to it
  std::uint64_t file_bytes_ = 0;
  std::uint64_t file_id_ = 0;
  std::uint64_t recording_id_ = 0;
  std::uint64_t file_records_ = 0;
  std::uint64_t file_payload_bytes_ = 0;
  std::uint32_t file_number_ = 0;
  std::int64_t file_opened_mono_ns_ = 0;
  std::int64_t retry_at_mono_ns_ = 0;
  int failed_with_ = 0;  ///< errno of the last failure
  Loss loss_;            ///< not yet in a loss record
  std::uint64_t notes_in_block_ = 0;
  CaptureNow last_;
};

Status CaptureWriter::Impl::start(CaptureNow now) {
  last_ = now;
  if (config_.folder.empty()) return Error{Errc::bad_config, "capture: no folder is named"};
  if (config_.name.empty() || config_.name.find('/') != std::string::npos) {
    return Error{Errc::bad_config, "capture: name \"" + config_.name + "\" is empty or has a /"};
  }
  if (config_.block_bytes == 0 || config_.block_bytes > kRecordBytesMax) {
    return Error{Errc::bad_config, "capture: block_bytes must be 1 to 8 MiB"};
  }
  if (const Status locked = lock(); !locked) return locked.error();
  recording_id_ = random_id();
  if (!open_file(now)) return Error{code_of(failed_with_), "capture: " + error_};
  return Done{};
}

Status CaptureWriter::Impl::lock() {
  const std::string path = config_.folder + "/." + config_.name + ".lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  if (lock_ < 0) return Error{code_of(errno), "capture: open \"" + path + "\": " + reason(errno)};
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return Done{};
  if (errno != EWOULDBLOCK) {
    return Error{Errc::system, "capture: flock \"" + path + "\": " + reason(errno)};
  }
  return Error{Errc::bad_config, "capture: another recording writes \"" + config_.name +
                                     "\" to \"" + config_.folder +
                                     "\"; give this one another name"};
}

bool CaptureWriter::Impl::fail(std::string_view call, int error) {
  state_ = CaptureWriterState::failing;
  ++stats_.failures;
  failed_with_ = error;
  out_of_room_ = is_want_of_room(error);
  retry_at_mono_ns_ = last_.mono_ns + config_.retry_interval_ns;
  error_ = std::string(call) + " \"" + path_ + "\": " + reason(error);
  return false;
}

bool CaptureWriter::Impl::open_file(CaptureNow now) {
  const std::string start = config_.folder + "/" + config_.name + "-" + utc_text(now.unix_ns) + "-";
  for (int tries = 0; file_ < 0; ++tries) {
    path_ = start + numbered(file_number_) + ".upcap";
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
    if (file_ >= 0) break;
    if (errno != EEXIST || tries == kNamesTried) {
      fail("open", errno);
      path_.clear();
      return false;
    }
    ++file_number_;
  }
  return write_file_header(now);
}

bool CaptureWriter::Impl::write_file_header(CaptureNow now) {
  file_bytes_ = 0;
  file_records_ = 0;
  file_payload_bytes_ = 0;
  file_broken_ = false;
  file_id_ = random_id();
  file_opened_mono_ns_ = now.mono_ns;
  index_.clear();
  std::vector<char> bytes;
  put_file_header({.file_id = file_id_,
                   .opened_unix_ns = now.unix_ns,
                   .opened_mono_ns = now.mono_ns,
                   .file_number = file_number_,
                   .recording_id = recording_id_,
                   .endpoint = config_.endpoint,
                   .library_version = UPFEED_VERSION_TEXT},
                  bytes);
  if (!write_at_end(bytes)) {
    // A file without a header is no capture; the next try makes a new one.
    ::unlink(path_.c_str());
    ::close(std::exchange(file_, -1));
    path_.clear();
    return false;
  }
  ++file_number_;
  ++stats_.files;
  state_ = CaptureWriterState::recording;
  return true;
}

bool CaptureWriter::Impl::write_at_end(std::span<const char> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = config_.calls.write_at(file_, bytes.data() + done, bytes.size() - done,
                                                 static_cast<off_t>(file_bytes_ + done));
    if (count > 0) {
      done += static_cast<std::size_t>(count);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    const int error = count < 0 ? errno : EIO;
    file_broken_ = !is_want_of_room(error);
    fail("write", error);
    if (config_.calls.truncate(file_, static_cast<off_t>(file_bytes_)) != 0) file_broken_ = true;
    return false;
  }
  file_bytes_ += bytes.size();
  stats_.bytes += bytes.size();
  return true;
}

bool CaptureWriter::Impl::sync() {
  if (config_.calls.sync(file_) == 0) return true;
  // What the system could not keep may be gone from its cache as well: never ask twice.
  file_broken_ = true;
  return fail("sync", errno);
}

bool CaptureWriter::Impl::write_block(CaptureNow now) {
  if (block_.empty()) return true;
  if (!may_try(now)) return false;
  if (file_broken_) close_file();
  if (file_ < 0 && !open_file(now)) return false;
  const std::uint64_t offset = file_bytes_;
  if (!write_at_end(block_.pack(file_id_, file_records_, in_a_hurry_))) return false;
  index_.push_back({.offset_bytes = offset,
                    .first_record = file_records_,
                    .record_count = block_.record_count(),
                    .earliest_unix_ns = block_.earliest_unix_ns(),
                    .latest_unix_ns = block_.latest_unix_ns()});
  file_records_ += block_.record_count();
  file_payload_bytes_ += block_.payload_bytes() - block_.record_count() * kRecordHeaderBytes;
  ++stats_.blocks;
  block_.clear();
  notes_in_block_ = 0;
  state_ = CaptureWriterState::recording;
  if (config_.sync == CaptureSync::on_block && !sync()) return false;
  look_for_file();
  return true;
}

/// A file that somebody has removed goes on taking data, and nobody will ever read it.
void CaptureWriter::Impl::look_for_file() {
  struct stat info {};
  if (::fstat(file_, &info) != 0 || info.st_nlink != 0) return;
  ++stats_.failures;
  error_ = "\"" + path_ + "\" was removed while it was written";
  file_broken_ = true;  // the next block begins another
  stats_.records -= file_records_;
  add_loss({.records = file_records_,
            .payload_bytes = file_payload_bytes_,
            .first_unix_ns = index_.front().earliest_unix_ns,
            .last_unix_ns = index_.back().latest_unix_ns});
}

void CaptureWriter::Impl::close_file() {
  if (file_ < 0) return;
  if (!file_broken_ && index_.size() * kIndexEntryBytes + kIndexTailBytes <= kBlockBytesMax) {
    std::vector<char> bytes;
    put_index_block(index_, file_id_, file_bytes_, bytes);
    write_at_end(bytes);  // the file is whole without it
  }
  if (!file_broken_ && config_.sync != CaptureSync::never) sync();
  ::close(std::exchange(file_, -1));
  file_broken_ = false;
  path_.clear();
}

void CaptureWriter::Impl::rotate_if_due(CaptureNow now, std::size_t next_bytes) {
  if (file_ < 0 || index_.empty() || state_ != CaptureWriterState::recording) return;
  const bool large = config_.rotate_bytes != 0 && file_bytes_ + next_bytes > config_.rotate_bytes;
  const bool old = config_.rotate_interval_ns != 0 &&
                   now.mono_ns - file_opened_mono_ns_ >= config_.rotate_interval_ns;
  if (!large && !old) return;
  close_file();
  open_file(now);
}

void CaptureWriter::Impl::flush(CaptureNow now) {
  last_ = now;
  if (block_.empty() || state_ == CaptureWriterState::closed) return;
  rotate_if_due(now, kBlockHeaderBytes + block_.payload_bytes());
  write_block(now);
}

void CaptureWriter::Impl::note_loss(CaptureNow now) {
  const std::array<char, kLossBytes> payload = put_loss(std::exchange(loss_, {}));
  block_.add({.type = RecordType::loss,
              .direction = RecordDirection::none,
              .mono_ns = now.mono_ns,
              .unix_ns = now.unix_ns,
              .payload = payload});
  ++notes_in_block_;
}

void CaptureWriter::Impl::append(const CaptureRecord& record) {
  last_ = {.mono_ns = record.mono_ns, .unix_ns = record.unix_ns};
  const std::size_t size = kRecordHeaderBytes + record.payload.size();
  if (!fits(size)) flush(last_);
  // Once something was lost, all is until the disk takes the block: one gap, not many.
  const bool gap = loss_.records != 0 && state_ == CaptureWriterState::failing;
  if (state_ == CaptureWriterState::closed || size > kRecordBytesMax || gap || !fits(size)) {
    add_loss({.records = 1,
              .payload_bytes = record.payload.size(),
              .first_unix_ns = record.unix_ns,
              .last_unix_ns = record.unix_ns});
    return;
  }
  if (loss_.records != 0) note_loss(last_);
  block_.add(record);
  ++stats_.records;
  if (block_.payload_bytes() >= config_.block_bytes) flush(last_);
}

void CaptureWriter::Impl::add_loss(const Loss& loss) noexcept {
  if (loss_.records == 0) loss_.first_unix_ns = loss.first_unix_ns;
  loss_.last_unix_ns = loss.last_unix_ns;
  loss_.records += loss.records;
  loss_.payload_bytes += loss.payload_bytes;
  stats_.records_lost += loss.records;
  stats_.bytes_lost += loss.payload_bytes;
}

void CaptureWriter::Impl::step(CaptureNow now) {
  last_ = now;
  if (state_ == CaptureWriterState::closed) return;
  if (loss_.records != 0 && state_ == CaptureWriterState::recording) note_loss(now);
  if (!block_.empty() && now.mono_ns - block_.first_mono_ns() >= config_.flush_interval_ns) {
    flush(now);
  }
  if (block_.empty()) rotate_if_due(now, 0);
}

Status CaptureWriter::Impl::close(CaptureNow now) {
  if (state_ == CaptureWriterState::closed) return Done{};
  retry_at_mono_ns_ = now.mono_ns;  // the last chance
  flush(now);
  if (loss_.records != 0 && block_.empty()) {
    note_loss(now);
    flush(now);
  }
  const std::uint64_t unwritten = block_.record_count() - notes_in_block_;
  stats_.records -= unwritten;
  stats_.records_lost += unwritten;
  if (unwritten != 0) {
    stats_.bytes_lost += block_.payload_bytes() - block_.record_count() * kRecordHeaderBytes -
                         notes_in_block_ * kLossBytes;
  }
  const std::uint64_t failures = stats_.failures;
  close_file();
  if (lock_ >= 0) ::close(std::exchange(lock_, -1));
  const bool failed = !block_.empty() || stats_.failures != failures;
  state_ = CaptureWriterState::closed;
  if (failed) return Error{Errc::system, "capture: " + error_};
  return Done{};
}

CaptureWriter::CaptureWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CaptureWriter::CaptureWriter(CaptureWriter&&) noexcept = default;
CaptureWriter& CaptureWriter::operator=(CaptureWriter&&) noexcept = default;
CaptureWriter::~CaptureWriter() = default;

Result<CaptureWriter> CaptureWriter::open(CaptureWriterConfig config, CaptureNow now) {
  auto impl = std::make_unique<Impl>(std::move(config));
  if (const Status started = impl->start(now); !started) return started.error();
  return CaptureWriter(std::move(impl));
}

void CaptureWriter::append(const CaptureRecord& record) {
  impl_->append(record);
}
void CaptureWriter::add_loss(const Loss& loss) {
  impl_->add_loss(loss);
}
void CaptureWriter::step(CaptureNow now) {
  impl_->step(now);
}
void CaptureWriter::hurry(bool needed) noexcept {
  impl_->in_a_hurry_ = needed;
}
void CaptureWriter::flush(CaptureNow now) {
  impl_->flush(now);
}
Status CaptureWriter::close(CaptureNow now) {
  return impl_->close(now);
}
CaptureWriterState CaptureWriter::state() const noexcept {
  return impl_->state_;
}
bool CaptureWriter::out_of_room() const noexcept {
  return impl_->out_of_room_;
}
const std::string& CaptureWriter::error() const noexcept {
  return impl_->error_;
}
const CaptureWriterStats& CaptureWriter::stats() const noexcept {
  return impl_->stats_;
}
const std::string& CaptureWriter::path() const noexcept {
  return impl_->path_;
}

}  // namespace upfeed::capture
