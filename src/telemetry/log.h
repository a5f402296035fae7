#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace insula {

/// error: someone should act. warn: degraded but coping. info: a state change an operator asks
/// about, not per request. debug: per request.
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

enum class LogFormat : std::uint8_t { kText, kJson };

/// `debug`, `info`, `warn` or `error`.
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);

/// One value of a log line. Text is borrowed for the duration of the call.
class LogValue {
 public:
  // Not explicit: a log call lists plain values.
  LogValue(std::string_view text) : value_(text) {}  // NOLINT(google-explicit-constructor)

  LogValue(const char* text)  // NOLINT(google-explicit-constructor)
      : value_(std::string_view(text)) {}

  LogValue(const std::string& text)  // NOLINT(google-explicit-constructor)
      : value_(std::string_view(text)) {}

  // Not from pointers, which convert to bool.
  template <std::same_as<bool> T>
  LogValue(T value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  LogValue(double value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  LogValue(const Error& error)  // NOLINT(google-explicit-constructor)
      : value_(std::string_view(error.message())) {}

  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  LogValue(T value)  // NOLINT(google-explicit-constructor)
      : value_(static_cast<std::int64_t>(value)) {}

  [[nodiscard]] const auto& get() const { return value_; }

 private:
  std::variant<std::string_view, std::int64_t, double, bool> value_;
};

/// Where lines go. Threads: any; each line is written with one system call.
class LogSink {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kText;
  };

  virtual ~LogSink() = default;
  [[nodiscard]] virtual const Options& options() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
  /// `line` ends with a newline. A line that cannot be written is dropped: logging never fails.
  virtual void write(std::string_view line) = 0;
};

/// Lines to a file descriptor that outlives the sink, stderr as a rule.
[[nodiscard]] std::unique_ptr<LogSink> fd_log_sink(int fd,
                                                   LogSink::Options options,
                                                   const Clock& clock);

/// Lines to a file of at most `bytes_max`; a full file becomes `path.1`, so a process never holds
/// more than twice that on disk. Errors: the file cannot be opened.
[[nodiscard]] Result<std::unique_ptr<LogSink>> file_log_sink(std::string path,
                                                             std::size_t bytes_max,
                                                             LogSink::Options options,
                                                             const Clock& clock);

/// A structured log: a constant message, then keys and values.
///
///   log.info("pod bound", "pod", key, "node", node);
///
/// Lower case, past tense for facts. The same thing has the same key everywhere (`pod`,
/// `namespace`, `tenant`, `model`, `err`). Prompts, completions, keys and tokens are not logged.
///
/// A small value, copied freely; one made by default drops every line, which is what most tests
/// want. Lifetime: the sink outlives every Log made from it.
class Log {
 public:
  Log() = default;
  Log(LogSink& sink, std::string_view component);

  /// A Log whose every line carries this field as well.
  [[nodiscard]] Log with(std::string_view key, LogValue value) const;

  [[nodiscard]] bool enabled(LogLevel level) const {
    return sink_ != nullptr && level >= sink_->options().level;
  }

  template <class... Fields>
  void debug(std::string_view message, const Fields&... fields) const {
    write(LogLevel::kDebug, message, fields...);
  }

  template <class... Fields>
  void info(std::string_view message, const Fields&... fields) const {
    write(LogLevel::kInfo, message, fields...);
  }

  template <class... Fields>
  void warn(std::string_view message, const Fields&... fields) const {
    write(LogLevel::kWarn, message, fields...);
  }

  template <class... Fields>
  void error(std::string_view message, const Fields&... fields) const {
    write(LogLevel::kError, message, fields...);
  }

 private:
  template <class... Fields>
  void write(LogLevel level, std::string_view message, const Fields&... fields) const {
    static_assert(sizeof...(Fields) % 2 == 0, "a log call lists keys and values");
    if (enabled(level)) write_line(level, message, {LogValue(fields)...});
  }

  void write_line(LogLevel level,
                  std::string_view message,
                  std::initializer_list<LogValue> fields) const;

  LogSink* sink_ = nullptr;
  /// Already in the sink's format: the component and what with() added.
  std::string prefix_;
};

}  // namespace insula
