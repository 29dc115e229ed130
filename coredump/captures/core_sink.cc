#include "coredump/captures/core_sink.h"

#include "base/sparse_file.h"
#include "coredump/compression.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace standstill {
namespace {

constexpr std::size_t BUFFER = 1 << 20;

// Zeros for sinks that have no holes.
Result<void> append_zeros(CoreSink& sink, std::uint64_t size) {
  static constexpr std::array<std::uint8_t, 64 * 1024> zeros{};
  while (size != 0) {
    const Bytes part = clipped(zeros, 0, size);
    if (auto done = sink.append(part); !done) return done;
    size -= part.size();
  }
  return {};
}

// Headers and small pages are gathered: a write for each would be most of the work.
class FileSink : public CoreSink {
 public:
  explicit FileSink(SparseFile file) : file_(std::move(file)) { buffer_.reserve(BUFFER); }

  Result<void> append(Bytes bytes) override {
    if (bytes.size() > BUFFER - buffer_.size()) {
      if (auto done = flush(); !done) return done;
    }
    if (bytes.size() >= BUFFER) return file_.append(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> skip(std::uint64_t size) override {
    if (auto done = flush(); !done) return done;
    file_.skip(size);
    return {};
  }
  Result<void> finish() override {
    if (auto done = flush(); !done) return done;
    if (auto done = file_.finish(); !done) return done;
    if (auto done = file_.publish(); !done) return done;
    struct stat status{};
    if (::fstat(file_.descriptor(), &status) == 0)
      stored_ = std::min<std::uint64_t>(static_cast<std::uint64_t>(status.st_blocks) * 512, file_.size());
    return {};
  }
  std::uint64_t stored_bytes() const override { return stored_; }

 private:
  Result<void> flush() {
    const auto done = file_.append(buffer_);
    buffer_.clear();
    return done;
  }

  SparseFile file_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t stored_ = 0;
};

class CompressingSink : public CoreSink {
 public:
  CompressingSink(const Compression& compression, SparseFile file)
      : name_(compression.name), compressor_(compression.make_compressor()), file_(std::move(file)) {}

  Result<void> append(Bytes bytes) override { return step(bytes, false); }
  Result<void> skip(std::uint64_t size) override { return append_zeros(*this, size); }
  Result<void> finish() override {
    if (auto done = step({}, true); !done) return done;
    if (auto done = file_.append(std::exchange(output_, {})); !done) return done;
    if (auto done = file_.finish(); !done) return done;
    return file_.publish();
  }
  std::uint64_t stored_bytes() const override { return file_.size(); }

 private:
  Result<void> step(Bytes bytes, bool is_last) {
    if (compressor_ == nullptr || !compressor_->step(bytes, is_last, output_))
      return failure(fmt::format("{} cannot compress: not enough memory", name_));
    if (output_.size() < BUFFER) return {};
    const auto done = file_.append(output_);
    output_.clear();
    return done;
  }

  const char* name_;
  std::unique_ptr<Compressor> compressor_;
  SparseFile file_;
  std::vector<std::uint8_t> output_;
};

class StreamSink : public CoreSink {
 public:
  explicit StreamSink(int descriptor) : descriptor_(descriptor) { buffer_.reserve(BUFFER); }

  Result<void> append(Bytes bytes) override {
    if (bytes.size() > BUFFER - buffer_.size()) {
      if (auto done = flush(); !done) return done;
    }
    if (bytes.size() >= BUFFER) return write(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> skip(std::uint64_t size) override { return append_zeros(*this, size); }
  Result<void> finish() override { return flush(); }
  std::uint64_t stored_bytes() const override { return 0; }

 private:
  Result<void> flush() {
    const auto done = write(buffer_);
    buffer_.clear();
    return done;
  }
  Result<void> write(Bytes bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0)
        return failure(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
  }

  int descriptor_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace

Result<std::unique_ptr<CoreSink>> open_core_sink(const std::string& path) {
  if (path == "-") {
    if (::isatty(STDOUT_FILENO) == 1)
      return failure("a core is a binary file, which a terminal cannot show", "name a file with: -o FILE");
    return std::make_unique<StreamSink>(STDOUT_FILENO);
  }
  auto file = SparseFile::create_for(path);
  if (!file) return std::unexpected(std::move(file).error());
  if (const Compression* compression = find_compression_by_name(path))
    return std::make_unique<CompressingSink>(*compression, std::move(*file));
  return std::make_unique<FileSink>(std::move(*file));
}

}  // namespace standstill
