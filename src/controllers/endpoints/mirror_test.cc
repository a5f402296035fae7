#include "controllers/endpoints/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/owner.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EndpointsMirrorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    services_.start();
    slices_.start();
    endpoints_.start();
    mirror_.start();
  }

  void make_service(bool with_selector = false) {
    api::Service service;
    service.metadata.namespace_ = "default";
    service.metadata.name = "db";
    service.spec.ports.emplace_back().port = 80;
    if (with_selector) service.spec.selector["app"] = "db";
    world_.create(std::move(service));
  }

  static api::Endpoints endpoints(const std::string& ip) {
    api::Endpoints out;
    out.metadata.namespace_ = "default";
    out.metadata.name = "db";
    out.metadata.labels["team"] = "a";
    api::EndpointSubset& subset = out.subsets.emplace_back();
    subset.addresses.emplace_back().ip = ip;
    subset.not_ready_addresses.emplace_back().ip = "10.9.9.9";
    subset.ports.emplace_back().port = 5432;
    return out;
  }

  std::vector<api::EndpointSlice> slices() {
    world_.settle();
    return world_.list<api::EndpointSlice>("default");
  }

  controller::testing::Harness world_;
  controller::Informer<api::Service> services_{world_.api};
  controller::Informer<api::EndpointSlice> slices_{world_.api};
  controller::Informer<api::Endpoints> endpoints_{world_.api};
  EndpointsMirror mirror_{world_.api, world_.runtime, {services_, slices_, endpoints_}};
};

TEST_F(EndpointsMirrorTest, ShowsWrittenEndpointsAsSlices) {
  make_service();
  const api::Endpoints written = world_.create(endpoints("10.1.2.3"));
  ASSERT_THAT(slices(), SizeIs(1));
  const api::EndpointSlice slice = slices()[0];
  EXPECT_EQ(slice.metadata.labels.at("kubernetes.io/service-name"), "db");
  EXPECT_EQ(slice.metadata.labels.at("endpointslice.kubernetes.io/managed-by"),
            "endpointslicemirroring-controller.k8s.io");
  EXPECT_EQ(slice.metadata.labels.at("team"), "a");
  EXPECT_EQ(controller::controller_uid(slice.metadata), written.metadata.uid);
  ASSERT_THAT(slice.endpoints, SizeIs(2));
  EXPECT_THAT(slice.endpoints[0].addresses, ElementsAre("10.1.2.3"));
  EXPECT_EQ(slice.endpoints[0].conditions.ready, true);
  EXPECT_EQ(slice.endpoints[1].conditions.ready, false);
  EXPECT_EQ(slice.ports.at(0).port, 5432);
}

TEST_F(EndpointsMirrorTest, FollowsAChangeInTheSameSlice) {
  make_service();
  api::Endpoints written = world_.create(endpoints("10.1.2.3"));
  ASSERT_THAT(slices(), SizeIs(1));
  const std::string name = slices()[0].metadata.name;
  written.subsets[0].addresses[0].ip = "10.2.3.4";
  world_.update(written);
  ASSERT_THAT(slices(), SizeIs(1));
  EXPECT_EQ(slices()[0].metadata.name, name);
  EXPECT_THAT(slices()[0].endpoints[0].addresses, ElementsAre("10.2.3.4"));
}

TEST_F(EndpointsMirrorTest, WaitsForItsServiceAndGoesWhenThatGetsASelector) {
  world_.create(endpoints("10.1.2.3"));
  EXPECT_THAT(slices(), IsEmpty());
  make_service();
  EXPECT_THAT(slices(), SizeIs(1));
  api::Service service = *world_.get<api::Service>("default", "db");
  service.spec.selector["app"] = "db";
  world_.update(service);
  EXPECT_THAT(slices(), IsEmpty());
}

TEST_F(EndpointsMirrorTest, LeavesOutWhatIsNotMeantForReaders) {
  make_service();
  api::Endpoints skipped = endpoints("10.1.2.3");
  skipped.metadata.labels[std::string(kSkipMirrorLabel)] = "true";
  world_.create(std::move(skipped));
  EXPECT_THAT(slices(), IsEmpty());
}

TEST(MirroredSlices, HoldOneFamilyAndSoManyAddresses) {
  api::Endpoints endpoints;
  endpoints.metadata.name = "db";
  api::EndpointSubset& subset = endpoints.subsets.emplace_back();
  for (std::size_t i = 0; i <= kEndpointsPerSliceMax; ++i)
    subset.addresses.emplace_back().ip = "10.0.0." + std::to_string(i);
  subset.addresses.emplace_back().ip = "fd00::1";
  const std::vector<api::EndpointSlice> slices = mirrored_slices(endpoints);
  ASSERT_THAT(slices, SizeIs(3));
  EXPECT_THAT(slices[0].endpoints, SizeIs(kEndpointsPerSliceMax));
  EXPECT_THAT(slices[1].endpoints, SizeIs(1));
  EXPECT_EQ(slices[2].address_type, "IPv6");
  EXPECT_NE(slices[0].metadata.name, slices[1].metadata.name);
}

}  // namespace
}  // namespace insula::controllers
