#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/kind.h"
#include "api/protobuf.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {
namespace {

namespace fs = std::filesystem;

/// Where Kubernetes' own encodings of every kind lie: $INSULA_SHARED, or `shared` beside the source
/// tree.
std::optional<fs::path> golden_folder() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  const char* from_environment = std::getenv("INSULA_SHARED");
  const fs::path root = from_environment != nullptr
                            ? fs::path(from_environment)
                            : fs::path(INSULA_SOURCE_DIR).parent_path() / "shared";
  const fs::path folder = root / "fixtures" / "golden";
  return fs::is_directory(folder) ? std::optional(folder) : std::nullopt;
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Path of the first member that differs; empty when none does.
std::string difference(const json::Value& a, const json::Value& b, const std::string& path) {
  if (a == b) return {};
  if (a.is_object() && b.is_object()) {
    for (const json::Value* side : {&a, &b}) {
      for (const auto& [key, value] : *side->as_object()) {
        if (auto found = difference(a[key], b[key], path + "." + key); !found.empty()) return found;
      }
    }
  }
  if (a.is_array() && b.is_array() && a.as_array()->size() == b.as_array()->size()) {
    for (std::size_t i = 0; i < a.as_array()->size(); ++i) {
      if (auto found = difference((*a.as_array())[i], (*b.as_array())[i],
                                  path + "[" + std::to_string(i) + "]");
          !found.empty())
        return found;
    }
  }
  return path + ": " + json::write(a) + " and " + json::write(b);
}

using Object = std::unique_ptr<void, void (*)(void*)>;

Object make(const TypeInfo& type) {
  return {type.ops.create(), type.ops.destroy};
}

/// Those that are of no kind here, and why.
const std::map<std::string, std::string_view>& left_out() {
  constexpr std::string_view kUrl = "its fields are parameters of URLs; nobody sends it as a body";
  constexpr std::string_view kWritten = "a document that is only written, in JSON";
  constexpr std::string_view kInside = "of kube-apiserver's own storage, no API";
  constexpr std::string_view kDevices = "dynamic resource allocation is not offered";
  static const std::map<std::string, std::string_view> reasons = {
      {"admission.k8s.io.v1.AdmissionReview", "written to webhooks and read from them, in JSON"},
      {"apidiscovery.k8s.io.v2.APIGroupDiscovery", kWritten},
      {"core.v1.APIGroup", kWritten},
      {"core.v1.APIVersions", kWritten},
      {"core.v1.ComponentStatus", "deprecated since 1.19; /readyz?verbose tells of the components"},
      {"core.v1.CreateOptions", kUrl},
      {"core.v1.GetOptions", kUrl},
      {"core.v1.ListOptions", kUrl},
      {"core.v1.NodeProxyOptions", kUrl},
      {"core.v1.PatchOptions", kUrl},
      {"core.v1.PodAttachOptions", kUrl},
      {"core.v1.PodExecOptions", kUrl},
      {"core.v1.PodLogOptions", kUrl},
      {"core.v1.PodPortForwardOptions", kUrl},
      {"core.v1.PodProxyOptions", kUrl},
      {"core.v1.PodStatusResult", kInside},
      {"core.v1.RangeAllocation", kInside},
      {"core.v1.SerializedReference", kInside},
      {"core.v1.ServiceProxyOptions", kUrl},
      {"core.v1.UpdateOptions", kUrl},
      {"core.v1.WatchEvent", "written beside the object that it holds, without a copy"},
      {"resource.k8s.io.v1.DeviceClass", kDevices},
      {"resource.k8s.io.v1.ResourceClaim", kDevices},
      {"resource.k8s.io.v1.ResourceClaimTemplate", kDevices},
      {"resource.k8s.io.v1.ResourceSlice", kDevices},
  };
  return reasons;
}

/// The kind of "apps.v1.Deployment", or null.
const Kind* kind_of_stem(const std::string& stem) {
  const std::size_t last = stem.rfind('.');
  const std::size_t before = stem.rfind('.', last - 1);
  const std::string group = stem.substr(0, before);
  const std::string version = stem.substr(before + 1, last - before - 1);
  const std::string name = stem.substr(last + 1);
  if (group != "core") return find_kind(group + "/" + version, name);
  // Kubernetes registers the kinds of all groups' requests and answers in each.
  const Kind* found = find_kind(version, name);
  return found != nullptr ? found : find_kind("meta.k8s.io/" + version, name);
}

class Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = golden_folder();
    if (!folder_)
      GTEST_SKIP() << "no golden files: set INSULA_SHARED to the folder that has fixtures/golden";
  }

  /// "apps.v1.Deployment" of each object that is there.
  [[nodiscard]] std::set<std::string> stems() const {
    std::set<std::string> found;
    for (const auto& file : fs::directory_iterator(*folder_)) {
      if (file.path().extension() == ".json") found.insert(file.path().stem().string());
    }
    return found;
  }

  std::optional<fs::path> folder_;
};

TEST_F(Golden, EveryKindIsHereOrIsNamedWithAReason) {
  std::set<std::string> unnamed;
  for (const std::string& stem : stems()) {
    if ((kind_of_stem(stem) == nullptr) != left_out().contains(stem)) unnamed.insert(stem);
  }
  EXPECT_THAT(unnamed, ::testing::IsEmpty());
}

TEST_F(Golden, EveryKindReadsAndWritesKubernetesJsonWithoutLoss) {
  int compared = 0;
  for (const std::string& stem : stems()) {
    const Kind* kind = kind_of_stem(stem);
    if (kind == nullptr) continue;
    ++compared;
    const std::string text = contents(*folder_ / (stem + ".json"));
    const Object object = make(kind->type);
    const auto decoded = decode_json(kind->type, object.get(), text, Strictness::kStrict);
    ASSERT_TRUE(decoded.has_value()) << stem << ": " << decoded.error().message();
    const json::Value expected = json::parse(text).value();
    const json::Value written = to_json(kind->type, object.get());
    EXPECT_EQ(difference(expected, written, stem), "");
  }
  EXPECT_GE(compared, 60);
}

TEST_F(Golden, ProtobufAndJsonAreTheSameObject) {
  int compared = 0;
  for (const std::string& stem : stems()) {
    const Kind* kind = kind_of_stem(stem);
    if (kind == nullptr) continue;
    ++compared;
    const std::string text = contents(*folder_ / (stem + ".json"));
    const std::string bytes = contents(*folder_ / (stem + ".pb"));
    const Object from_json = make(kind->type), from_protobuf = make(kind->type),
                 again = make(kind->type);
    ASSERT_TRUE(decode_json(kind->type, from_json.get(), text).has_value());
    const auto decoded = decode_protobuf(kind->type, from_protobuf.get(), bytes);
    ASSERT_TRUE(decoded.has_value()) << stem << ": " << decoded.error().message();
    EXPECT_EQ(difference(to_json(kind->type, from_json.get()),
                         to_json(kind->type, from_protobuf.get()), stem),
              "");
    EXPECT_TRUE(kind->type.ops.equal(from_json.get(), from_protobuf.get()));
    ASSERT_TRUE(
        decode_protobuf(kind->type, again.get(), encode_protobuf(kind->type, from_protobuf.get()))
            .has_value());
    EXPECT_TRUE(kind->type.ops.equal(again.get(), from_json.get())) << stem;
  }
  EXPECT_GE(compared, 60);
}

}  // namespace
}  // namespace insula::api
