#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/gen/core_v1.h"
#include "async/loop.h"
#include "client/testing/fake_api.h"
#include "client/typed.h"
#include "controller/controller.h"
#include "controller/event_recorder.h"
#include "controller/informer.h"
#include "telemetry/metrics.h"
#include "testing/fake_clock.h"

namespace insula::controller::testing {

/// Turns of the loop after which a test that waits gives up. Nothing here waits for real time, so a
/// condition that is not met by then never will be.
inline constexpr int kTurnsMax = 20'000;
/// Turns that let everything come to rest.
inline constexpr int kTurnsToRest = 400;

/// The world of a controller under test: its API server, its clock, its loop.
class Harness {
 public:
  Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  /// Runs the loop until the task has ended.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    run_until_complete(loop, keep(std::move(task), &result));
    return *std::move(result);
  }

  /// Runs the loop until `condition` holds. False if it never does.
  [[nodiscard]] bool until(std::function<bool()> condition);
  /// Runs the loop until everything has come to rest.
  void settle();
  /// Moves the clock, then settles.
  void advance(std::chrono::nanoseconds by);

  void add_namespace(const std::string& name);

  template <class T>
  T create(T object) {
    return *run(client::create(api, std::move(object)));
  }

  template <class T>
  T update(T object) {
    return *run(client::update(api, std::move(object)));
  }

  template <class T>
  T update_status(T object) {
    return *run(client::update_status(api, std::move(object)));
  }

  template <class T>
  std::optional<T> get(const std::string& name_space, const std::string& name) {
    Result<T> object = run(client::get<T>(api, name_space, name));
    return object ? std::optional(*std::move(object)) : std::nullopt;
  }

  template <class T>
  std::vector<T> list(const std::string& name_space = {}) {
    return run(client::list<T>(api, name_space))->items;
  }

  template <class T>
  Result<> remove(const std::string& name_space,
                  const std::string& name,
                  client::DeleteOptions options = {}) {
    return run(client::remove<T>(api, name_space, name, std::move(options)));
  }

  /// What a node does with a pod that it was given: runs it and finds it ready.
  void run_pod(const std::string& name_space,
               const std::string& name,
               const std::string& node = "node",
               const std::string& ip = "10.0.0.1");

  /// Messages of the events about an object, by reason, oldest first.
  std::vector<std::string> events(const std::string& name, const std::string& reason);

  insula::testing::FakeClock clock;
  Loop loop{clock};
  client::testing::FakeApi api{clock};
  MetricsRegistry metrics;
  Runtime runtime{clock, metrics, {}};

 private:
  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }
};

}  // namespace insula::controller::testing
