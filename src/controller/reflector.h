#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "async/event.h"
#include "async/task.h"
#include "client/client.h"
#include "controller/work_queue.h"
#include "telemetry/log.h"

namespace insula::controller {

/// A resourceVersion as a number, so that two of them can be ordered; 0 when it is not one.
/// Spec: KEP-5504, comparable resource versions.
[[nodiscard]] std::int64_t revision_of(std::string_view resource_version);

/// Where a Reflector puts what it sees.
class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  /// The whole collection at `revision`, one page after the other: begin, pages, end.
  virtual void begin_replace() = 0;
  virtual void add_page(const client::Page& page) = 0;
  virtual void end_replace(std::int64_t revision) = 0;
  virtual void apply(const client::WatchEvent& event) = 0;
  /// The last revision that replace, apply or a bookmark brought.
  [[nodiscard]] virtual std::int64_t revision() const = 0;
};

struct ReflectorOptions {
  std::string name_space;  // empty: all
  std::string label_selector;
  std::string field_selector;
  Backoff retry{std::chrono::milliseconds(50), std::chrono::seconds(10)};
};

/// Objects asked for in one answer while listing; bounds the size of a response body.
inline constexpr std::int64_t kListPageObjects = 500;

/// Mirrors one collection into a sink: lists it, watches from there, watches again when the stream
/// ends, lists again when the revision is gone, and retries what fails with growing delays,
/// forever.
class Reflector {
 public:
  Reflector(client::Client& client,
            const api::Kind& kind,
            ReflectorOptions options,
            ReflectorSink& sink,
            Log log);

  /// Ends only by cancellation.
  Task<> run();

  /// Set once the first list has arrived; stays set.
  [[nodiscard]] Event& synced() { return synced_; }

 private:
  Task<Result<>> list();
  /// Follows one stream to its end. kExpired: list again.
  Task<Result<>> follow();
  Task<> pause(const Error& error, std::string_view doing);
  [[nodiscard]] client::Target target() const;

  client::Client& client_;
  const api::Kind& kind_;
  ReflectorOptions options_;
  ReflectorSink& sink_;
  Log log_;
  Event synced_;
  int failures_ = 0;
};

}  // namespace insula::controller
