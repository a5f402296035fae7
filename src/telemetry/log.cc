#include "telemetry/log.h"

#include <array>
#include <chrono>
#include <cmath>
#include <mutex>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace insula {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};

using Buffer = fmt::memory_buffer;

void append(Buffer& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

void append_json_text(Buffer& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

// Plain words stay bare; anything else is quoted, so that a value can never forge a field or a
// line.
bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

void append_value(Buffer& out, LogFormat format, const LogValue& value) {
  std::visit(
      [&](const auto& v) {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, std::string_view>) {
          if (format == LogFormat::kText && is_plain(v)) {
            append(out, v);
          } else {
            append_json_text(out, v);
          }
        } else if constexpr (std::is_same_v<V, double>) {
          if (format == LogFormat::kJson && !std::isfinite(v)) {
            append(out, "null");
          } else {
            fmt::format_to(std::back_inserter(out), "{}", v);
          }
        } else {
          fmt::format_to(std::back_inserter(out), "{}", v);
        }
      },
      value.get());
}

void append_field(Buffer& out, LogFormat format, std::string_view key, const LogValue& value) {
  if (format == LogFormat::kJson) {
    out.push_back(',');
    append_json_text(out, key);
    out.push_back(':');
  } else {
    out.push_back(' ');
    append(out, key);
    out.push_back('=');
  }
  append_value(out, format, value);
}

void append_time(Buffer& out, WallTime time) {
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(millis);
  fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:03d}Z",
                 fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                 (millis - seconds).count());
}

std::string_view text_of(const LogValue& value) {
  const auto* text = std::get_if<std::string_view>(&value.get());
  return text == nullptr ? std::string_view("?") : *text;
}

class FdSink final : public LogSink {
 public:
  FdSink(int fd, Options options, const Clock& clock) : options_(options), clock_(clock), fd_(fd) {}

  const Options& options() const override { return options_; }

  WallTime wall() const override { return clock_.wall(); }

  void write(std::string_view line) override {
    [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
  }

 private:
  const Options options_;
  const Clock& clock_;
  const int fd_;
};

class FileSink final : public LogSink {
 public:
  FileSink(std::string path, std::size_t bytes_max, Options options, const Clock& clock)
      : path_(std::move(path)), bytes_max_(bytes_max), options_(options), clock_(clock) {}

  ~FileSink() override {
    if (fd_ >= 0) ::close(fd_);
  }

  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  Result<> open() {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail_errno("open " + path_);
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    struct stat status{};
    bytes_ = ::fstat(fd, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
    return {};
  }

  const Options& options() const override { return options_; }

  WallTime wall() const override { return clock_.wall(); }

  void write(std::string_view line) override {
    const std::scoped_lock lock(mutex_);
    if (bytes_ > 0 && bytes_ + line.size() > bytes_max_) rotate();
    const auto written = ::write(fd_, line.data(), line.size());
    if (written > 0) bytes_ += static_cast<std::size_t>(written);
  }

 private:
  // If the new file cannot be opened, lines go on into the old one: a full log beats none.
  void rotate() {
    if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 || !open()) bytes_ = 0;
  }

  std::mutex mutex_;
  const std::string path_;
  const std::size_t bytes_max_;
  const Options options_;
  const Clock& clock_;
  int fd_ = -1;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == text) return static_cast<LogLevel>(i);
  }
  return fail(ErrorCode::kBadRequest,
              fmt::format("log level \"{}\" is none of debug, info, warn, error", text));
}

std::unique_ptr<LogSink> fd_log_sink(int fd, LogSink::Options options, const Clock& clock) {
  return std::make_unique<FdSink>(fd, options, clock);
}

Result<std::unique_ptr<LogSink>> file_log_sink(std::string path,
                                               std::size_t bytes_max,
                                               LogSink::Options options,
                                               const Clock& clock) {
  auto sink = std::make_unique<FileSink>(std::move(path), bytes_max, options, clock);
  INSULA_TRY_VOID(sink->open());
  return sink;
}

Log::Log(LogSink& sink, std::string_view component) : sink_(&sink) {
  if (component.empty()) return;
  Buffer out;
  append_field(out, sink.options().format, "component", component);
  prefix_ = fmt::to_string(out);
}

Log Log::with(std::string_view key, LogValue value) const {
  Log copy = *this;
  if (sink_ == nullptr) return copy;
  Buffer out;
  append_field(out, sink_->options().format, key, value);
  copy.prefix_.append(out.data(), out.size());
  return copy;
}

void Log::write_line(LogLevel level,
                     std::string_view message,
                     std::initializer_list<LogValue> fields) const {
  const LogFormat format = sink_->options().format;
  const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
  Buffer out;
  if (format == LogFormat::kJson) {
    append(out, "{\"time\":\"");
    append_time(out, sink_->wall());
    fmt::format_to(std::back_inserter(out), "\",\"level\":\"{}\",\"message\":", name);
    append_json_text(out, message);
  } else {
    append_time(out, sink_->wall());
    fmt::format_to(std::back_inserter(out), " {:<5} {}", name, message);
  }
  append(out, prefix_);
  for (const LogValue* field = fields.begin(); field != fields.end(); field += 2) {
    append_field(out, format, text_of(field[0]), field[1]);
  }
  append(out, format == LogFormat::kJson ? "}\n" : "\n");
  sink_->write({out.data(), out.size()});
}

}  // namespace insula
