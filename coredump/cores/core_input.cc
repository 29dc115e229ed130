#include "coredump/cores/core_input.h"

#include "base/descriptor.h"
#include "base/sparse_file.h"
#include "coredump/compression.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::size_t BUFFER = 1 << 20;

// Bytes of a descriptor, one buffer at a time.
class Source {
 public:
  explicit Source(int descriptor) : descriptor_(descriptor), buffer_(BUFFER) {}

  // What has been read and not been consumed. Reads when that is nothing, or shorter than `wanted`.
  Result<Bytes> peek(std::size_t wanted = 1) {
    while (!at_end_ && end_ - begin_ < wanted) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= std::exchange(begin_, 0);
      const ssize_t size = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0)
        return failure(fmt::format("reading at offset {}: {}", consumed_ + end_, std::strerror(errno)));
      at_end_ = size == 0;
      end_ += static_cast<std::size_t>(size);
    }
    return Bytes(buffer_).subspan(begin_, end_ - begin_);
  }
  void consume(std::size_t size) {
    begin_ += size;
    consumed_ += size;
  }
  bool at_end() const { return at_end_; }
  std::uint64_t consumed() const { return consumed_; }

 private:
  int descriptor_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t consumed_ = 0;
  bool at_end_ = false;
};

class ProgressReport {
 public:
  ProgressReport(const OpenOptions& options, std::string what, std::uint64_t total)
      : report_(options.progress), what_(std::move(what)), total_(total), next_(Clock::now() + INTERVAL) {}

  void update(std::uint64_t done) {
    if (!report_ || Clock::now() < next_) return;
    next_ = Clock::now() + INTERVAL;
    report_(what_, total_ == 0 ? -1 : static_cast<double>(done) / static_cast<double>(total_));
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds INTERVAL{200};

  const std::function<void(const std::string&, double)>& report_;
  std::string what_;
  std::uint64_t total_;
  Clock::time_point next_;
};

Result<void> copy_stream(Source& source, SparseFile& file, ProgressReport& progress) {
  while (true) {
    const auto input = source.peek();
    if (!input) return std::unexpected(input.error());
    if (input->empty()) return {};
    if (auto done = file.append(*input); !done) return done;
    source.consume(input->size());
    progress.update(source.consumed());
  }
}

// A broken stream ends the work early: what came out of it stays, and `notes` says where it broke.
Result<void> decompress_stream(const Compression& compression, Source& source, SparseFile& file,
                               ProgressReport& progress, std::vector<Note>& notes) {
  const auto decompressor = compression.make_decompressor();
  std::vector<std::uint8_t> output(BUFFER);
  const auto broken = [&](const std::string& problem) {
    notes.push_back({Severity::WARNING,
                     fmt::format("the {} stream is broken at offset {} ({}); {} bytes came out of it",
                                 compression.name, source.consumed(), problem, file.size()),
                     ""});
  };
  while (true) {
    const auto input = source.peek();
    if (!input) return std::unexpected(input.error());
    const auto step = decompressor->step(*input, output, source.at_end());
    source.consume(step.consumed);
    if (auto done = file.append(Bytes(output).first(step.produced)); !done) return done;
    progress.update(source.consumed());
    if (!step.problem.empty()) {
      broken(step.problem);
      return {};
    }
    if (step.consumed == 0 && step.produced == 0) break;
  }
  const auto rest = source.peek();
  if (!decompressor->is_complete()) {
    broken("it ends in the middle");
  } else if (rest && !rest->empty()) {
    broken("something else follows");
  }
  return {};
}

Result<std::shared_ptr<const MappedFile>> unpack(int descriptor, std::uint64_t size, const std::string& name,
                                                 const OpenOptions& options, std::vector<Note>& notes) {
  constexpr std::size_t longest_magic = 6;
  Source source(descriptor);
  const auto beginning = source.peek(longest_magic);
  if (!beginning) return std::unexpected(beginning.error());
  const Compression* compression = recognize_compression(*beginning);
  auto file = SparseFile::create();
  if (!file) return std::unexpected(std::move(file).error());
  ProgressReport progress(options, fmt::format("{} {}", compression ? "unpacking" : "reading", name), size);
  const auto done = compression ? decompress_stream(*compression, source, *file, progress, notes)
                                : copy_stream(source, *file, progress);
  if (!done) return std::unexpected(done.error());
  if (auto finished = file->finish(); !finished) return std::unexpected(finished.error());
  if (file->size() == 0 && !notes.empty()) return failure(notes.back().text, "copy the file again");
  return MappedFile::from_descriptor(file->descriptor(), name, MappedFile::Access::SPARSE);
}

Result<std::shared_ptr<const MappedFile>> open_descriptor(int descriptor, const std::string& name,
                                                          const OpenOptions& options,
                                                          std::vector<Note>& notes) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return failure(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return failure("is a directory, not a core", "name the core file inside it");
  if (::isatty(descriptor) == 1)
    return failure("is a terminal, not a core", "pipe a core into it, or name a file");
  const bool is_stream = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
  if (!S_ISREG(status.st_mode) && !is_stream) return failure("is neither a file nor a pipe");

  // A file whose descriptor was moved on (a shell's <) starts in the middle: then it is read as a pipe is.
  const bool is_mappable = S_ISREG(status.st_mode) && ::lseek(descriptor, 0, SEEK_CUR) == 0;
  if (is_mappable) {
    std::uint8_t beginning[6];
    const ssize_t size = ::pread(descriptor, beginning, sizeof(beginning), 0);
    const bool is_compressed =
        size > 0 && recognize_compression(Bytes(beginning, static_cast<std::size_t>(size))) != nullptr;
    if (!is_compressed) return MappedFile::from_descriptor(descriptor, name, MappedFile::Access::SPARSE);
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  const std::uint64_t size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  return unpack(descriptor, size, name, options, notes);
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> open_core_input(const std::string& path, const OpenOptions& options,
                                                          std::vector<Note>& notes) {
  const std::string name = path == "-" ? "standard input" : path;
  const auto in_place = [&name](Result<std::shared_ptr<const MappedFile>> file) {
    // Mapped files name themselves in their errors.
    if (file || file.error().message.starts_with(name)) return file;
    return Result<std::shared_ptr<const MappedFile>>(std::unexpected(std::move(file).error().within(name)));
  };
  if (path == "-") return in_place(open_descriptor(STDIN_FILENO, name, options, notes));
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!descriptor) {
    const int code = errno;
    std::string hint;
    if (code == EACCES) hint = "cores belong to the user of the process: run as that user or as root";
    if (code == ENOENT) hint = "check the path; coredumpctl lists the cores that systemd keeps";
    return failure(fmt::format("{}: {}", path, std::strerror(code)), hint);
  }
  return in_place(open_descriptor(descriptor.get(), name, options, notes));
}

}  // namespace standstill
