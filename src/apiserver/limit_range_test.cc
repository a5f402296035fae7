#include "apiserver/limit_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::apiserver {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Amounts = std::map<std::string, api::Quantity>;

api::Quantity amount(const char* text) {
  return api::Quantity::parse(text).value();
}

api::Pod pod_with(Amounts requests, Amounts limits, int containers = 1) {
  api::Pod pod;
  for (int i = 0; i < containers; ++i) {
    api::Container& container = pod.spec.containers.emplace_back();
    container.name = "c" + std::to_string(i);
    container.resources.requests = requests;
    container.resources.limits = limits;
  }
  return pod;
}

api::LimitRange range_of(const char* type, Amounts min, Amounts max, Amounts ratio = {}) {
  api::LimitRange range;
  api::LimitRangeItem& item = range.spec.limits.emplace_back();
  item.type = type;
  item.min = std::move(min);
  item.max = std::move(max);
  item.max_limit_request_ratio = std::move(ratio);
  return range;
}

const Amounts kTwoCores = {{"cpu", amount("2")}};

TEST(LimitRange, ABoundNeedsAnAmountToHold) {
  EXPECT_THAT(limit_violations(range_of("Container", kTwoCores, kTwoCores), pod_with({}, {})),
              ElementsAre("minimum cpu usage per Container is 2.  No request is specified",
                          "maximum cpu usage per Container is 2.  No limit is specified"));
}

TEST(LimitRange, EachContainerIsHeldToItsBounds) {
  const api::LimitRange range = range_of("Container", kTwoCores, kTwoCores);
  EXPECT_THAT(limit_violations(range, pod_with(kTwoCores, kTwoCores, 3)), IsEmpty());
  const Amounts one = {{"cpu", amount("1")}};
  const Amounts three = {{"cpu", amount("3")}};
  EXPECT_THAT(limit_violations(range, pod_with(one, three)),
              ElementsAre("minimum cpu usage per Container is 2, but request is 1",
                          "maximum cpu usage per Container is 2, but limit is 3"));
}

TEST(LimitRange, APodIsHeldToTheSumOfItsContainers) {
  EXPECT_THAT(limit_violations(range_of("Pod", {}, kTwoCores), pod_with(kTwoCores, kTwoCores, 2)),
              ElementsAre("maximum cpu usage per Pod is 2, but limit is 4"));
}

TEST(LimitRange, APodsGpusAreBoundedToo) {
  const Amounts one = {{"nvidia.com/gpu", amount("1")}};
  const api::LimitRange range = range_of("Pod", {}, one);
  EXPECT_THAT(limit_violations(range, pod_with(one, one)), IsEmpty());
  EXPECT_THAT(limit_violations(range, pod_with(one, one, 2)),
              ElementsAre("maximum nvidia.com/gpu usage per Pod is 1, but limit is 2"));
}

TEST(LimitRange, ARatioComparesLimitAndRequest) {
  const api::LimitRange range = range_of("Container", {}, {}, kTwoCores);
  EXPECT_THAT(limit_violations(range, pod_with({{"cpu", amount("1")}}, kTwoCores)), IsEmpty());
  EXPECT_THAT(limit_violations(range, pod_with({{"cpu", amount("500m")}}, kTwoCores)),
              ElementsAre("cpu max limit to request ratio per Container is 2, but provided ratio "
                          "is 4.000000"));
  EXPECT_THAT(limit_violations(range, pod_with({}, kTwoCores)),
              ElementsAre("cpu max limit to request ratio per Container is 2, but no request is "
                          "specified or request is 0"));
}

TEST(LimitRange, DefaultsFillWhatIsMissingAndSaySo) {
  api::LimitRange range = range_of("Container", {}, {});
  range.spec.limits[0].default_ = {{"memory", amount("1Gi")}};
  range.spec.limits[0].default_request = {{"memory", amount("512Mi")}};
  api::Pod pod = pod_with({{"memory", amount("256Mi")}}, {});
  apply_limit_defaults(range, pod);
  EXPECT_EQ(pod.spec.containers[0].resources.requests.at("memory").text(), "256Mi");
  EXPECT_EQ(pod.spec.containers[0].resources.limits.at("memory").text(), "1Gi");
  EXPECT_EQ(pod.metadata.annotations.at("kubernetes.io/limit-ranger"),
            "LimitRanger plugin set: memory limit for container c0");
}

}  // namespace
}  // namespace insula::apiserver
