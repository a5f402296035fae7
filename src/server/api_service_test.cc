#include "server/api_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/core_v1.h"
#include "apiserver/registry.h"
#include "async/loop.h"
#include "base/random.h"
#include "client/in_process_client.h"
#include "client/typed.h"
#include "store/memory_journal.h"
#include "store/store.h"

namespace insula::server {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ApiServiceTest : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    auto keep = [](Task<T> inner, std::optional<T>& result) -> Task<> {
      result.emplace(co_await std::move(inner));
    };
    run_until_complete(loop_, keep(std::move(task), out));
    return *std::move(out);
  }

  void SetUp() override {
    api::Namespace fallback;
    fallback.metadata.name = "default";
    ASSERT_TRUE(run(client::create(client_, std::move(fallback))));
  }

  void start_at(const char* address) {
    const Result<> done = run(ensure_api_service(client_, *net::Address::parse(address)));
    ASSERT_TRUE(done) << done.error().message();
  }

  api::Service service() {
    return *run(client::get<api::Service>(client_, "default", "kubernetes"));
  }

  api::Endpoints endpoints() {
    return *run(client::get<api::Endpoints>(client_, "default", "kubernetes"));
  }

  Loop loop_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Store> store_ =
      *store::Store::open(std::make_unique<store::MemoryJournal>(disk_), {});
  SeededRandom random_{1};
  apiserver::Registry registry_{*store_, loop_.clock(), random_};
  client::InProcessClient client_{registry_};
};

TEST_F(ApiServiceTest, SaysWhereTheServerIs) {
  start_at("192.0.2.7:6443");
  EXPECT_EQ(service().spec.cluster_ip, "10.96.0.1");
  EXPECT_EQ(service().spec.ports.at(0).target_port, api::IntOrString(6443));
  ASSERT_THAT(endpoints().subsets, SizeIs(1));
  EXPECT_EQ(endpoints().subsets[0].addresses.at(0).ip, "192.0.2.7");
  EXPECT_EQ(endpoints().subsets[0].ports.at(0).port, 6443);
}

TEST_F(ApiServiceTest, FollowsTheAddressAndWritesNothingWhenItStays) {
  start_at("192.0.2.7:6443");
  start_at("192.0.2.8:7443");
  EXPECT_EQ(service().spec.ports.at(0).target_port, api::IntOrString(7443));
  EXPECT_EQ(endpoints().subsets.at(0).addresses.at(0).ip, "192.0.2.8");
  const store::Revision before = store_->revision();
  start_at("192.0.2.8:7443");
  EXPECT_EQ(store_->revision(), before);
}

TEST_F(ApiServiceTest, HasNoEndpointsOnALoopbackAddress) {
  start_at("192.0.2.7:6443");
  start_at("127.0.0.1:6443");
  EXPECT_THAT(endpoints().subsets, IsEmpty());
}

}  // namespace
}  // namespace insula::server
