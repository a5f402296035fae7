#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "async/loop.h"

namespace insula {

/// A test that a loop passes with either engine; skipped where the kernel or a sandbox refuses it.
class EngineTest : public ::testing::TestWithParam<IoEngine> {
 protected:
  void SetUp() override {
    auto made = Loop::make(system_clock(), GetParam());
    if (!made) GTEST_SKIP() << made.error().message();
    loop_ = *std::move(made);
  }

  [[nodiscard]] Loop& loop() { return *loop_; }

 private:
  std::unique_ptr<Loop> loop_;
};

inline auto io_engines() {
  return ::testing::Values(IoEngine::kEpoll, IoEngine::kIoUring);
}

inline std::string engine_name(const ::testing::TestParamInfo<IoEngine>& engine) {
  return engine.param == IoEngine::kEpoll ? "Epoll" : "IoUring";
}

}  // namespace insula
