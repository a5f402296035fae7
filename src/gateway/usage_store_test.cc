#include "gateway/usage_store.h"

#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "testing/fake_clock.h"
#include "testing/temp_dir.h"

namespace insula::gateway {
namespace {

/// Over a file system of its own, which a test can fill.
class FullDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can mount a file system to fill";
    if (mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=256m") != 0)
      GTEST_SKIP() << "may not mount here";
  }

  void TearDown() override {
    store_.reset();
    umount2(directory_.path().c_str(), MNT_DETACH);
  }

  Result<> open(unsigned loops) {
    store_.reset();
    INSULA_TRY(store_, UsageStore::open(directory_.path(), {.loops = loops, .retention = {}},
                                        clock_, metrics_, Log()));
    return {};
  }

  void fill() {
    std::ofstream filler(filler_, std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())) && filler.flush())
      continue;
  }

  void make_room() { std::filesystem::remove(filler_); }

  /// Begins and settles one of `prompt` tokens.
  void ask(std::size_t loop, std::int64_t prompt) {
    InFlight running{.record = {}, .price = {}};
    running.record.subject.tenant.set("t");
    running.record.subject.uid.set("u");
    running.record.subject.model.set("m");
    running.record.prompt_tokens = prompt;
    UsageRecorder& recorder = store_->recorder(loop);
    const std::size_t place = recorder.begin(running);
    recorder.settle(place, running.record, clock_.wall());
  }

  [[nodiscard]] std::int64_t prompt_tokens() {
    const auto rows = store_->read({.tenant = "t"});
    if (!rows || rows->size() != 1) return -1;
    return rows->front().counts.prompt_tokens;
  }

  [[nodiscard]] std::int64_t tokens_this_month() {
    return store_->used_this_month("USD")->of("t", "u").total.month.tokens;
  }

  testing::TempDir directory_;
  const std::string filler_ = directory_ / "filler";
  testing::FakeClock clock_;
  MetricsRegistry registry_;
  GatewayMetrics metrics_{registry_};
  std::unique_ptr<UsageStore> store_;
};

TEST_F(FullDiskTest, AStartOnItKnowsAllSumsAndCountsOn) {
  ASSERT_TRUE(open(3));
  ask(0, 1);
  ASSERT_TRUE(store_->persist());
  for (std::size_t loop = 0; loop < 3; ++loop)
    ask(loop, 100);
  fill();
  ASSERT_EQ(store_->persist().error().code(), ErrorCode::kInsufficientStorage);
  EXPECT_EQ(prompt_tokens(), 301);

  const auto opened = open(2);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(prompt_tokens(), 301);
  EXPECT_EQ(tokens_this_month(), 301);
  ask(1, 1000);
  EXPECT_EQ(prompt_tokens(), 1301);
  EXPECT_TRUE(store_->read({.tenant = "other"})->empty());

  make_room();
  ASSERT_TRUE(store_->persist());
  EXPECT_EQ(prompt_tokens(), 1301);
  ASSERT_TRUE(open(3));
  EXPECT_EQ(prompt_tokens(), 1301);
  EXPECT_EQ(tokens_this_month(), 1301);
}

}  // namespace
}  // namespace insula::gateway
