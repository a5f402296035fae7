#include "node/oci_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::node {
namespace {

json::Value linux_part(const ContainerPlan& plan, const OciSettings& settings) {
  return json::parse(oci_config(plan, {}, settings)).value()["linux"];
}

TEST(OciConfig, GivesAContainerTheDevicesItHoldsAndNoOthers) {
  OciSettings settings;
  settings.devices = {{"/dev/nvidia3", 195, 3}, {"/dev/nvidiactl", 195, 255}};
  const json::Value config = linux_part({}, settings);
  EXPECT_EQ(json::write(config["resources"]["devices"]),
            R"([{"allow":false,"access":"rwm"},)"
            R"({"allow":true,"type":"c","major":195,"minor":3,"access":"rw"},)"
            R"({"allow":true,"type":"c","major":195,"minor":255,"access":"rw"}])");
  const json::Array* nodes = config["devices"].as_array();
  ASSERT_NE(nodes, nullptr);
  ASSERT_EQ(nodes->size(), 2U);
  EXPECT_EQ((*nodes)[0]["path"].text(), "/dev/nvidia3");
  EXPECT_EQ((*nodes)[0]["major"].as_int64(), 195);
  EXPECT_EQ((*nodes)[0]["minor"].as_int64(), 3);
}

TEST(OciConfig, NamesNoDevicesForAContainerThatHoldsNone) {
  const json::Value config = linux_part({}, {});
  EXPECT_EQ(config["devices"].as_array(), nullptr);
  EXPECT_EQ(json::write(config["resources"]["devices"]), R"([{"allow":false,"access":"rwm"}])");
}

}  // namespace
}  // namespace insula::node
